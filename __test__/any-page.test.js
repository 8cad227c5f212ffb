'use strict';

// A pool without a boxel host app: tabs stand by on any page.

const { lib, withEnv } = require('./helpers/kit.js');
const { FakeBrowserManager } = require('./helpers/fake-browser.js');
const { chromeModule, processes } = require('./helpers/real-chrome.js');
const { until } = require('./helpers/wait.js');

const { createPool, PagePool, BrowserManager } = lib;
const coded = (code) => (error) => error.code === code;
const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} });
const html = (body) => `data:text/html,${encodeURIComponent(body)}`;

chromeModule('any page', (kit, test) => {
  test('createPool needs nothing else, and ends its browser with itself', async (assert) => {
    const pool = await createPool({ maxPages: 2, logger: quiet });
    assert.true(pool instanceof PagePool, 'a pool');
    const lease = await pool.getPage('tenant');
    assert.strictEqual(lease.page.url(), 'about:blank', 'its tabs stand by on an empty page');
    const { pid } = lease.page.browser().process();
    await lease.page.goto(html('<title>of the tenant</title>'));
    lease.release();
    const again = await pool.getPage('tenant');
    assert.deepEqual([again.reused, await again.page.title()], [true, 'of the tenant'], 'it is warm');
    again.release();
    await pool.closeAll();
    await until(() => !processes().some(({ group }) => group === pid), 'its browser is gone');
  });

  test('createPool says at once that there is no browser', async (assert) => {
    const manager = new BrowserManager({ executablePath: '/nowhere/chrome' });
    await assert.rejects(manager.getBrowser(), coded('BROWSER_NOT_FOUND'), 'for comparison');
    const before = process.env.PUPPETEER_EXECUTABLE_PATH;
    process.env.PUPPETEER_EXECUTABLE_PATH = '/nowhere/chrome';
    try {
      await assert.rejects(createPool({ maxPages: 1, logger: quiet }), coded('BROWSER_NOT_FOUND'));
    } finally {
      if (before === undefined) {
        delete process.env.PUPPETEER_EXECUTABLE_PATH;
      } else {
        process.env.PUPPETEER_EXECUTABLE_PATH = before;
      }
    }
  });

  test('tabs stand by on any URL', async (assert) => {
    const urls = ['about:blank', html('<p>here</p>'), new URL('/_standby', kit().host.url)];
    for (const standbyURL of urls) {
      const pool = await createPool({ maxPages: 1, standbyURL, browserManager: kit().manager(), logger: quiet });
      const lease = await pool.getPage('tenant');
      assert.strictEqual(lease.page.url(), String(standbyURL), 'it is there');
      const marks = await lease.page.evaluate(() => [typeof globalThis.__boxelRenderContext, document.readyState !== 'loading']);
      assert.deepEqual(marks, ['undefined', true], 'parsed, and without the marks of another application');
      lease.release();
      await pool.closeAll();
    }
  });

  test('readySelector says what a page has to have, initScripts what runs before it', async (assert) => {
    const standbyURL = html('<script>setTimeout(() => { document.body.id = globalThis.first + globalThis.second; }, 50)</script>');
    const pool = await createPool({
      maxPages: 1, standbyURL, browserManager: kit().manager(), logger: quiet, readySelector: 'body#ready',
      initScripts: ['globalThis.first = "rea"', 'globalThis.second = "dy"'],
    });
    const lease = await pool.getPage('tenant');
    assert.strictEqual(await lease.page.evaluate(() => document.body.id), 'ready', 'it was waited for');
    await lease.page.goto(html('<p>another</p>'));
    assert.strictEqual(await lease.page.evaluate(() => globalThis.first), 'rea', 'in each document of the tab');
    lease.release();
    await pool.closeAll();
  });

  test('readyFunction says what has to be true in a page', async (assert) => {
    const standbyURL = html('<script>setTimeout(() => { globalThis.booted = true; document.body.id = "b"; }, 50)</script>');
    const ways = {
      'a function': () => globalThis.booted,
      'an async function': async () => globalThis.booted,
      'a method': { booted() { return globalThis.booted; } }.booted,
      'an expression, with a comment': 'globalThis.booted // this one',
    };
    for (const [name, readyFunction] of Object.entries(ways)) {
      const pool = await createPool({ maxPages: 1, standbyURL, browserManager: kit().manager(), logger: quiet, readyFunction, readySelector: 'body' });
      const lease = await pool.getPage('tenant');
      assert.true(await lease.page.evaluate(() => globalThis.booted), `${name} was waited for`);
      lease.release();
      await pool.closeAll();
    }
  });

  test('what a readyFunction throws is said', async (assert) => {
    const pool = new PagePool({
      maxPages: 1, standbyURL: html(''), browserManager: kit().manager(), logger: quiet, readyFunction: () => globalThis.app.isReady(),
    });
    await assert.rejects(pool.getPage('tenant'), (error) => error.code === 'STANDBY_UNAVAILABLE' && /TypeError/.test(error.cause.message));
    await pool.closeAll();
  });

  test('a pool grows with those who ask and shrinks when it idles, by its options alone', async (assert) => {
    const pool = await createPool({
      minPages: 1, maxPages: 2, burstPages: 3, idleContractionMs: 1, contractionTickMs: 20, browserManager: kit().manager(), logger: quiet,
    });
    assert.strictEqual(pool.currentMaxPages, 1, 'as many as it idles with');
    const leases = await Promise.all(['a', 'b', 'c'].map((tenant) => pool.getPage(tenant)));
    assert.strictEqual(pool.currentMaxPages, 3, 'all three at a time');
    leases.forEach((lease) => lease.release());
    await until(() => pool.currentMaxPages === 1, 'it shrinks');
    await pool.closeAll();
  });

  test('a pool of one page has nothing to warn of', async (assert) => {
    const said = [];
    const logger = () => ({ ...quiet(), warn: (line) => said.push(line), error: (line) => said.push(line) });
    const pool = await createPool({ maxPages: 1, browserManager: kit().manager(), logger });
    (await pool.getPage('a')).release();
    (await pool.getPage('b')).release();
    await pool.closeAll();
    assert.deepEqual(said, [], 'neither at its making nor later');
  });

  test('what is not there in time is said, and so is a selector that is none', async (assert) => {
    for (const [readySelector, why, standbyTimeoutMs] of [['#never', /timed out/, 500], ['p:::', /selector/]]) {
      const said = [];
      const logger = () => ({ ...quiet(), warn: (...text) => said.push(text.join(' ')), error: (...text) => said.push(text.join(' ')) });
      const pool = await createPool({ maxPages: 1, standbyURL: html(''), browserManager: kit().manager(), readySelector, standbyTimeoutMs, logger });
      await assert.rejects(pool.getPage('tenant'), coded('STANDBY_UNAVAILABLE'), readySelector);
      assert.true(said.some((line) => why.test(line)), `${readySelector}: ${said[0]}`);
      await pool.closeAll();
    }
  });
});

