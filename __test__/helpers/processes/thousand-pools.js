'use strict';

// Makes and closes a thousand pools and tells what grew. Needs --expose-gc.

const fs = require('node:fs');
const lib = require('../../..');
const { FakeBrowserManager } = require('../fake-browser.js');

const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} });
let collected = 0;
const registry = new FinalizationRegistry(() => collected++);

async function one(i) {
  const fake = new FakeBrowserManager();
  const pool = new lib.PagePool({
    maxPages: 2, serverURL: 'http://s', boxelHostURL: 'http://h', browserManager: fake, logger: quiet,
    renderSemaphore: new lib.AsyncSemaphore(1), onAffinityDisposed: () => pool.getWarmAffinities(),
  });
  registry.register(pool);
  const signal = new AbortController();
  const lease = await pool.getPage('a', 'file', { signal: signal.signal });
  lease.page.emit('console', { type: () => 'error', text: () => 'x', args: () => [], location: () => ({}) });
  lease.release();
  (await pool.getPage('b', 'module')).release();
  (await pool.getPage('a')).release();
  if (i % 2) {
    await pool.disposeAffinity('a', { awaitIdle: i % 4 === 1, retainSharedContext: i % 3 === 0 });
  }
  await pool.closeAll();
}

const readCount = (path) => {
  try {
    return fs.readdirSync(path).length;
  } catch {
    return 0;
  }
};

async function measure() {
  for (let i = 0; i < 6; i++) {
    global.gc();
    await new Promise(setImmediate);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  global.gc();
  return {
    heap: process.memoryUsage().heapUsed / 2 ** 20,
    rss: process.memoryUsage().rss / 2 ** 20,
    handles: process.getActiveResourcesInfo().length,
    threads: readCount('/proc/self/task'),
    fds: readCount('/proc/self/fd'),
  };
}

(async () => {
  let done = 0;
  for (; done < 500; done++) {
    await one(done);
  }
  const middle = await measure();
  for (; done < 1000; done++) {
    await one(done);
  }
  const end = await measure();
  await measure();
  console.log(JSON.stringify({
    pools: done,
    heapGrowth: end.heap - middle.heap,
    rssGrowth: end.rss - middle.rss,
    handleGrowth: end.handles - middle.handles,
    threadGrowth: end.threads - middle.threads,
    fdGrowth: end.fds - middle.fds,
    collected,
    middle,
    end,
  }));
})();
