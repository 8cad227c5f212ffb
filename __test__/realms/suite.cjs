'use strict';

// What holds in whichever realm the package is loaded. Run by runners that make a context of their own for it.

const lib = require('../..');

/** A browser manager of plain objects, as small as a standby needs. */
function manager() {
  const page = (context) => ({
    browserContext: () => context,
    goto: async () => ({ status: () => 200 }),
    waitForFunction: async () => true,
    evaluate: async () => true,
    close: async () => {},
    on() {},
    off() {},
    removeAllListeners() {},
  });
  const browser = {
    async createBrowserContext() {
      const context = { newPage: async () => page(context), close: async () => {} };
      return context;
    },
  };
  return { getBrowser: async () => browser, cleanupUserDataDirs: async () => {} };
}

const options = (more) => ({ maxPages: 2, serverURL: 'http://server.test', boxelHostURL: 'http://host.test', browserManager: manager(), ...more });
const caught = async (run) => {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};
const equal = (actual, expected, what) => {
  if (actual !== expected) {
    throw new Error(`${what}: ${actual}, and not ${expected}`);
  }
};

/** Each by its name; rejects where it does not hold. */
exports.checks = {
  'errors are the caller\'s': async () => {
    const pool = new lib.PagePool(options());
    equal((await caught(() => new lib.PagePool({}))) instanceof TypeError, true, 'a TypeError of the constructor');
    equal((await caught(() => pool.getPage(''))) instanceof TypeError, true, 'a TypeError of getPage');
    const cancelled = await caught(() => pool.getPage('a', 'file', { signal: AbortSignal.abort('why') }));
    equal(cancelled instanceof Error, true, 'an Error');
    equal(cancelled instanceof lib.PrerenderCancelledError, true, 'a PrerenderCancelledError');
    equal(lib.isPrerenderCancellation(cancelled), true, 'which is known as one');
    equal((await caught(async () => lib.throwIfAborted(AbortSignal.abort()))) instanceof lib.PrerenderCancelledError, true, 'throwIfAborted');
    const waiting = pool.getPage('a');
    const closed = pool.closeAll();
    const end = await caught(() => waiting);
    equal(end.code, 'POOL_CLOSED', 'the code');
    equal(end instanceof Error, true, 'an Error that comes later');
    await closed;
  },
  'process.env is the caller\'s': async () => {
    process.env.PRERENDER_PAGE_POOL_MIN = '3';
    process.env.PRERENDER_PAGE_POOL_MAX = '5';
    try {
      const pool = new lib.PagePool(options());
      equal(`${pool.minPages} ${pool.maxBurstPages}`, '3 5', 'the envelope');
    } finally {
      delete process.env.PRERENDER_PAGE_POOL_MIN;
      delete process.env.PRERENDER_PAGE_POOL_MAX;
    }
  },
  'console and fetch are the caller\'s, mocked or not': async () => {
    const before = { warn: console.warn, fetch: globalThis.fetch };
    const [lines, requests] = [[], []];
    console.warn = (...parts) => lines.push(parts.join(' '));
    globalThis.fetch = async (url, init) => {
      requests.push(`${init.method} ${url}`);
      return { ok: true };
    };
    process.env.PRERENDER_MANAGER_URL = 'http://manager.test';
    try {
      const pool = new lib.PagePool(options({ maxPages: 1 }));
      equal(lines.length > 0 && lines.every((line) => line.startsWith('[prerenderer] ')), true, `lines: ${lines}`);
      const lease = await pool.getPage('a');
      lease.release();
      await pool.disposeAffinity('a');
      equal(requests.join(), 'DELETE http://manager.test/prerender-servers/affinities/a?url=http://server.test', 'requests');
      await pool.closeAll();
    } finally {
      Object.assign(console, { warn: before.warn });
      globalThis.fetch = before.fetch;
      delete process.env.PRERENDER_MANAGER_URL;
    }
  },
  'classes can be subclassed, and methods replaced': async () => {
    class Mine extends lib.PagePool {
      getPage(key, ...rest) {
        return super.getPage(`mine:${key}`, ...rest);
      }
    }
    const pool = new Mine(options());
    equal(pool instanceof lib.PagePool, true, 'an instance');
    const original = lib.PagePool.prototype.getWarmAffinities;
    lib.PagePool.prototype.getWarmAffinities = function patched() {
      return ['patched', ...original.call(this)];
    };
    try {
      const lease = await pool.getPage('a');
      equal(pool.getWarmAffinities().join(), 'patched,mine:a', 'both');
      equal(lease instanceof Object && pool.getVacancySnapshot() instanceof Object, true, 'plain objects of the caller');
      lease.release();
    } finally {
      lib.PagePool.prototype.getWarmAffinities = original;
      await pool.closeAll();
    }
    const semaphore = new lib.AsyncSemaphore(1);
    (await semaphore.acquire())();
    equal(semaphore.inUseCount, 0, 'a semaphore');
  },
};
