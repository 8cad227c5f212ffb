// What `import` has for types: each export by name, and all of them as the default.

import pagepool, { AsyncSemaphore, PagePool, type Lease } from 'pagepool'

const byDefault: typeof PagePool = pagepool.PagePool
const semaphore: AsyncSemaphore = new pagepool.AsyncSemaphore(1)
const held = (lease: Lease): string => lease.pageId

export { byDefault, held, semaphore }
