// What `import` has for types: each export by name, and all of them as the default.

import pagepool, { AsyncSemaphore, PagePool, createPool, type BrowserManagerLike, type Lease } from 'pagepool'

const byDefault: typeof PagePool = pagepool.PagePool
const semaphore: AsyncSemaphore = new pagepool.AsyncSemaphore(1)
const held = (lease: Lease): string => lease.pageId

const made: Promise<PagePool> = createPool({ maxPages: 2, readySelector: '#app', initScripts: ['globalThis.mine = 1'] })
const overManager = (browserManager: BrowserManagerLike) => new PagePool({ maxPages: 1, standbyURL: 'about:blank', browserManager })
// @ts-expect-error: how many pages?
const unbounded = createPool({})
// @ts-expect-error: neither a standbyURL nor a host app
const nowhere = (browserManager: BrowserManagerLike) => new PagePool({ maxPages: 1, browserManager })

export { byDefault, held, made, nowhere, overManager, semaphore, unbounded }
