'use strict';

/* global missing -- defined nowhere */

// Every error of ours has a `code`: what is refused, what Chrome refuses, what is gone. A page's own exceptions have none.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const QUnit = require('qunit');
const { BrowserManager } = require('..');
// Runs on each kind of Chrome.
require('./helpers/chrome.js');

const REFUSED = 'ERR_INVALID_ARG_VALUE';
const FAILED = 'PROTOCOL_ERROR';
const GONE = 'PAGE_CLOSED';

const HTML = `data:text/html,<input id="text"><div id="hidden" style="display:none">x</div><p id="plain">p</p>`;

/** What a call throws or is rejected with. */
async function failureOf(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** One request of the page, held back, given to `decide`. */
async function held(page, decide) {
  await page.setRequestInterception(true);
  const paused = page.waitForRequest(() => true);
  const going = page.goto('http://held.test/').catch(() => undefined);
  const request = await paused;
  try {
    return await decide(request);
  } finally {
    await going;
    await page.setRequestInterception(false);
  }
}

const disposed = async (page, selector) => {
  const handle = await page.$(selector);
  await handle.dispose();
  return handle;
};

/** What is called, the code it has, the call. */
const CALLS = [
  ['goto with an unknown waitUntil', REFUSED, (page) => page.goto(HTML, { waitUntil: 'idle' })],
  ['goto where nobody listens', FAILED, (page) => page.goto('http://127.0.0.1:1/')],
  ['goto of what is no URL', FAILED, (page) => page.goto('no url')],
  ['goBack at the beginning', FAILED, (page) => page.goForward()],
  ['goto out of time', 'TIMEOUT', (page) => page.goto(`${HTML}<script>while (true);</script>`, { timeout: 50 })],
  ['evaluate of no function', REFUSED, (page) => page.evaluate(5)],
  [
    'evaluate with a circle',
    REFUSED,
    (page) => {
      const circle = {};
      circle.self = circle;
      return page.evaluate((value) => value, circle);
    },
  ],
  ['evaluate with a disposed handle', REFUSED, async (page) => page.evaluate((node) => node, await disposed(page, 'p'))],
  ['evaluate on a disposed handle', REFUSED, async (page) => (await disposed(page, 'p')).evaluate((node) => node)],
  ['jsonValue of what is no JSON', FAILED, async (page) => (await page.evaluateHandle(() => Symbol.iterator)).jsonValue()],
  ['click on a disposed handle', REFUSED, async (page) => (await disposed(page, 'p')).click()],
  ['queryObjects of a primitive', REFUSED, async (page) => page.queryObjects(await page.evaluateHandle(() => 5))],
  ['queryObjects of no handle', REFUSED, (page) => page.queryObjects({})],
  ['$eval of no element', FAILED, (page) => page.$eval('#none', (node) => node.id)],
  ['$eval of no element, by text', FAILED, (page) => page.$eval('aria/none', (node) => node.id)],
  ['$ of an unknown aria attribute', REFUSED, (page) => page.$('aria/x[color="red"]')],
  ['click of no element', FAILED, (page) => page.click('#none')],
  ['click of a hidden element', FAILED, (page) => page.click('#hidden')],
  ['click with an unknown button', REFUSED, (page) => page.click('#plain', { button: 'fourth' })],
  ['a click of no times', REFUSED, (page) => page.mouse.click(1, 1, { count: 0 })],
  [
    'a button pressed twice',
    REFUSED,
    async (page) => {
      await page.mouse.down();
      await page.mouse.down();
    },
  ],
  ['an unknown key', REFUSED, (page) => page.keyboard.press('NoSuchKey')],
  ['focus of what cannot have it', FAILED, async (page) => (await page.evaluateHandle(() => document.createElementNS('x', 'y'))).asElement().focus()],
  ['select in what is no select', FAILED, (page) => page.select('#plain', 'a')],
  ['select in a handle of no select', FAILED, async (page) => (await page.$('#plain')).select('a')],
  ['select of a number', REFUSED, (page) => page.select('#plain', 5)],
  ['addScriptTag of nothing', REFUSED, (page) => page.addScriptTag({})],
  ['addScriptTag of a missing file', REFUSED, (page) => page.addScriptTag({ path: '/nowhere/script.js' })],
  ['addScriptTag that does not load', FAILED, (page) => page.addScriptTag({ url: 'http://127.0.0.1:1/script.js' })],
  ['addStyleTag that does not load', FAILED, (page) => page.addStyleTag({ url: 'http://127.0.0.1:1/style.css' })],
  ['waitForFunction with a negative interval', REFUSED, (page) => page.waitForFunction(() => true, { polling: -1 })],
  [
    'waitForFunction that throws',
    FAILED,
    (page) =>
      page.waitForFunction(() => {
        throw new Error('of the page');
      }),
  ],
  ['waitForFunction out of time', 'TIMEOUT', (page) => page.waitForFunction(() => false, { timeout: 20 })],
  ['waitForSelector of a wrong selector', FAILED, (page) => page.waitForSelector('p:::')],
  ['waitForSelector out of time', 'TIMEOUT', (page) => page.waitForSelector('#none', { timeout: 20 })],
  [
    'waitForSelector that is aborted',
    'PRERENDER_CANCELLED',
    (page) => {
      const abort = new AbortController();
      const waiting = page.waitForSelector('#none', { signal: abort.signal });
      abort.abort(new Error('enough'));
      return waiting;
    },
  ],
  ['waitForRequest of nothing', REFUSED, (page) => page.waitForRequest(5)],
  ['exposeFunction of a name that is taken', REFUSED, (page) => page.exposeFunction('taken', () => 1).then(() => page.exposeFunction('taken', () => 2))],
  ['exposeFunction of no function', REFUSED, (page) => page.exposeFunction('name', {})],
  ['removeExposedFunction of an unknown one', REFUSED, (page) => page.removeExposedFunction('never')],
  ['removeScriptToEvaluateOnNewDocument of an unknown one', REFUSED, (page) => page.removeScriptToEvaluateOnNewDocument('99')],
  ['setExtraHTTPHeaders with a number', REFUSED, (page) => page.setExtraHTTPHeaders({ a: 5 })],
  ['emulateMediaType of an unknown one', REFUSED, (page) => page.emulateMediaType('hologram')],
  ['a cookie of a blank page', REFUSED, (page) => page.setCookie({ name: 'a', value: 'b', url: 'about:blank' })],
  ['a permission that is none', REFUSED, (page) => page.browserContext().overridePermissions('http://a.test', ['fly'])],
  ['closing the default context', REFUSED, (page) => page.browser().defaultBrowserContext().close()],
  ['screenshot with a quality beyond 100', REFUSED, (page) => page.screenshot({ type: 'jpeg', quality: 101 })],
  ['screenshot to a directory that is missing', REFUSED, (page) => page.screenshot({ path: '/nowhere/picture.png' })],
  ['pdf of an unknown format', REFUSED, (page) => page.pdf({ format: 'foolscap' })],
  ['pdf of an unknown length', REFUSED, (page) => page.pdf({ width: '5 elephants' })],
  ['pdf to a directory that is missing', REFUSED, (page) => page.pdf({ path: '/nowhere/paper.pdf' })],
  [
    'a trace that is running already',
    REFUSED,
    async (page) => {
      await page.tracing.start();
      try {
        await page.tracing.start();
      } finally {
        await page.tracing.stop();
      }
    },
  ],
  [
    'a request that is handled already',
    REFUSED,
    (page) =>
      held(page, async (request) => {
        await request.abort();
        await request.continue();
      }),
  ],
  [
    'an unknown reason of abort',
    REFUSED,
    (page) =>
      held(page, async (request) => {
        const error = await failureOf(() => request.abort('boredom'));
        await request.abort();
        throw error;
      }),
  ],
  [
    'continue of a request that nobody holds back',
    REFUSED,
    async (page) => {
      const sent = page.waitForRequest(() => true);
      await page.evaluate(() => void fetch('data:text/plain,x'));
      await (await sent).continue();
    },
  ],
  [
    'a dialog that was answered',
    REFUSED,
    async (page) => {
      const opened = new Promise((resolve) => page.once('dialog', resolve));
      const asked = page.evaluate(() => alert('?'));
      const dialog = await opened;
      await dialog.dismiss();
      await asked;
      await dialog.accept();
    },
  ],
  ['a command that Chrome does not know', FAILED, async (page) => (await page.createCDPSession()).send('No.such')],
  ['CDPSession detached twice', GONE, (page) => page.createCDPSession().then((session) => session.detach().then(() => session.detach()))],
  ['evaluate after close', GONE, (page) => page.close().then(() => page.evaluate('1'))],
  ['goto after close', GONE, (page) => page.close().then(() => page.goto(HTML))],
  ['a wait that the close ends', GONE, (page) => Promise.all([page.waitForRequest(() => true), page.close()])],
  ['a class that is ours to make', REFUSED, (page) => new page.constructor()],
];

QUnit.module('error codes', (hooks) => {
  let manager;
  let page;
  let context;

  hooks.before(() => {
    manager = new BrowserManager();
  });
  hooks.after(() => manager.stop());
  hooks.beforeEach(async (assert) => {
    assert.timeout(60_000);
    context = await (await manager.getBrowser()).createBrowserContext();
    page = await context.newPage();
    await page.goto(HTML);
  });
  hooks.afterEach(() => context.close());

  for (const [what, code, call] of CALLS) {
    QUnit.test(`${what}: ${code}`, async (assert) => {
      const error = await failureOf(() => call(page));
      assert.ok(error instanceof Error, `it fails with an error, ${error}`);
      assert.strictEqual(error?.code, code, `its code: ${error?.name}: ${error?.message}`);
    });
  }

  QUnit.test('an exception of the page is as it was thrown, without a code', async (assert) => {
    const calls = [
      () => page.evaluate(() => missing.property),
      () => page.$eval('p', () => missing.property),
      () =>
        page.evaluate(() => {
          throw new RangeError('of the page');
        }),
    ];
    for (const call of calls) {
      const error = await failureOf(call);
      assert.ok(error instanceof Error, `an error: ${error}`);
      assert.false('code' in error, error.message);
    }
    const nothing = await failureOf(() => page.evaluate(() => Promise.reject(5)));
    assert.strictEqual(nothing, 5, 'what is no error stays none');
  });

  QUnit.test('what a signal was aborted with is passed on as it is', async (assert) => {
    const reason = new Error('of the caller');
    const waits = [
      (signal) => page.waitForFunction(() => false, { signal }),
      (signal) => page.waitForNavigation({ signal }),
      (signal) => page.waitForRequest(() => false, { signal }),
    ];
    for (const wait of waits) {
      const abort = new AbortController();
      const waiting = failureOf(() => wait(abort.signal));
      abort.abort(reason);
      assert.strictEqual(await waiting, reason);
    }
    assert.false('code' in reason);
  });

  QUnit.test('a signal that is none rejects the wait, and nothing else', async (assert) => {
    const unhandled = [];
    const note = (error) => unhandled.push(error);
    process.on('unhandledRejection', note);
    const options = { signal: {}, timeout: 5000 };
    const waits = [
      () => page.waitForResponse('http://never/', options),
      () => page.waitForNetworkIdle(options),
      () => page.waitForFunction(() => false, options),
      () => page.waitForNavigation(options),
      () => page.browser().waitForTarget(() => false, options),
    ];
    for (const wait of waits) {
      const error = await failureOf(wait);
      assert.deepEqual([error.name, error.code], ['TypeError', 'ERR_INVALID_ARG_VALUE'], error.message);
    }
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, [], 'no promise that nobody has');
  });

  QUnit.test('a failure keeps its cause, and the code of that cause', async (assert) => {
    const error = await failureOf(() => page.waitForSelector('p:::'));
    assert.ok(error.cause instanceof Error, 'its cause');
    const abort = new AbortController();
    const waiting = failureOf(() => page.waitForSelector('#none', { signal: abort.signal }));
    abort.abort(Object.assign(new Error('mine'), { code: 'MINE' }));
    const aborted = await waiting;
    assert.deepEqual([aborted.code, aborted.cause.code], ['MINE', 'MINE']);
    const unwritten = await failureOf(() => page.screenshot({ path: '/nowhere/picture.png' }));
    assert.strictEqual(unwritten.cause.code, REFUSED, unwritten.cause.message);
  });

  QUnit.test('profiles that cannot be cleaned: BROWSER_LAUNCH_FAILED', async (assert) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
    const file = path.join(directory, 'file');
    fs.writeFileSync(file, '');
    try {
      const error = await failureOf(() => new BrowserManager({ profileParent: file }).cleanupUserDataDirs());
      assert.strictEqual(error?.code, 'BROWSER_LAUNCH_FAILED', error?.message);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  QUnit.test("what a launch failed with keeps the system's code", async (assert) => {
    const error = await failureOf(() => new BrowserManager({ executablePath: process.execPath, profileParent: '/proc/none' }).getBrowser());
    assert.strictEqual(error?.code, 'BROWSER_LAUNCH_FAILED', error?.message);
    assert.strictEqual(error.cause?.code, 'ENOENT', error.cause?.message);
  });
});
