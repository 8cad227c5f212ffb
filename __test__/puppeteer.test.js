'use strict';

// The same scenarios on real Chrome over our browser manager and over a puppeteer one. Each must come out as it
// is written here, and both the same.

const lib = require('..');
const { PuppeteerManager, chromeTest: test, findChrome, needsNoSandbox } = require('./helpers/chrome.js');
const { Logs, withEnv } = require('./helpers/kit.js');
const { startHost } = require('./helpers/host.js');
const { until, within } = require('./helpers/wait.js');

const managers = {
  ours: () => new lib.BrowserManager(),
  puppeteer: () => new PuppeteerManager(),
};

/** Each runs over a fresh pool and returns what is to be compared. */
const scenarios = {
  'the shape of leases, cold and warm': async ({ pool, take }) => {
    const cold = await take('a');
    const marks = await cold.page.evaluate(() => [globalThis.marked, document.title, location.pathname]);
    cold.release();
    const warm = await take('a');
    const sum = Object.values(warm.waits).reduce((x, y) => x + y, 0);
    const outcome = {
      keys: Object.keys(cold).sort(),
      waits: Object.keys(cold.waits).sort(),
      reused: [cold.reused, warm.reused],
      samePage: cold.page === warm.page,
      samePageId: cold.pageId === warm.pageId,
      uuid: /^[0-9a-f-]{36}$/.test(cold.pageId),
      integers: Object.values({ ...cold.waits, launchMs: cold.launchMs }).every((n) => Number.isInteger(n) && n >= 0),
      sumWithinLaunch: sum <= warm.launchMs,
      startup: cold.waits.tabStartupMs >= 0 && warm.waits.tabStartupMs === 0,
      marks,
      warm: pool.getWarmAffinities(),
    };
    warm.release();
    return outcome;
  },

  'tenants do not share storage; an orphan finds its own again': async ({ pool, take }) => {
    const seen = [];
    const visit = async (key, value) => {
      const lease = await take(key);
      seen.push(await lease.page.evaluate((v) => {
        const before = localStorage.getItem('mark');
        if (v) {
          localStorage.setItem('mark', v);
        }
        return before;
      }, value));
      lease.release();
      return lease;
    };
    const a = await visit('a', 'of a');
    await visit('b', 'of b');
    await visit('a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    const again = await visit('a');
    await pool.disposeAffinity('a');
    await visit('a');
    return { seen, sameContext: again.page.browserContext() === a.page.browserContext(), newPage: again.page !== a.page };
  },

  'console errors': async ({ pool, take, logs }) => {
    const lease = await take('a');
    pool.resetConsoleErrors(lease.pageId);
    await lease.page.evaluate(() => {
      for (let i = 0; i < 3; i++) {
        console.error('the same', { a: [1, null] }, 5, true);
      }
      console.error('plain');
      console.error('nothing', undefined);
      console.error('half a smile \ud83d', { half: '\ud83d' });
      console.warn('a warning');
      console.log('a line');
      console.assert(1 === 2, 'one is two');
    });
    // A message with an object is complete only when the page has told its value: it may come after later ones.
    const said = { 'the same {': 3, plain: 1, nothing: 1, 'half a smile': 1, 'one is two': 1 };
    const arrived = ([text, times]) => logs.lines.filter((l) => l.text.includes(text)).length >= times;
    await until(() => Object.entries(said).every(arrived), 'every message arrived');
    const entries = pool.takeConsoleErrors(lease.pageId);
    lease.release();
    return {
      entries: entries.map(({ type, text, source }) => [type, text, source ?? 'console']).sort((x, y) => (x[1] < y[1] ? -1 : 1)),
      placed: entries.every((e) => !e.location || typeof e.location === 'object'),
      empty: pool.takeConsoleErrors(lease.pageId),
      levels: ['a warning', 'a line', 'plain'].map((text) => logs.lines.find((l) => l.name === 'prerenderer-chrome' && l.text.includes(text))?.level),
    };
  },

  'uncaught exceptions, and one that is revoked': async ({ pool, take }) => {
    const lease = await take('a');
    pool.resetConsoleErrors(lease.pageId);
    await lease.page.evaluate(() => new Promise((resolve) => {
      setTimeout(() => {
        throw new Error('thrown late');
      }, 0);
      setTimeout(() => {
        throw 'a string';
      }, 5);
      setTimeout(() => {
        throw new Error('half a smile \ud83d');
      }, 5);
      setTimeout(() => {
        const rejected = Promise.reject(new TypeError('handled later'));
        setTimeout(() => {
          rejected.catch(() => {});
          setTimeout(resolve, 50);
        }, 50);
      }, 10);
    }));
    const entries = [];
    await until(() => {
      entries.push(...pool.takeConsoleErrors(lease.pageId));
      return entries.length >= 4;
    }, 'four exceptions');
    lease.release();
    return entries.map(({ type, text, source, revoked, stackFrames }) => ({ type, text: text.replace(/^Uncaught (\(in promise\) )?/, ''), source, revoked: revoked ?? false, frames: Boolean(stackFrames?.length) }));
  },

  'disposal under a lease, and of an idle tab': async ({ pool, take, disposed }) => {
    const lease = await take('a');
    let ended = false;
    const done = pool.disposeAffinity('a').then(() => {
      ended = true;
    });
    const usable = await lease.page.evaluate(() => 1 + 1);
    const early = ended;
    const fresh = await take('a', 'module');
    const differs = fresh.page.browserContext() !== lease.page.browserContext();
    lease.release();
    await done;
    const closed = lease.page.isClosed();
    fresh.release();
    await pool.disposeAffinity('a', { awaitIdle: false });
    const told = [...disposed];
    await until(() => fresh.page.isClosed(), 'the second tab is closed');
    await until(() => pool.getWarmAffinities().length === 0, 'nothing is warm');
    await until(() => pool.getSharedContextSnapshot().entries.length === 0, 'no row is left');
    return { usable, early, differs, closed, told, rows: pool.getSharedContextSnapshot().entries };
  },

  'cancellation while every page is leased': async ({ pool, take }) => {
    const held = [await take('a'), await take('b'), await take('c')];
    const controller = new AbortController();
    const waiting = pool.getPage('d', 'file', { signal: controller.signal }).then(() => 'granted', (e) => [e.name, e.state, e.reason, e.code]);
    controller.abort('left');
    const outcome = await waiting;
    held.forEach((l) => l.release());
    const next = await take('d');
    const works = await next.page.evaluate(() => 'works');
    next.release();
    return { outcome, works, pending: pool.getQueueDepthSnapshot().totalPending };
  },

  'a tab in an endless loop is retired and replaced': async ({ pool, take }) => {
    const lease = await take('a');
    // It is retired only where something else can be offered.
    await pool.warmStandbys();
    await lease.page.evaluate(() => {
      localStorage.setItem('kept', 'yes');
      setTimeout(() => {
        for (;;);
      }, 0);
    });
    lease.release();
    const next = await take('a');
    const outcome = { samePage: next.page === lease.page, swaps: pool.getUnresponsiveTabSwaps(), works: await next.page.evaluate(() => 2 + 2) };
    next.release();
    const other = await take('b');
    outcome.other = await other.page.evaluate(() => 'others work');
    other.release();
    return outcome;
  },

  'a host app that is not there yet': async ({ pool, host, take }) => {
    host.status = 503;
    await pool.closeAll();
    const error = await pool.getPage('a').catch((e) => e);
    host.status = 200;
    const lease = await take('a');
    const works = await lease.page.evaluate(() => document.querySelector('#standby-ready').textContent);
    lease.release();
    return { message: error.message, code: error.code, cause: [error.cause?.name, error.cause?.code], instance: error.cause instanceof lib.StandbyTargetNotReadyError, works };
  },

  'requests in flight': async ({ take, host }) => {
    const lease = await take('a');
    await lease.page.evaluate(() => {
      fetch('/hang').catch(() => {});
      return fetch('/gone').then((r) => r.status);
    });
    let pending = [];
    const poll = setInterval(async () => {
      pending = await lib.getPendingNetworkRequests(lease.page);
    }, 5);
    try {
      await until(() => pending.some((p) => p.url === `${host.url}/hang`) && !pending.some((p) => p.url === `${host.url}/gone`), 'the one that hangs is listed');
    } finally {
      clearInterval(poll);
    }
    lease.release();
    return { urls: pending.map((p) => new URL(p.url).pathname) };
  },

  'what workers say, and requests that fail': async ({ pool, take, host }) => {
    const lease = await take('a');
    pool.resetConsoleErrors(lease.pageId);
    await lease.page.evaluate(() => new Promise((resolve) => {
      const worker = new Worker(URL.createObjectURL(new Blob(['console.error("said by a worker", { x: 1 }); postMessage(1);'])));
      worker.onmessage = resolve;
    }));
    await lease.page.evaluate(() => fetch('/gone').then(() => {}));
    const entries = [];
    await until(() => {
      entries.push(...pool.takeConsoleErrors(lease.pageId));
      return entries.length >= 2;
    }, 'both entries');
    lease.release();
    const place = ({ url, ...rest }) => ({ ...rest, url: url.replace(host.url, '').replace(/^blob:.*/, 'blob') });
    return entries
      .map(({ type, text, location, stackFrames }) => ({ type, text, location: place(location), frames: stackFrames?.map(place) }))
      .sort((x, y) => (x.text < y.text ? -1 : 1));
  },

  'an app with workers: dedicated, one within it, and shared': async ({ take }) => {
    const lease = await take('a');
    const answers = await within(lease.page.evaluate(async () => {
      const address = (code) => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
      const answer = (port) => new Promise((resolve, reject) => {
        port.onmessage = ({ data }) => resolve(data);
        port.onerror = reject;
      });
      const dedicated = await answer(new Worker(address('postMessage(6 * 7)')));
      const inner = address('postMessage("inner")');
      const nested = await answer(new Worker(address(`new Worker(${JSON.stringify(inner)}).onmessage = ({ data }) => postMessage(data)`)));
      const shared = await answer(new SharedWorker(address('onconnect = ({ ports }) => ports[0].postMessage("shared")')).port);
      return [dedicated, nested, shared];
    }), 'the workers answer', 20_000);
    lease.release();
    return answers;
  },

  'a page that is closed by its user is replaced': async ({ pool, take }) => {
    const lease = await take('a');
    await pool.warmStandbys();
    await lease.page.close();
    lease.release();
    const next = await take('a');
    const outcome = { samePage: next.page === lease.page, works: await next.page.evaluate(() => 3) };
    next.release();
    return outcome;
  },
};

const expected = {
  'the shape of leases, cold and warm': {
    keys: ['launchMs', 'page', 'pageId', 'release', 'reused', 'waits'],
    waits: ['admissionMs', 'semaphoreMs', 'tabProbeMs', 'tabQueueMs', 'tabStartupMs'],
    reused: [false, true],
    samePage: true,
    samePageId: true,
    uuid: true,
    integers: true,
    sumWithinLaunch: true,
    startup: true,
    marks: [[true, true], 'standby', '/_standby'],
    warm: ['a'],
  },
  'tenants do not share storage; an orphan finds its own again': {
    seen: [null, null, 'of a', 'of a', null], sameContext: true, newPage: true,
  },
  'console errors': {
    entries: [['error', 'half a smile \ufffd {"half":"\\ud83d"}', 'console'], ['error', 'nothing JSHandle:undefined', 'console'], ['assert', 'one is two', 'console'], ['error', 'plain', 'console'], ['error', 'the same {"a":[1,null]} 5 true', 'console']],
    placed: true,
    empty: [],
    levels: ['warn', 'info', 'error'],
  },
  'uncaught exceptions, and one that is revoked': [
    { type: 'error', text: 'Error: thrown late', source: 'exception', revoked: false, frames: true },
    { type: 'error', text: 'a string', source: 'exception', revoked: false, frames: true },
    { type: 'error', text: 'Error: half a smile \ufffd', source: 'exception', revoked: false, frames: true },
    { type: 'error', text: 'TypeError: handled later', source: 'exception', revoked: true, frames: true },
  ],
  'disposal under a lease, and of an idle tab': { usable: 2, early: false, differs: true, closed: true, told: ['a', 'a'], rows: [] },
  'cancellation while every page is leased': {
    outcome: ['PrerenderCancelledError', 'queued', 'left', 'PRERENDER_CANCELLED'], works: 'works', pending: 0,
  },
  'a tab in an endless loop is retired and replaced': { samePage: false, swaps: { a: 1 }, works: 4, other: 'others work' },
  'a host app that is not there yet': {
    message: 'No standby page available for prerender', code: 'STANDBY_UNAVAILABLE', cause: ['StandbyTargetNotReadyError', 'STANDBY_NOT_READY'], instance: true, works: 'ready',
  },
  'requests in flight': { urls: ['/hang'] },
  'what workers say, and requests that fail': [
    { type: 'error', text: 'Failed to load resource: the server responded with a status of 404 (Not Found)', location: { url: '/gone' }, frames: [{ url: '/gone' }] },
    { type: 'error', text: 'said by a worker {"x":1}', location: { url: 'blob', lineNumber: 0, columnNumber: 8 }, frames: [{ url: 'blob', lineNumber: 0, columnNumber: 8 }] },
  ],
  'an app with workers: dedicated, one within it, and shared': [42, 'inner', 'shared'],
  'a page that is closed by its user is replaced': { samePage: false, works: 3 },
};

QUnit.module('on real Chrome, ours beside puppeteer', (hooks) => {
  const outcomes = {};
  let host;
  const running = {};
  const before = process.env.PUPPETEER_DISABLE_SANDBOX;

  hooks.before(async () => {
    process.env.PRERENDER_MANAGER_URL = '';
    if (needsNoSandbox()) {
      process.env.PUPPETEER_DISABLE_SANDBOX = 'true';
    }
    host = await startHost();
    if (findChrome()) {
      for (const [name, make] of Object.entries(managers)) {
        running[name] = make();
      }
    }
  });

  hooks.after(async () => {
    await Promise.all(Object.values(running).map((manager) => manager.stop()));
    await host.stop();
    if (before === undefined) {
      delete process.env.PUPPETEER_DISABLE_SANDBOX;
    } else {
      process.env.PUPPETEER_DISABLE_SANDBOX = before;
    }
  });

  for (const [name, scenario] of Object.entries(scenarios)) {
    for (const kind of Object.keys(managers)) {
      test(`${name}: ${kind}`, async (assert) => {
        assert.timeout(60_000);
        const logs = new Logs();
        const disposed = [];
        host.status = 200;
        const pool = withEnv({ PRERENDER_MANAGER_URL: '' }, () => new lib.PagePool({
          maxPages: 2, serverURL: 'http://server.test', boxelHostURL: host.url, browserManager: running[kind], logger: logs.factory,
          standbyTimeoutMs: 15_000, tabHealthProbeMs: 500, closeTimeoutMs: 2000, onAffinityDisposed: (key) => disposed.push(key),
        }));
        const leases = [];
        const take = async (key, queue, options) => {
          const lease = await within(pool.getPage(key, queue, options), `getPage(${key})`, 30_000);
          leases.push(lease);
          return lease;
        };
        try {
          outcomes[`${name}: ${kind}`] = await scenario({ pool, take, logs, disposed, host });
          assert.deepEqual(outcomes[`${name}: ${kind}`], expected[name], `over ${kind}`);
        } finally {
          leases.forEach((l) => l.release());
          await pool.closeAll();
        }
      });
    }

    test(`${name}: both the same`, (assert) => {
      assert.deepEqual(outcomes[`${name}: ours`], outcomes[`${name}: puppeteer`], 'ours and puppeteer’s');
    });
  }
});
