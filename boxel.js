// The same under the name of what it stands in for. A file of its own: resolution as of old knows no "exports".
'use strict';

module.exports = require('./index.js');
