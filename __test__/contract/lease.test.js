'use strict';

const { getEventListeners } = require('node:events');
const {
  AsyncSemaphore,
  PrerenderCancelledError,
  contract,
  microtasks,
  row,
  turns,
  until,
} = require('./helpers/harness.js');

const FIELDS = ['admissionMs', 'semaphoreMs', 'tabProbeMs', 'tabQueueMs', 'tabStartupMs'];
const ONE_TAB = { PRERENDER_AFFINITY_TAB_MAX: '1' };
const one = (n) => ({ PRERENDER_AFFINITY_FILE_CONCURRENCY: String(n) });

function checkWaits(assert, lease, expected, what) {
  const waits = {
    admissionMs: 0,
    semaphoreMs: 0,
    tabProbeMs: 0,
    tabQueueMs: 0,
    tabStartupMs: 0,
    ...expected,
  };
  assert.deepEqual({ ...lease.waits }, waits, what);
  const sum = Object.values(lease.waits).reduce((a, b) => a + b, 0);
  assert.true(
    sum <= lease.launchMs,
    `SPEC 13: the sum of the waits (${sum}) is within launchMs (${lease.launchMs})`,
  );
}

contract('SPEC 4: the lease', (test) => {
  test('is a plain object with own properties', async (assert, t) => {
    const { pool } = await t.warm();
    const lease = await t.get(pool, 'a');
    for (const key of ['launchMs', 'page', 'pageId', 'release', 'reused', 'waits'])
      assert.true(Object.hasOwn(lease, key), `SPEC 13: own property ${key}`);
    assert.deepEqual(Object.keys(lease.waits).sort(), FIELDS, 'SPEC 4: the waits');
    assert.true(Number.isInteger(lease.launchMs) && lease.launchMs >= 0, 'SPEC 13: launchMs is an integer');
    const { release } = { ...lease };
    release();
    assert.true(row(pool, 'a').idle, 'SPEC 13: release is called detached, of a spread lease');
    const again = await t.get(pool, 'a');
    release();
    assert.false(row(pool, 'a').idle, 'SPEC 4.7: idempotent: it does not release the next lease');
    again.release();
  });

  test('await using releases', async (assert, t) => {
    const { pool } = await t.warm();
    const lease = await t.get(pool, 'a');
    assert.strictEqual(typeof lease[Symbol.asyncDispose], 'function', 'SPEC 7: await using lease');
    await lease[Symbol.asyncDispose]();
    assert.true(row(pool, 'a').idle, 'SPEC 7: releases');
  });

  test('release is complete when it returns', async (assert, t) => {
    const semaphore = new AsyncSemaphore(1);
    const { pool } = await t.warm({ maxPages: 2, env: { ...ONE_TAB }, semaphore });
    const lease = await t.get(pool, 'a', 'file');
    const waiter = t.ask(pool, 'a', 'module');
    const second = t.ask(pool, 'a', 'file');
    await turns();
    assert.deepEqual(row(pool, 'a').admission, { pending: 1, cap: 1 }, 'SPEC 10: one waits for a permit');
    assert.strictEqual(semaphore.inUseCount, 1, 'one lease');
    lease.release();
    assert.strictEqual(row(pool, 'a').admission.pending, 0, 'SPEC 13: the admission row, at once');
    assert.strictEqual(row(pool, 'a').pendingTotal, 2, 'SPEC 13: who of the waiters owns the tab now');
    const got = await waiter.lease();
    assert.strictEqual(second.state, 'pending', 'the tab has one holder');
    got.release();
    const last = await second.lease();
    last.release();
    assert.strictEqual(semaphore.inUseCount, 0, 'SPEC 13: the semaphore, at once');
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 0 }, 'SPEC 10: no file lease, no row');
    assert.true(row(pool, 'a').idle, "SPEC 13: the tab's idleness");
  });

  test("a waiter's promise settles a microtask later at the earliest", async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB, tabHealthProbeMs: 0 });
    const hold = await t.get(pool, 'a', 'module');
    const waiter = t.ask(pool, 'a', 'module');
    await turns();
    hold.release();
    assert.strictEqual(waiter.state, 'pending', 'SPEC 13: not inside release()');
    assert.strictEqual((await waiter.lease()).pageId, hold.pageId);
  });

  test('release and disposeAffinity on one line never hand out the condemned page', async (assert, t) => {
    for (const tabHealthProbeMs of [0, 1000]) {
      const { pool, browser } = await t.warm({ maxPages: 2, env: ONE_TAB, tabHealthProbeMs });
      const hold = await t.get(pool, 'a', 'module');
      const waiter = t.ask(pool, 'a', 'module');
      await turns();
      (hold.release(), pool.disposeAffinity('a', { awaitIdle: false }));
      const lease = await waiter.lease();
      assert.notStrictEqual(lease.pageId, hold.pageId, `SPEC 13: another page, probe ${tabHealthProbeMs}`);
      assert.false(lease.page.closed, 'SPEC 13: a live one');
      await until(() => browser.contexts[0].closed || hold.page.closed, 'the condemned one is closed');
    }
  });
});