QUnit.module('any page, over a browser manager from JavaScript', () => {
  const make = (options) => {
    const manager = new FakeBrowserManager();
    return { manager, pool: new PagePool({ maxPages: 1, standbyURL: 'https://app.test/', browserManager: manager, logger: quiet, ...options }) };
  };

  QUnit.test('it is told of the selector and the scripts', async (assert) => {
    const { manager, pool } = make({ readySelector: '#ready', initScripts: ['globalThis.mine = 1'] });
    const calls = [];
    for (const step of ['evaluateOnNewDocument', 'goto', 'waitForFunction']) {
      manager.rule(step, (info, normal) => {
        calls.push([step, ...(info.args ?? [])]);
        return normal();
      });
    }
    (await pool.getPage('tenant')).release();
    await pool.closeAll();
    const steps = calls.map(([step]) => step);
    assert.deepEqual(steps.slice(0, 3), ['evaluateOnNewDocument', 'goto', 'waitForFunction'], 'in this order');
  });

  QUnit.test('a readyFunction is called by the page, after the selector was found', async (assert) => {
    for (const readyFunction of [() => true, 'globalThis.ready']) {
      const { manager, pool } = make({ readySelector: '#ready', readyFunction });
      const waited = [];
      manager.rule('waitForFunction', (info, normal) => {
        waited.push(info.fn);
        return normal();
      });
      (await pool.getPage('tenant')).release();
      await pool.closeAll();
      assert.notStrictEqual(waited[0], readyFunction, 'first the selector');
      assert.strictEqual(waited[1], readyFunction, 'it is handed on as it is');
    }
  });

  const shape = (pool) => [pool.minPages, pool.currentMaxPages, pool.maxBurstPages, pool.highPriorityMaxPages, pool.highPriorityThreshold];
  const envelope = { minPages: 2, maxPages: 4, burstPages: 6, highPriorityMaxPages: 8, highPriorityThreshold: -1 };
  for (const [name, options, env, expected] of [
    ['maxPages is all of it', { maxPages: 4 }, {}, [4, 4, 4, 4, Infinity]],
    ['minPages: it starts with those', { minPages: 2, maxPages: 4 }, {}, [2, 2, 4, 4, Infinity]],
    ['burstPages: it starts with maxPages', { maxPages: 4, burstPages: 6 }, {}, [4, 4, 6, 6, Infinity]],
    ['all of them', { ...envelope, initialPages: 3 }, {}, [2, 3, 6, 8, -1]],
    ['undefined is none', { ...envelope, highPriorityMaxPages: undefined, highPriorityThreshold: undefined }, {}, [2, 2, 6, 6, Infinity]],
    ['the environment goes before them', envelope, { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '3', PRERENDER_PAGE_POOL_INITIAL: '2' }, [1, 2, 3, 8, -1]],
    ['half an envelope of the environment is none', envelope, { PRERENDER_PAGE_POOL_MAX: '3' }, [2, 2, 6, 8, -1]],
    ['the tier of the environment', envelope, { PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX: '9', PRERENDER_HIGH_PRIORITY_THRESHOLD: '5' }, [2, 2, 6, 9, 5]],
  ]) {
    QUnit.test(`the envelope: ${name}`, (assert) => {
      withEnv(env, () => assert.deepEqual(shape(make(options).pool), expected));
    });
  }

  QUnit.test('the envelope is an option of a pool over a boxel host app too', (assert) => {
    const host = { standbyURL: undefined, boxelHostURL: 'http://host.test', serverURL: 'http://server.test' };
    withEnv({}, () => assert.deepEqual(shape(make({ ...host, ...envelope }).pool), [2, 2, 6, 8, -1]));
  });

  QUnit.test('caps per affinity and of contexts are options, below the environment', (assert) => {
    const caps = { maxPages: 6, maxSharedContexts: 9 };
    withEnv({}, () => assert.strictEqual(make(caps).pool.getSharedContextSnapshot().cap, 9));
    withEnv({ PRERENDER_SHARED_CONTEXT_CAP: '5' }, () => assert.strictEqual(make(caps).pool.getSharedContextSnapshot().cap, 5));
  });

  QUnit.test('an affinity has no more file leases and tabs than options allow', async (assert) => {
    const { pool } = make({ maxPages: 4, maxTabsPerAffinity: 2, maxFileLeasesPerAffinity: 1 });
    const first = await pool.getPage('a', 'file');
    const second = pool.getPage('a', 'file');
    const module = await pool.getPage('a', 'module');
    const { admission, tabCount } = pool.getQueueDepthSnapshot().affinities[0];
    assert.deepEqual([admission, tabCount], [{ pending: 1, cap: 1 }, 2], 'one file lease, and two tabs');
    first.release();
    module.release();
    (await second).release();
    await pool.closeAll();
  });

  for (const [name, options] of [
    ['minPages above maxPages', { maxPages: 2, minPages: 3 }],
    ['burstPages below maxPages', { maxPages: 2, burstPages: 1 }],
    ['a fraction of a page', { minPages: 0.5 }],
    ['no page at all', { minPages: 0 }],
    ['pages as a string', { burstPages: '4' }],
    ['initialPages out of the envelope', { maxPages: 2, burstPages: 4, initialPages: 5 }],
    ['highPriorityMaxPages without a threshold', { burstPages: 4, highPriorityMaxPages: 5 }],
    ['a threshold without highPriorityMaxPages', { burstPages: 4, highPriorityThreshold: 5 }],
    ['a threshold that is not finite', { burstPages: 4, highPriorityMaxPages: 5, highPriorityThreshold: NaN }],
    ['highPriorityMaxPages below burstPages', { burstPages: 4, highPriorityMaxPages: 3, highPriorityThreshold: 1 }],
    ['highPriorityMaxPages of a pool of one size', { highPriorityMaxPages: 3, highPriorityThreshold: 1 }],
    ['idleContractionMs of nothing', { burstPages: 4, idleContractionMs: 0 }],
    ['maxTabsPerAffinity of none', { maxTabsPerAffinity: 0 }],
    ['maxFileLeasesPerAffinity of a fraction', { maxFileLeasesPerAffinity: 1.5 }],
    ['maxSharedContexts of none', { maxSharedContexts: 0 }],
    ['a readyFunction that is neither', { readyFunction: 1 }],
    ['a readyFunction that is no expression', { readyFunction: 'a b' }],
    ['an empty readyFunction', { readyFunction: ' ' }],
  ]) {
    QUnit.test(`${name} is refused, by name`, (assert) => {
      const option = Object.keys(options).at(-1);
      assert.throws(() => make(options), (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' &&
        (error.message.includes(`options.${option} `) || error.message.includes('options.highPriority')));
    });
  }

  QUnit.test('a name that is nearly an option of the envelope is met with it', (assert) => {
    for (const [wrong, meant] of [['minPage', 'minPages'], ['maxBurstPages', 'burstPages'], ['readyFunktion', 'readyFunction']]) {
      assert.throws(() => make({ [wrong]: 1 }), new RegExp(`did you mean '${meant}'`), wrong);
    }
  });

  for (const [name, options] of [
    ['a readySelector that is no string', { readySelector: 1 }],
    ['an empty readySelector', { readySelector: ' ' }],
    ['initScripts that are no array', { initScripts: 'code' }],
    ['an initScript that is no string', { initScripts: [() => {}] }],
    ['a standbyURL that is none', { standbyURL: '/relative' }],
    ['a standbyURL beside a boxelHostURL', { boxelHostURL: 'http://host.test' }],
  ]) {
    QUnit.test(`${name} is refused`, (assert) => {
      assert.throws(() => make(options), (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE');
    });
  }

  QUnit.test('createPool refuses what is no object of options', async (assert) => {
    await assert.rejects(createPool(null), coded('ERR_INVALID_ARG_VALUE'));
    await assert.rejects(createPool({ maxPages: 0 }), coded('ERR_INVALID_ARG_VALUE'));
  });
});
