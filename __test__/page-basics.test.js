// The main job of a page, on a real Chrome, without a browser of puppeteer's beside it.
'use strict';

const QUnit = require('qunit');
const { BrowserManager } = require('../index.js');
// Runs on each kind of Chrome.
require('./helpers/chrome.js');

QUnit.module('page basics', (hooks) => {
  let manager;
  let browser;
  let context;
  let page;

  hooks.before(async () => {
    manager = new BrowserManager();
    browser = await manager.getBrowser();
  });
  hooks.after(() => manager.stop());
  hooks.beforeEach(async (assert) => {
    assert.timeout(30_000);
    context = await browser.createBrowserContext();
    page = await context.newPage();
  });
  hooks.afterEach(() => context.close());

  QUnit.test('what stands for one thing is one object', async (assert) => {
    assert.strictEqual(page.browserContext(), context, 'the context of a page is the one that made it');
    assert.strictEqual(page.browser(), browser);
    assert.strictEqual((await context.pages())[0], page);
    assert.strictEqual(page.mainFrame(), page.frames()[0]);
    page.mark = 1;
    assert.strictEqual((await context.pages())[0].mark, 1, 'pages can be extended');
  });

  QUnit.test('methods can be replaced on the object and on the prototype', async (assert) => {
    const { evaluate } = page;
    page.evaluate = function wrapped(...args) {
      return evaluate.apply(this, args);
    };
    assert.strictEqual(await page.evaluate('6 * 7'), 42);
    assert.true(Object.getOwnPropertyDescriptor(Object.getPrototypeOf(page), 'goto').writable);
  });

  QUnit.test('values arrive as JavaScript has them', async (assert) => {
    assert.true(Object.is(await page.evaluate(() => -0), -0), 'minus zero keeps its sign');
    assert.true(Number.isNaN(await page.evaluate(() => NaN)));
    assert.strictEqual(await page.evaluate(() => 2n ** 70n), 2n ** 70n);
    assert.strictEqual(await page.evaluate(() => undefined), undefined);
    assert.strictEqual(await page.evaluate(() => '\ud800'), '\ud800', 'a lone surrogate survives');
    assert.deepEqual(await page.evaluate((a) => ({ a, b: [1, { c: null }] }), { x: 'Ж' }), { a: { x: 'Ж' }, b: [1, { c: null }] });
  });

  QUnit.test('the requests of a worker are intercepted', async (assert) => {
    const answers = {
      '/': { contentType: 'text/html', body: '<title>made</title><link rel="icon" href="data:,">' },
      '/worker.js': { contentType: 'text/javascript', body: 'fetch("/data").then((r) => r.text()).then(postMessage)' },
      '/data': { contentType: 'text/plain', body: 'by hand' },
    };
    const seen = [];
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      const { pathname } = new URL(request.url());
      seen.push([pathname, request.resourceType(), request.frame() === page.mainFrame()]);
      void request.respond(answers[pathname]);
    });
    await page.goto('http://host.test/');
    const found = await page.evaluate(
      () => new Promise((resolve) => (new Worker('/worker.js').onmessage = ({ data }) => resolve(data))),
    );
    assert.strictEqual(found, 'by hand');
    assert.deepEqual(seen, [['/', 'document', true], ['/worker.js', 'script', true], ['/data', 'fetch', false]], 'a worker has no frame');
  });

  QUnit.test('a string of several megabytes arrives whole', async (assert) => {
    const narrow = await page.evaluate(() => 'ab'.repeat(2e6));
    const wide = await page.evaluate(() => 'Жz'.repeat(1e6));
    assert.true(narrow === 'ab'.repeat(2e6), 'characters below 256');
    assert.true(wide === 'Жz'.repeat(1e6), 'wider characters');
  });

  QUnit.test('a flood of events leaves the event loop its turns, and each event its microtasks', async (assert) => {
    const messages = 300;
    let heard = 0;
    let followed = 0;
    let inTurn = 0;
    let mostInTurn = 0;
    let immediate;
    const turn = () => {
      inTurn = 0;
      immediate = setImmediate(turn);
    };
    turn();
    const unfollowed = [];
    await new Promise((resolve, reject) => {
      page.on('console', () => {
        if (followed !== heard) unfollowed.push(heard);
        heard += 1;
        inTurn += 1;
        mostInTurn = Math.max(mostInTurn, inTurn);
        void Promise.resolve().then(() => (followed += 1));
        // Slow enough for all the others to be waiting.
        for (const began = performance.now(); performance.now() - began < 1; );
        if (heard === messages) resolve();
      });
      const flood = (count) => {
        for (let n = 0; n < count; n++) console.log({ n });
      };
      page.evaluate(flood, messages).catch(reject);
    });
    clearImmediate(immediate);
    assert.deepEqual(unfollowed, [], 'microtasks of one event ran before the next');
    assert.true(mostInTurn <= 30, `${mostInTurn} of ${messages} events in one turn of the event loop`);
  });

  QUnit.test('an exception of the page arrives with name, message and stack', async (assert) => {
    const error = await page
      .evaluate(function thrower() {
        throw new RangeError('too far');
      })
      .catch((error) => error);
    assert.true(error instanceof Error);
    assert.strictEqual(error.name, 'RangeError');
    assert.strictEqual(error.message, 'too far');
    assert.true(error.stack.includes('at thrower'), `the stack names the function: ${error.stack}`);
    assert.strictEqual(await page.evaluate(() => Promise.reject(7)).catch((thrown) => thrown), 7, 'a thrown number stays one');
  });

  QUnit.test('calls that are pending when the page closes are rejected with the cause', async (assert) => {
    const pending = [
      page.evaluate(() => new Promise(() => {})),
      page.waitForFunction(() => false),
      page.waitForSelector('#never'),
      page.waitForNavigation(),
    ].map((call) => call.catch((error) => error));
    await page.evaluate(() => 1);
    const closed = new Promise((resolve) => page.once('close', resolve));
    await page.close();
    await closed;
    for (const error of await Promise.all(pending)) {
      assert.strictEqual(error.code, 'PAGE_CLOSED', error.message);
    }
    assert.true(page.isClosed());
  });

  QUnit.test('a page that dies says so, and rejects what is pending', async (assert) => {
    const crashed = new Promise((resolve) => page.once('error', resolve));
    const pending = page.evaluate(() => new Promise(() => {})).catch((error) => error);
    const session = await page.createCDPSession();
    session.send('Page.crash').catch(() => {});
    assert.strictEqual((await crashed).message, 'Page crashed!');
    assert.strictEqual((await pending).code, 'PAGE_CRASHED');
  });

  QUnit.test('a wait ends with its signal, and leaves no listener on it', async (assert) => {
    const controller = new AbortController();
    const waiting = page.waitForFunction(() => false, { signal: controller.signal }).catch((error) => error);
    controller.abort(new Error('enough'));
    assert.strictEqual((await waiting).message, 'enough');
    const polls = await page.evaluate(() => globalThis[Symbol.for('pagepool.waits')]?.size ?? 0);
    assert.strictEqual(polls, 0, 'the page polls no longer');
  });

  QUnit.test('a listener that throws does not keep others from hearing', async (assert) => {
    // The test runner's own would fail the test.
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve));
    const heard = new Promise((resolve) => {
      page.on('console', () => {
        throw new Error('a listener of the test');
      });
      page.on('console', resolve);
    });
    await page.evaluate(() => console.log('x', { a: 1 }));
    const message = await heard;
    assert.strictEqual(message.text(), 'x [object Object]');
    assert.deepEqual(await message.args()[1].jsonValue(), { a: 1 });
    assert.strictEqual((await uncaught).message, 'a listener of the test');
    for (const listener of others) process.on('uncaughtException', listener);
  });

  QUnit.test('the classes are not for making', (assert) => {
    assert.throws(() => new page.constructor(), /Illegal constructor/);
    assert.throws(() => page.url.call({}), TypeError);
  });
});
