'use strict';

// `protocolTimeout` bounds every call to Chrome, as in puppeteer, which runs beside ours: a caller whose page is in a loop
// gets out of everything that it awaits. The same for what Chrome cannot read.

const puppeteer = require('puppeteer-core');
const { findChrome, needsNoSandbox } = require('./helpers/chrome.js');
const { startHost } = require('./helpers/host.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { within } = require('./helpers/wait.js');

/** Long enough for what a new page needs on a busy machine. */
const LIMIT_MS = 4000;

const shape = (error) => ({ name: error.name, message: error.message, originalMessage: error.originalMessage ?? '', cause: error.cause && shape(error.cause) });

/** How the call fails. */
async function failure(call) {
  try {
    return { resolved: await within(call, 'the call', 25_000) };
  } catch (error) {
    return error;
  }
}

const silently = (call) => void call.catch(() => {});

/** What a caller may be waiting for when its page never answers again. */
const onLoopingPage = {
  'evaluate of a function': (page) => page.evaluate(() => 1),
  'evaluate of text': (page) => page.evaluate('1'),
  evaluateHandle: (page) => page.evaluateHandle(() => 1),
  'send(Performance.enable)': (page, session) => session.send('Performance.enable'),
  'send(Profiler.enable)': (page, session) => session.send('Profiler.enable'),
  'send with a timeout of its own': (page, session) => session.send('Performance.enable', {}, { timeout: 100 }),
  setViewport: (page) => page.setViewport({ width: 300, height: 300 }),
  setExtraHTTPHeaders: (page) => page.setExtraHTTPHeaders({ a: 'b' }),
  evaluateOnNewDocument: (page) => page.evaluateOnNewDocument(() => 1),
  screenshot: (page) => page.screenshot(),
  title: (page) => page.title(),
  content: (page) => page.content(),
};

/** Calls that a healthy page does not answer. */
const onHealthyPage = {
  'a promise that stays pending': (page) => page.evaluate(() => new Promise(() => {})),
  'a goto without a timeout to a server that does not answer': (page, host) => page.goto(`${host}/hang`, { timeout: 0 }),
  'a function that is waited for without a timeout': (page) => page.waitForFunction(() => false, { timeout: 0 }),
};

chromeModule('protocolTimeout on a real Chrome', (kit, test) => {
  const ours = async (protocolTimeout) => (await kit().manager({ protocolTimeout }).getBrowser()).newPage();

  test('a page in a loop: every call ends as puppeteer ends it', async (assert) => {
    const args = needsNoSandbox() ? ['--no-sandbox'] : [];
    const peer = await puppeteer.launch({ executablePath: findChrome(), headless: 'shell', args, protocolTimeout: LIMIT_MS });
    try {
      const pages = { theirs: await peer.newPage(), ours: await ours(LIMIT_MS) };
      const outcomes = {};
      for (const [side, page] of Object.entries(pages)) {
        const session = await page.createCDPSession();
        const begun = new Promise((resolve) => page.once('console', resolve));
        silently(page.evaluate(() => {
          console.log('begun');
          for (;;);
        }));
        await begun;
        const calls = Object.entries(onLoopingPage).map(async ([name, call]) => [name, await failure(call(page, session))]);
        outcomes[side] = Object.fromEntries(await Promise.all(calls));
      }
      for (const name of Object.keys(onLoopingPage)) {
        assert.deepEqual(shape(outcomes.ours[name]), shape(outcomes.theirs[name]), name);
        assert.strictEqual(outcomes.ours[name].code, 'TIMEOUT', `${name}: the code`);
      }
    } finally {
      await peer.close();
    }
  });

  test('pictures that queue behind a page in a loop do not wait for each other\'s time', async (assert) => {
    const page = await ours(LIMIT_MS);
    const begun = new Promise((resolve) => page.once('console', resolve));
    silently(page.evaluate(() => {
      console.log('begun');
      for (;;);
    }));
    await begun;
    const ends = [];
    await Promise.all([1, 2, 3, 4].map(async () => {
      const error = await failure(page.screenshot());
      ends.push(performance.now());
      assert.strictEqual(error.name, 'ProtocolError', `${error}`);
      assert.strictEqual(error.code, 'TIMEOUT');
    }));
    assert.ok(Math.max(...ends) - Math.min(...ends) < LIMIT_MS, 'the last ends with the first, and not one limit after another');
  });

  test('what a healthy page does not answer ends too', async (assert) => {
    const args = needsNoSandbox() ? ['--no-sandbox'] : [];
    const peer = await puppeteer.launch({ executablePath: findChrome(), headless: 'shell', args, protocolTimeout: LIMIT_MS });
    const host = await startHost();
    try {
      for (const [name, call] of Object.entries(onHealthyPage)) {
        const [theirs, own] = await Promise.all([await peer.newPage(), await ours(LIMIT_MS)].map((page) => failure(call(page, host.url))));
        assert.deepEqual(shape(own), shape(theirs), name);
        assert.strictEqual(own.code, 'TIMEOUT', `${name}: the code`);
      }
    } finally {
      await host.stop();
      await peer.close();
    }
  });

  test('a call ends no sooner than its limit, and 0 is none', async (assert) => {
    const limited = await ours(LIMIT_MS);
    const begun = performance.now();
    const late = await failure(limited.evaluate(() => new Promise(() => {})));
    assert.strictEqual(late.name, 'ProtocolError', 'ends with the limit');
    assert.ok(performance.now() - begun >= LIMIT_MS - 1, 'not before it');
    assert.strictEqual(await limited.evaluate(() => 2), 2, 'the page is still usable');

    const unlimited = await ours(0);
    assert.strictEqual(await unlimited.evaluate((ms) => new Promise((resolve) => setTimeout(() => resolve(3), ms)), 1.5 * LIMIT_MS), 3, '0 is no limit');
    const session = await limited.createCDPSession();
    const slow = { expression: `new Promise((resolve) => setTimeout(() => resolve(4), ${1.5 * LIMIT_MS}))`, awaitPromise: true, returnByValue: true };
    assert.strictEqual((await session.send('Runtime.evaluate', slow, { timeout: 0 })).result.value, 4, 'nor is the timeout 0 of one call');
  });

  test('the way out of a timeout that callers of puppeteer have leads out of a loop', async (assert) => {
    const { pool } = kit().pool({ manager: kit().manager({ protocolTimeout: LIMIT_MS }), maxPages: 1 });
    const lease = await kit().take(pool, 'looping');
    const stuck = failure(lease.page.evaluate(() => {
      for (;;);
    }));
    const session = await lease.page.createCDPSession();
    for (const method of ['Performance.enable', 'Profiler.enable']) {
      assert.strictEqual((await failure(session.send(method))).name, 'ProtocolError', method);
    }
    assert.strictEqual((await stuck).name, 'ProtocolError', 'the evaluate that the caller awaited');
    lease.release();
    assert.strictEqual(await kit().visit(pool, 'next'), 'ready', 'the slot is served again');
  });

  test('a command that Chrome cannot read rejects at once, and only it', async (assert) => {
    const page = await ours(0);
    const session = await page.createCDPSession();
    const nested = (depth) => {
      let value = 1;
      for (let i = 0; i < depth; i++) {
        value = [value];
      }
      return value;
    };
    let go;
    await page.exposeFunction('held', () => new Promise((resolve) => {
      go = resolve;
    }));
    const pending = page.evaluate(() => globalThis.held());
    const errors = await Promise.all([
      failure(page.evaluate((value) => value, nested(400))),
      failure(session.send('Runtime.evaluate', { expression: '1', arguments: nested(1000) })),
    ]);
    for (const [i, method] of ['Runtime.callFunctionOn', 'Runtime.evaluate'].entries()) {
      assert.strictEqual(errors[i].name, 'ProtocolError', `${method}: ${errors[i]}`);
      assert.strictEqual(errors[i].code, 'PROTOCOL_ERROR', method);
      assert.ok(errors[i].message.startsWith(`Protocol error (${method}): `), errors[i].message);
    }
    assert.deepEqual(await page.evaluate((value) => value, nested(120)), nested(120), 'what Chrome can read is read');
    assert.strictEqual(await page.evaluate((text) => text.length, '[{"\\'.repeat(1000)), 4000, 'brackets in text nest nothing');
    go('kept');
    assert.strictEqual(await pending, 'kept', 'a call that was pending meanwhile is answered');
  });
});

QUnit.module('protocolTimeout as an option', () => {
  const lib = require('..');

  QUnit.test('what is no length of time is refused', (assert) => {
    for (const protocolTimeout of [-1, NaN, '5', null, {}]) {
      const refused = (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && error.message.includes('options.protocolTimeout');
      assert.throws(() => new lib.BrowserManager({ protocolTimeout }), refused, String(protocolTimeout));
    }
    for (const protocolTimeout of [undefined, 0, 0.5, 1, 180_000, 1e300, Infinity]) {
      assert.ok(new lib.BrowserManager({ protocolTimeout }), String(protocolTimeout));
    }
  });
});
