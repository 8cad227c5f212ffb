export * from './index.js'
import pagepool = require('./index.js')
export default pagepool