contract('SPEC 4: waits', (test) => {
  test('nothing was waited for: exactly 0', async (assert, t) => {
    t.clock();
    const { pool } = await t.warm({ semaphore: new AsyncSemaphore(1) });
    checkWaits(assert, await t.visit(pool, 'a'), {}, 'SPEC 13: a standby that was ready');
    checkWaits(assert, await t.visit(pool, 'a'), {}, 'SPEC 13: a warm visit');
  });

  test('tabQueueMs', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
    const hold = await t.get(pool, 'a', 'module');
    const waiter = t.ask(pool, 'a', 'module');
    await turns();
    clock.now += 1234;
    hold.release();
    checkWaits(assert, await waiter.lease(), { tabQueueMs: 1234 }, 'SPEC 4: tabQueueMs');
  });

  test('admissionMs of file, 0 of the others', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 4, env: one(1) });
    const hold = await t.get(pool, 'a', 'file');
    const waiter = t.ask(pool, 'a', 'file');
    await turns();
    clock.now += 500;
    const module = await t.get(pool, 'a', 'module');
    checkWaits(assert, module, {}, 'SPEC 4.2: module takes no permit: admissionMs is 0');
    const command = await t.get(pool, 'a', 'command');
    assert.strictEqual(command.waits.admissionMs, 0, 'SPEC 4.2: nor does command');
    assert.strictEqual(waiter.state, 'pending', 'SPEC 4.2: file waits for its permit');
    hold.release();
    checkWaits(assert, await waiter.lease(), { admissionMs: 500 }, 'SPEC 4: admissionMs');
  });

  test('semaphoreMs', async (assert, t) => {
    const clock = t.clock();
    const semaphore = new AsyncSemaphore(1);
    const { pool } = await t.warm({ maxPages: 1, semaphore });
    const outside = await semaphore.acquire();
    const waiter = t.ask(pool, 'a');
    await until(() => semaphore.pendingCount === 1, 'it waits for the semaphore');
    clock.now += 700;
    outside();
    checkWaits(assert, await waiter.lease(), { semaphoreMs: 700 }, 'SPEC 4: semaphoreMs');
  });

  test('tabStartupMs: a standby, and a page in an orphan', async (assert, t) => {
    const clock = t.clock();
    const { pool, browser } = t.make({ maxPages: 1 });
    const gate = t.gate();
    browser.on.goto = ({ next }) => gate.promise.then(next);
    const cold = t.ask(pool, 'a');
    await until(() => browser.count('goto') === 1, 'the standby is on its way');
    clock.now += 900;
    gate.open();
    const lease = await cold.lease();
    checkWaits(assert, lease, { tabStartupMs: 900 }, 'SPEC 4: waiting for a standby is startup');
    lease.release();
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    const opening = t.gate();
    browser.on.newPage = ({ next }) => opening.promise.then(next);
    const before = browser.count('newPage');
    const warm = t.ask(pool, 'a');
    await until(() => browser.count('newPage') > before, 'its page is being opened');
    clock.now += 300;
    opening.open();
    checkWaits(
      assert,
      await warm.lease(),
      { tabStartupMs: 300 },
      'SPEC 4: opening a page in an orphan is startup',
    );
  });

  test('tabProbeMs', async (assert, t) => {
    const clock = t.clock();
    const { pool, browser } = await t.warm({ maxPages: 1 });
    await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.evaluate = ({ next }) => gate.promise.then(next);
    const asked = t.ask(pool, 'a');
    await until(() => browser.count('evaluate') > 0, 'the probe');
    clock.now += 60;
    gate.open();
    checkWaits(assert, await asked.lease(), { tabProbeMs: 60 }, 'SPEC 4: tabProbeMs');
  });

  test('a clock that goes backwards', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
    const hold = await t.get(pool, 'a', 'module');
    const waiter = t.ask(pool, 'a', 'module');
    await turns();
    clock.now -= 5000;
    hold.release();
    const lease = await waiter.lease();
    for (const [name, ms] of Object.entries({ ...lease.waits, launchMs: lease.launchMs }))
      assert.true(Number.isInteger(ms) && ms >= 0, `SPEC 13: ${name} = ${ms} when the clock went backwards`);
  });
});

