// What `import` has for types: each export by name, and all of them as the default.

import pagepool, { AsyncSemaphore, PagePool, createPool, type BrowserManagerLike, type Lease } from 'pagepool'
import boxel, { type PagePoolOptions } from 'pagepool/boxel'

const asToday = (options: PagePoolOptions): PagePool => new boxel.PagePool(options)
const byDefault: typeof PagePool = pagepool.PagePool
const semaphore: AsyncSemaphore = new pagepool.AsyncSemaphore(1)
const held = (lease: Lease): string => lease.pageId

const made: Promise<PagePool> = createPool({ maxPages: 2, readySelector: '#app', initScripts: ['globalThis.mine = 1'] })
const overManager = (browserManager: BrowserManagerLike) => new PagePool({ maxPages: 1, standbyURL: 'about:blank', browserManager })
const grows: Promise<PagePool> = createPool({
  minPages: 1, maxPages: 2, burstPages: 4, initialPages: 2, highPriorityMaxPages: 5, highPriorityThreshold: 1, idleContractionMs: 1000,
  maxTabsPerAffinity: 2, maxFileLeasesPerAffinity: 1, maxSharedContexts: 8, readyFunction: () => document.readyState === 'complete',
})
const dropIn: typeof PagePool = boxel.PagePool
// @ts-expect-error: how many pages?
const unbounded = createPool({})
// @ts-expect-error: neither a standbyURL nor a host app
const nowhere = (browserManager: BrowserManagerLike) => new PagePool({ maxPages: 1, browserManager })

export { asToday, byDefault, dropIn, grows, held, made, nowhere, overManager, semaphore, unbounded }
