'use strict';

// A pool without a boxel host app: tabs stand by on any page.

const { lib } = require('./helpers/kit.js');
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
      process.env.PUPPETEER_EXECUTABLE_PATH = before;
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
