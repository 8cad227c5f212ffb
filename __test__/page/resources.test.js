'use strict';
// What holds nothing up, and what nothing is kept of: pages of our own browser, beyond what puppeteer can be compared in.

const v8 = require('node:v8');
const vm = require('node:vm');
const QUnit = require('qunit');
const { openSide } = require('./sides.js');
const { once } = require('./harness.js');
const { within } = require('../helpers/wait.js');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const turn = () => new Promise(setImmediate);

/** How many of the objects are still there after all that can be collected has been. */
async function left(refs) {
  let count = refs.length;
  for (let round = 0; round < 50 && count > 0; round++) {
    // In another turn than the look at them: a reference that was read keeps its object for the turn.
    await turn();
    gc();
    await turn();
    count = refs.filter((ref) => ref.deref() !== undefined).length;
  }
  return count;
}

/** Keeps JavaScript busy while Chrome goes on. */
function busy(millis) {
  const until = performance.now() + millis;
  while (performance.now() < until);
}

const outcome = (promise) => promise.then((value) => ({ value }), ({ name, message, code }) => ({ name, message, code }));

const attribute = (url) => url.replace(/&/g, '&amp;').replace(/"/g, '&quot;');

QUnit.module('page/resources', (hooks) => {
  let side;
  let page;
  hooks.before(async () => {
    side = await openSide('ours');
  });
  hooks.beforeEach(async (assert) => {
    assert.timeout(60_000);
    page = await side.browser.newPage();
  });
  hooks.afterEach(async () => {
    await page.close();
    page = undefined;
    side.server.reset();
  });
  hooks.after(async () => {
    await side.close();
    await side.server.close();
  });

  QUnit.test('a dialog after the one that was waited for holds nothing up', async (assert) => {
    const heard = [];
    page.once('dialog', (dialog) => {
      heard.push(dialog.message());
      void dialog.dismiss();
      // The next dialog is told while the core still believes in a listener.
      busy(50);
    });
    const value = await within(page.evaluate(() => [confirm('first'), confirm('second')]), 'the page goes on', 20_000);
    assert.deepEqual(value, [false, false]);
    assert.deepEqual(heard, ['first']);
  });

  QUnit.test('a dialog whose listener was taken off before it came holds nothing up', async (assert) => {
    const listener = () => assert.true(false, 'the listener is off');
    page.on('dialog', listener);
    const asked = page.evaluate(() => confirm('sure?'));
    busy(50);
    page.off('dialog', listener);
    assert.strictEqual(await within(asked, 'the page goes on', 20_000), false);
  });

  QUnit.test('a session that ended with its page is collected with its listeners', async (assert) => {
    const refs = [];
    const leave = async () => {
      const watched = await side.browser.newPage();
      const session = await watched.createCDPSession();
      const listener = () => {};
      session.on('Network.requestWillBeSent', listener);
      refs.push(new WeakRef(session), new WeakRef(listener));
      await watched.close();
    };
    for (let n = 0; n < 3; n++) await leave();
    assert.strictEqual(await left(refs), 0);
  });

  QUnit.test('a session that somebody listens to stays while its page does', async (assert) => {
    const heard = new Promise((resolve) => {
      void page.createCDPSession().then(async (session) => {
        session.on('Runtime.consoleAPICalled', (event) => resolve(event.args[0].value));
        await session.send('Runtime.enable');
      });
    });
    await page.evaluate(() => void setInterval(() => console.log('said'), 10));
    for (let round = 0; round < 5; round++) {
      gc();
      await turn();
    }
    assert.strictEqual(await within(heard, 'the event', 20_000), 'said');
  });

  QUnit.test('frames that have left are collected', async (assert) => {
    await page.goto(side.server.html('<p>main</p>'));
    const refs = [];
    for (let n = 0; n < 20; n++) {
      const attached = once(page, 'frameattached');
      await page.evaluate(() => void document.body.append(document.createElement('iframe')));
      refs.push(new WeakRef(await attached));
      await page.evaluate(() => document.querySelector('iframe').remove());
    }
    // The latest may be kept until another comes.
    assert.ok((await left(refs.slice(0, -1))) === 0, 'all but the latest');
  });

  QUnit.test('a frame that has left stays the same object', async (assert) => {
    await page.goto(side.server.html('<iframe></iframe>'));
    const [frame] = page.mainFrame().childFrames();
    const gone = once(page, 'framedetached');
    await page.evaluate(() => document.querySelector('iframe').remove());
    assert.true((await gone) === frame);
    assert.true(frame.detached);
    const main = page.mainFrame();
    await page.close();
    assert.true(page.mainFrame() === main, 'so does the main frame of a closed page');
    assert.true(main.page() === page);
  });

  QUnit.test('a wait for a visible element keeps none that cannot be seen', async (assert) => {
    await page.setContent('<button aria-label="Save" style="width:0;height:0;padding:0;border:0;overflow:hidden"></button>');
    await page.evaluate(() => {
      const hidden = document.querySelector('button');
      globalThis.hidden = new WeakRef(hidden);
    });
    const waiting = page.waitForSelector('aria/Save', { visible: true });
    // It is looked at once a frame, from a world that the page does not see.
    await page.evaluate(() => new Promise((resolve) => {
      let frames = 0;
      const next = () => ++frames > 10 ? resolve() : requestAnimationFrame(next);
      next();
    }));
    await page.evaluate(() => {
      document.querySelector('button').remove();
      document.body.innerHTML = '<button aria-label="Save">Save</button>';
    });
    const found = await waiting;
    assert.strictEqual(await found.evaluate((button) => button.textContent), 'Save');
    assert.true(await isCollected(page, 'hidden'));
  });

  QUnit.test('a look at an element in a frame keeps nothing of the frame', async (assert) => {
    await page.goto(side.server.html(`<iframe src="${attribute(side.server.html('<button>in</button>'))}"></iframe>`));
    const button = await page.mainFrame().childFrames()[0].$('button');
    assert.ok(await button.boundingBox());
    await button.click();
    await button.dispose();
    await page.evaluate(() => {
      globalThis.owner = new WeakRef(document.querySelector('iframe'));
      document.querySelector('iframe').remove();
    });
    assert.true(await isCollected(page, 'owner'));
  });

  QUnit.test('a wait that was satisfied leaves no timer behind', async (assert) => {
    await page.goto(side.server.url('/'));
    const wait = async () => {
      await Promise.all([page.waitForRequest((request) => request.url().endsWith('/json')), page.evaluate(() => void fetch('/json'))]);
    };
    await wait();
    const functions = async () => {
      // What native code holds for a function goes with it, and then what that held.
      for (let round = 0; round < 5; round++) {
        gc();
        await turn();
      }
      return v8.queryObjects(Function, { format: 'count' });
    };
    const before = await functions();
    for (let n = 0; n < 50; n++) await wait();
    const more = (await functions()) - before;
    assert.ok(more < 25, `${more} functions more after 50 waits`);
  });

  QUnit.test('a button whose press failed can be pressed again', async (assert) => {
    const crashed = once(page, 'error');
    void page.goto('chrome://crash').catch(() => {});
    await crashed;
    const refused = await outcome(page.mouse.down());
    assert.strictEqual(refused.code, 'PAGE_CRASHED');
    await page.goto(side.server.html('<button onclick="clicked = true" style="position:fixed;inset:0">b</button>'));
    await page.click('button');
    assert.true(await page.evaluate('clicked'));
  });

  QUnit.test('a recording that was refused can be begun again', async (assert) => {
    const other = await side.browser.newPage();
    await other.tracing.start();
    const refused = await outcome(page.tracing.start());
    assert.ok(/already/i.test(refused.message), refused.message);
    await other.tracing.stop();
    await other.close();
    await page.tracing.start();
    assert.ok((await page.tracing.stop()).length > 0);
  });
});

QUnit.module('page/resources: what a browser leaves behind', (hooks) => {
  let side;
  hooks.beforeEach(async (assert) => {
    assert.timeout(60_000);
    side = await openSide('ours');
  });
  hooks.afterEach(async () => {
    await side.close();
    await side.server.close();
  });

  const kill = async (browser) => {
    const gone = once(browser, 'disconnected');
    process.kill(browser.process().pid, 'SIGKILL');
    await gone;
  };

  QUnit.test('a wait for a target ends with the browser', async (assert) => {
    const context = await side.browser.createBrowserContext();
    const waits = [side.browser, context].map((source) => outcome(source.waitForTarget(() => false, { timeout: 0 })));
    assert.strictEqual(side.browser.listenerCount('disconnected'), 0, 'they do not count as listeners');
    await kill(side.browser);
    for (const ended of await within(Promise.all(waits), 'the waits', 20_000)) {
      assert.deepEqual(ended, { name: 'TargetCloseError', message: 'Protocol error: Connection closed.', code: 'BROWSER_DISCONNECTED' });
    }
    const late = await outcome(context.waitForTarget(() => false, { timeout: 0 }));
    assert.strictEqual(late.code, 'BROWSER_DISCONNECTED', 'also where it has ended before');
  });

  QUnit.test('a context is closed once its browser is gone, and stays the same object', async (assert) => {
    const context = await side.browser.createBrowserContext();
    const page = await context.newPage();
    await kill(side.browser);
    assert.true(context.closed);
    assert.true(page.browserContext() === context);
    assert.true(page.browser() === side.browser);
  });

  QUnit.test('browsers, contexts, pages and targets of a browser that is gone are collected', async (assert) => {
    const refs = await (async () => {
      const { browser } = side;
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      const objects = [browser, browser.target(), browser.defaultBrowserContext(), context, page, page.target(), page.mainFrame()];
      await Promise.all([once(page, 'close'), kill(browser)]);
      delete side.browser;
      return objects.map((object) => new WeakRef(object));
    })();
    await side.manager.stop();
    assert.strictEqual(await left(refs), 0);
  });
});

/** Whether an element that the document holds no more, known by a weak reference, is held by nothing else. */
async function isCollected(page, name) {
  const session = await page.createCDPSession();
  for (let round = 0; round < 20; round++) {
    await session.send('HeapProfiler.collectGarbage');
    if (await page.evaluate((given) => globalThis[given].deref() === undefined, name)) return true;
  }
  return false;
}
