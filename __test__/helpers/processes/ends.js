'use strict';

// Does one thing with a pool and then runs out of things to do. No process.exit here.

const lib = require('../../..');
const { FakeBrowserManager } = require('../fake-browser.js');

const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} });
const make = (options = {}) => new lib.PagePool({
  maxPages: 2, serverURL: 'http://s', boxelHostURL: 'http://h', browserManager: new FakeBrowserManager(), logger: quiet, ...options,
});

const cases = {
  async closed() {
    const pool = make();
    const lease = await pool.getPage('a');
    lease.release();
    await pool.closeAll();
  },
  async idle() {
    const pool = make();
    await pool.warmStandbys();
  },
  async dynamic() {
    process.env.PRERENDER_PAGE_POOL_MIN = '1';
    process.env.PRERENDER_PAGE_POOL_MAX = '4';
    const pool = make({ renderSemaphore: new lib.AsyncSemaphore(1), contractionTickMs: 20 });
    pool.__test_tryExpand();
    (await pool.getPage('a')).release();
  },
  async warm() {
    const pool = make();
    for (let i = 0; i < 20; i++) {
      (await pool.getPage(`t${i % 3}`)).release();
    }
    await pool.disposeAffinity('t1', { awaitIdle: false });
  },
  async constructed() {
    make();
  },
  async cancelled() {
    const pool = make({ maxPages: 1 });
    const held = [await pool.getPage('a'), await pool.getPage('b')];
    const c = new AbortController();
    const waiting = pool.getPage('c', 'file', { signal: c.signal }).catch((e) => e.code);
    c.abort();
    if (await waiting !== 'PRERENDER_CANCELLED') {
      throw new Error('not cancelled');
    }
    held.forEach((l) => l.release());
  },
  async semaphores() {
    const semaphore = new lib.AsyncSemaphore(1);
    await semaphore.acquire();
    const queue = new lib.TabQueue();
    await queue.acquire();
  },
};

const what = process.argv[2];
cases[what]().then(() => console.log(JSON.stringify({ done: what })));