contract('SPEC 4.1: cancellation', (test) => {
  const isQueued = (error) => error instanceof PrerenderCancelledError && error.state === 'queued';

  async function cancelled(assert, asked, controller, stage) {
    await turns();
    assert.strictEqual(asked.state, 'pending', `waiting: ${stage}`);
    controller.abort('left');
    await asked.end();
    assert.true(isQueued(asked.error), `SPEC 4.1: PrerenderCancelledError (queued), ${stage}`);
    assert.strictEqual(asked.error?.reason, 'left', `SPEC 2: its reason, ${stage}`);
    assert.strictEqual(
      getEventListeners(controller.signal, 'abort').length,
      0,
      `SPEC 13: listener removed, ${stage}`,
    );
  }

  test('an aborted signal', async (assert, t) => {
    const { pool } = await t.warm();
    const asked = await t.ask(pool, 'a', 'file', { signal: AbortSignal.abort('early') }).end();
    assert.true(isQueued(asked.error), 'SPEC 4.1: rejects');
    assert.deepEqual(pool.getWarmAffinities(), [], 'and has taken nothing');
  });

  test('in the admission queue', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3, env: one(1) });
    const hold = await t.get(pool, 'a');
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    const next = t.ask(pool, 'a', 'file');
    await cancelled(assert, asked, controller, 'admission');
    assert.strictEqual(row(pool, 'a').admission.pending, 1, 'SPEC 4.1: it has left the queue');
    hold.release();
    await next.lease();
  });

  test('in a tab queue; the request leaves at once', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
    const hold = await t.get(pool, 'a', 'module');
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    await turns();
    assert.strictEqual(row(pool, 'a').pendingTotal, 2);
    controller.abort('left');
    assert.strictEqual(row(pool, 'a').pendingTotal, 1, 'SPEC 4.1: it leaves every queue at once');
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 0 }, 'SPEC 4.1: and gives back its permit');
    await asked.end();
    assert.true(isQueued(asked.error), 'SPEC 4.1: rejects');
    hold.release();
    await t.get(pool, 'a', 'file');
  });

  test('waiting for a standby, which goes to whoever is next', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    const gate = t.gate();
    browser.on.goto = ({ next }) => gate.promise.then(next);
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    const next = t.ask(pool, 'b');
    await cancelled(assert, asked, controller, 'standby');
    browser.on = {};
    gate.open();
    assert.strictEqual((await next.lease()).page, browser.pages[0], 'SPEC 4.1: it goes to whoever is next');
  });

  test("waiting for an orphan's page", async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    const first = await t.visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    const orphan = first.page.browserContext();
    const gate = t.gate();
    browser.on.newPage = ({ target, next }) => (target === orphan ? gate.promise.then(next) : next());
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    await until(
      () => browser.count('newPage', (call) => call.target === orphan) === 2,
      'its page is being opened',
    );
    const next = t.ask(pool, 'a');
    await cancelled(assert, asked, controller, "the orphan's page");
    gate.open();
    const lease = await next.lease();
    assert.false(lease.page.closed, 'SPEC 4.1: what it brings later goes to whoever is next');
  });

  test('in the semaphore: tab and permit are given back', async (assert, t) => {
    const semaphore = new AsyncSemaphore(1);
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB, semaphore });
    const outside = await Promise.all([semaphore.acquire(), semaphore.acquire()]);
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    await until(() => semaphore.pendingCount === 1, 'it waits for the semaphore');
    await cancelled(assert, asked, controller, 'semaphore');
    assert.strictEqual(semaphore.pendingCount, 0, 'SPEC 4.1: it has left the semaphore');
    assert.strictEqual(row(pool, 'a')?.pendingTotal ?? 0, 0, 'SPEC 4.6: the tab is given back');
    assert.deepEqual(
      row(pool, 'a')?.admission ?? { pending: 0, cap: 0 },
      { pending: 0, cap: 0 },
      'and the permit',
    );
    for (const release of outside) release();
    await t.get(pool, 'a', 'file');
  });

  test('in a foreign semaphore that does not look at the signal', async (assert, t) => {
    const gate = t.gate();
    let released = 0;
    let gated = true;
    const { pool } = await t.warm({
      maxPages: 1,
      semaphore: {
        acquire: async () => {
          if (gated) await gate.promise;
          return () => released++;
        },
      },
    });
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    await cancelled(assert, asked, controller, 'a foreign acquire');
    gated = false;
    const other = await t.get(pool, 'a');
    gate.open();
    await until(() => released === 1, 'SPEC 4.1: the permit that comes later is given back');
    other.release();
    assert.strictEqual(released, 2, 'once each');
  });

  test('waiting for any slot', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1 });
    await t.get(pool, 'a');
    await pool.warmStandbys();
    const b = await t.get(pool, 'b');
    const controller = new AbortController();
    const asked = t.ask(pool, 'c', 'file', { signal: controller.signal });
    await cancelled(assert, asked, controller, "the pool's own queue");
    b.release();
    await microtasks(3);
    assert.strictEqual((await t.visit(pool, 'b')).pageId, b.pageId, 'nothing was closed for it');
  });

  test('during the probe says nothing about the tab', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    const first = await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.evaluate = ({ next }) => gate.promise.then(next);
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    await until(() => browser.count('evaluate') > 0, 'the probe');
    await cancelled(assert, asked, controller, 'probe');
    browser.on = {};
    gate.open();
    assert.strictEqual((await t.visit(pool, 'a')).pageId, first.pageId, 'SPEC 8: it left the tab as it was');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'SPEC 8: and counted nothing');
  });

  test('after the tab was won: the next waiter gets it', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB, tabHealthProbeMs: 0 });
    const hold = await t.get(pool, 'a', 'module');
    const controller = new AbortController();
    const second = t.ask(pool, 'a', 'module', { signal: controller.signal });
    const third = t.ask(pool, 'a', 'module');
    await turns();
    hold.release();
    controller.abort();
    await second.end();
    if (second.state === 'fulfilled') second.value.release();
    assert.strictEqual((await third.lease()).pageId, hold.pageId, 'SPEC 4.1: the next waiter gets the tab');
  });

  test('after the lease was given it does nothing', async (assert, t) => {
    const { pool } = await t.warm();
    const controller = new AbortController();
    const lease = await t.get(pool, 'a', 'file', { signal: controller.signal });
    assert.strictEqual(getEventListeners(controller.signal, 'abort').length, 0, 'SPEC 13: listener removed');
    controller.abort();
    await turns(2);
    assert.false(row(pool, 'a').idle, 'the lease is still held');
    lease.release();
  });
});

