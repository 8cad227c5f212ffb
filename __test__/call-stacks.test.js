'use strict';

// Errors show who has called: their stacks have the frames of the call, and of whoever awaits it.

const QUnit = require('qunit');
const lib = require('..');
const { chromeModule } = require('./helpers/real-chrome.js');
const { poolModule } = require('./helpers/kit.js');

/** Waits, calls, and waits for it: three functions whose names are to be found again. */
async function whoAwaits(call) {
  await new Promise(setImmediate);
  await whoPassesOn(call);
}

function whoPassesOn(call) {
  return call();
}

const stackOf = (call) => whoAwaits(call).then(() => 'it did not fail', (error) => error.stack);

function shows(assert, stack, what) {
  for (const name of ['whoPassesOn', 'whoAwaits']) {
    assert.true(new RegExp(`at (async )?${name} .*call-stacks\\.test\\.js:\\d+:\\d+`).test(stack), `${what}: ${name} is in ${stack}`);
  }
}

/** Calls that fail, of each class, by what they are called on. */
const CALLS = {
  'page.evaluate of what throws': ({ page }) => page.evaluate(() => { throw new TypeError('thrown there'); }),
  'page.evaluate of a later rejection': ({ page }) => page.evaluate(() => new Promise((_, reject) => setTimeout(() => reject(new Error('late'))))),
  'page.goto': ({ page }) => page.goto('http://127.0.0.1:1/'),
  'page.goto in time': ({ page, host }) => page.goto(`${host.url}/hang`, { timeout: 50 }),
  'page.waitForSelector': ({ page }) => page.waitForSelector('nothing', { timeout: 20 }),
  'page.waitForFunction': ({ page }) => page.waitForFunction(() => false, { timeout: 20 }),
  'page.waitForRequest': ({ page }) => page.waitForRequest('http://never/', { timeout: 20 }),
  'page.click': ({ page }) => page.click('nothing'),
  'page.$eval': ({ page }) => page.$eval('nothing', () => 0),
  'page.screenshot': ({ page }) => page.screenshot({ path: '/nowhere/at/all.png' }),
  'page.emulateTimezone': ({ page }) => page.emulateTimezone('Middle/Earth'),
  'page.removeExposedFunction': ({ page }) => page.removeExposedFunction('nothing'),
  'frame.evaluate': ({ page }) => page.mainFrame().evaluate('nowhere.to.be.found'),
  'handle.evaluate': ({ handle }) => handle.evaluate(() => { throw new Error('in a handle'); }),
  'session.send': ({ session }) => session.send('Page.noSuchMethod'),
  'response.buffer': ({ redirected }) => redirected.buffer(),
};

chromeModule('call stacks, on real Chrome', (kit, test) => {
  for (const [what, call] of Object.entries(CALLS)) {
    test(`${what}: the caller is in the stack`, async (assert) => {
      const { pool } = kit().pool({ maxPages: 1 });
      const { page } = await kit().take(pool, 'a');
      const { host } = kit();
      let redirected;
      page.on('response', (response) => { redirected ??= response.status() === 302 ? response : undefined; });
      await page.goto(`${host.url}/moved`);
      const [handle, session] = [await page.evaluateHandle('document'), await page.createCDPSession()];
      shows(assert, await stackOf(() => call({ page, host, redirected, handle, session })), what);
    });
  }

  test('what a page threw has the page’s frames first, from the inside out', async (assert) => {
    const { pool } = kit().pool({ maxPages: 1 });
    const { page } = await kit().take(pool, 'a');
    const stack = await stackOf(() => page.evaluate(() => {
      function inThePage() {
        throw new TypeError('thrown there');
      }
      function whoAsksForIt() {
        inThePage();
      }
      whoAsksForIt();
    }));
    assert.true(stack.startsWith('TypeError: thrown there\n'), stack);
    const places = ['at inThePage ', 'at whoAsksForIt ', 'at evaluate (', 'whoPassesOn'].map((name) => stack.indexOf(name));
    assert.true(places.every((place, index) => place > (places[index - 1] ?? 0)), stack);
    shows(assert, stack, 'evaluate');
  });
});

poolModule('call stacks', (kit) => {
  QUnit.test('of getPage that is cancelled while it waits', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    await kit().take(pool, 'a', 'module');
    const controller = new AbortController();
    const failing = stackOf(() => pool.getPage('a', 'module', { signal: controller.signal }));
    setTimeout(function someoneElse() {
      controller.abort('enough');
    }, 5);
    const stack = await failing;
    assert.true(stack.startsWith('PrerenderCancelledError: prerender cancelled: enough\n'), stack);
    shows(assert, stack, 'getPage');
    assert.false(stack.includes('someoneElse'), 'not who happened to run when it failed');
  });

  QUnit.test('of a semaphore’s acquire', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    await semaphore.acquire();
    const controller = new AbortController();
    const failing = stackOf(() => semaphore.acquire(controller.signal));
    setTimeout(() => controller.abort(), 5);
    shows(assert, await failing, 'acquire');
  });

  QUnit.test('an error of somebody else is passed on as it is', async (assert) => {
    const theirs = new Error('theirs');
    const before = theirs.stack;
    const controller = new AbortController();
    controller.abort(theirs);
    const { pool } = await kit().warm({ maxPages: 1 });
    const error = await pool.getPage('a', 'file', { signal: controller.signal }).catch((e) => e);
    assert.strictEqual(theirs.stack, before, `its stack is its own, also within ${error}`);
  });
});