contract('SPEC 4: priorities', (test) => {
  test('order the admission and the render queue', async (assert, t) => {
    const served = async (pool, first, waiting) => {
      const order = [];
      const all = waiting.map(([name, key, priority]) => {
        const watched = t.ask(pool, key, 'file', { priority });
        watched.promise.then((lease) => {
          order.push(name);
          lease.release();
        });
        return watched;
      });
      await turns();
      first();
      for (const each of all) await each.end();
      return order;
    };
    const admission = await t.warm({ maxPages: 3, env: one(1) });
    const lease = await t.get(admission.pool, 'a');
    assert.deepEqual(
      await served(admission.pool, lease.release, [
        ['low', 'a', 0],
        ['high', 'a', 9],
        ['low2', 'a', 0],
      ]),
      ['high', 'low', 'low2'],
      'SPEC 4.2: the permit waits by priority',
    );
    const semaphore = new AsyncSemaphore(1);
    const render = await t.warm({ maxPages: 3, semaphore });
    const outside = await Promise.all([semaphore.acquire(), semaphore.acquire(), semaphore.acquire()]);
    assert.deepEqual(
      await served(render.pool, outside[0], [
        ['low', 'x', 0],
        ['high', 'y', 9],
        ['low2', 'z', 0],
      ]),
      ['high', 'low', 'low2'],
      'SPEC 4.6: the render semaphore by priority',
    );
  });
});
