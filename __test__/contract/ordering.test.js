'use strict';

const { getEventListeners } = require('node:events');
const { AsyncSemaphore, Watched, contract, microtasks, row, turns, until } = require('./helpers/harness.js');

const ONE_TAB = { PRERENDER_AFFINITY_TAB_MAX: '1' };

contract('SPEC 13: requests are decided in the order of their calls', (test) => {
  test('two calls in one tick', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const [a, b] = [t.ask(pool, 'a'), t.ask(pool, 'b')];
    assert.strictEqual(
      (await a.lease()).page,
      browser.pages[0],
      'SPEC 13: the first takes the first standby',
    );
    assert.strictEqual(
      (await b.lease()).page,
      browser.pages[1],
      'SPEC 13: the second sees what the first took',
    );
  });

  test('two calls of one affinity in one tick', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3, env: ONE_TAB });
    const first = t.ask(pool, 'a', 'module');
    const second = t.ask(pool, 'a', 'module');
    assert.strictEqual(row(pool, 'a')?.pendingTotal, 2, 'SPEC 13: decided when the calls return');
    const lease = await first.lease();
    await turns();
    assert.strictEqual(second.state, 'pending', 'SPEC 13: the second is queued behind the first');
    lease.release();
    assert.strictEqual((await second.lease()).pageId, lease.pageId, 'SPEC 4c: on its tab');
  });

  test('a release and a call in one tick', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3 });
    const first = await t.get(pool, 'a');
    first.release();
    const again = await t.get(pool, 'a');
    assert.strictEqual(again.pageId, first.pageId, 'SPEC 13: release() is complete when it returns');
    const newcomers = ['x', 'y'].map((key) => t.ask(pool, key));
    again.release();
    const warm = t.ask(pool, 'a');
    assert.strictEqual((await warm.lease()).pageId, first.pageId, 'SPEC 13: it is idle for the next call');
    for (const each of newcomers) await each.lease();
  });

  test('a disposal and a call in one tick', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3, tabHealthProbeMs: 0 });
    const first = await t.visit(pool, 'a');
    const gone = pool.disposeAffinity('a');
    const next = t.ask(pool, 'a');
    const lease = await next.lease();
    assert.notStrictEqual(lease.page.browserContext(), first.page.browserContext(), 'SPEC 7: starts clean');
    lease.release();
    await gone;
    assert.false(lease.page.closed, 'SPEC 6: the row that was replaced is left alone');
    assert.strictEqual((await t.visit(pool, 'a')).pageId, lease.pageId, 'and it stays warm');
  });

  test('a call and a disposal in one tick', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3, tabHealthProbeMs: 0 });
    const first = await t.visit(pool, 'a');
    const asked = t.ask(pool, 'a');
    const gone = new Watched(pool.disposeAffinity('a'), 'disposeAffinity');
    const lease = await asked.lease();
    if (lease.pageId === first.pageId) {
      await turns();
      assert.strictEqual(gone.state, 'pending', 'SPEC 7: a tab in use is closed after its release');
      assert.false(lease.page.closed, 'SPEC 7: not under its holder');
    }
    lease.release();
    await gone.end();
    assert.true(first.page.browserContext().closed, 'SPEC 7: the disposal closes the tab');
  });
});

contract('SPEC 13: synchronous', (test) => {
  test('a lease that was won shows in every count when it resolves', async (assert, t) => {
    const semaphore = new AsyncSemaphore(1);
    const { pool } = await t.warm({ maxPages: 2, semaphore });
    const lease = await t.get(pool, 'a');
    assert.deepEqual(
      [semaphore.inUseCount, pool.getVacancySnapshot().a, pool.getWarmAffinities()],
      [1, { idle: false, tabCount: 1 }, ['a']],
      'SPEC 13: getters and snapshots show all that has resolved',
    );
    lease.release();
    assert.deepEqual(
      [semaphore.inUseCount, pool.getVacancySnapshot().a],
      [0, { idle: true, tabCount: 1 }],
      'SPEC 13: and all that has returned',
    );
  });

  test('release hands the tab and the semaphore to the waiters by its own return', async (assert, t) => {
    const semaphore = new AsyncSemaphore(1);
    const { pool } = await t.warm({ maxPages: 1, semaphore, tabHealthProbeMs: 0, env: ONE_TAB });
    const a = await t.get(pool, 'a', 'module');
    await pool.warmStandbys();
    const b = t.ask(pool, 'b', 'module');
    await until(() => semaphore.pendingCount === 1, 'b has a tab, and waits for the semaphore');
    a.release();
    assert.deepEqual([semaphore.inUseCount, semaphore.pendingCount], [1, 0], 'SPEC 13: b owns it now');
    assert.strictEqual(b.state, 'pending', 'SPEC 13: settles a microtask later at the earliest');
    await b.lease();
  });

  test('onAffinityDisposed of awaitIdle: false, before the call returns', async (assert, t) => {
    const seen = [];
    const { pool } = await t.warm({ maxPages: 1, onAffinityDisposed: (key) => seen.push(key) });
    await t.visit(pool, 'a');
    const promise = pool.disposeAffinity('a', { awaitIdle: false });
    assert.deepEqual(seen, ['a'], 'SPEC 13: it has been called');
    await promise;
    await turns();
    assert.deepEqual(seen, ['a'], 'SPEC 7: once');
  });

  test('a callback may call the pool', async (assert, t) => {
    const seen = [];
    const { pool } = await t.warm({
      maxPages: 2,
      onAffinityDisposed() {
        seen.push(pool.getWarmAffinities(), pool.getQueueDepthSnapshot().totalPending);
        pool.disposeAffinity('b', { awaitIdle: false });
      },
    });
    await t.visit(pool, 'a');
    await t.visit(pool, 'b');
    pool.disposeAffinity('a', { awaitIdle: false });
    await until(() => pool.getWarmAffinities().length === 0, 'both are gone');
    assert.true(seen.length >= 4, 'SPEC 3: told after every teardown, also of one begun in a callback');
  });

  test('a logger may call the pool', async (assert, t) => {
    let pool;
    const calls = [];
    const speak = () => calls.push(pool?.getQueueDepthSnapshot().totalTabs ?? 0);
    ({ pool } = await t.warm({
      maxPages: 1,
      disableStandbyRefill: true,
      logger: () => ({ debug: speak, info: speak, warn: speak, error: speak }),
    }));
    await t.visit(pool, 'a');
    await t.visit(pool, 'b');
    assert.true(
      calls.length > 0,
      'SPEC 4: a migration is logged; a logger that looks at the pool does not block it',
    );
  });

  test('an evaluate of the browser that calls the pool', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    await t.visit(pool, 'a');
    browser.on.evaluate = ({ next }) => {
      pool.getVacancySnapshot();
      pool.disposeAffinity('a', { awaitIdle: false });
      return next();
    };
    const lease = await t.get(pool, 'a');
    assert.false(lease.page.closed, 'SPEC 4.5: check that it is still live');
    assert.notStrictEqual(lease.page, browser.pages[0], 'SPEC 4.5: else choose again');
  });
});

contract('SPEC 13: nothing is left behind', (test) => {
  test('abort listeners are removed when their call settles', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
    const controller = new AbortController();
    const { signal } = controller;
    for (let i = 0; i < 5; i++) (await t.get(pool, 'a', 'module', { signal })).release();
    const hold = await t.get(pool, 'a', 'module', { signal });
    const waiter = t.ask(pool, 'a', 'module', { signal });
    await turns();
    hold.release();
    (await waiter.lease()).release();
    assert.strictEqual(getEventListeners(signal, 'abort').length, 0, 'SPEC 13: removed');
    const other = await t.get(pool, 'a', 'module');
    const cancelled = t.ask(pool, 'a', 'module', { signal });
    controller.abort();
    await cancelled.end();
    assert.strictEqual(getEventListeners(signal, 'abort').length, 0, 'SPEC 13: removed after an abort');
    other.release();
  });

  test('rejected background work is handled', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 2, standbyTimeoutMs: 30 });
    browser.on.createBrowserContext = () => Promise.reject(new Error('no browser'));
    await pool.warmStandbys();
    const asked = await t.ask(pool, 'a').end();
    assert.strictEqual(asked.error?.code, 'STANDBY_UNAVAILABLE', 'SPEC 4e: reject');
    browser.on = {};
    await t.visit(pool, 'a');
    browser.on.evaluate = () => Promise.reject('a string');
    browser.on.closePage = () => Promise.reject(undefined);
    await t.visit(pool, 'a');
    await microtasks(5);
    await turns(10);
    assert.true(browser.alive.length > 0, 'SPEC 13: no unhandled rejection, ever');
  });

  test('a caller that drops its promise', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1, disableStandbyRefill: true });
    await t.get(pool, 'a');
    const controller = new AbortController();
    t.ask(pool, 'b', 'file', { signal: controller.signal });
    controller.abort();
    await turns();
    assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 1, 'SPEC 4.1: it has left every queue');
  });
});

contract('SPEC 14: codes', (test) => {
  test('an error of the browser is passed on as it is', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    const own = Object.assign(new Error('strange'), { code: 'E_STRANGE' });
    browser.on.goto = () => Promise.reject(own);
    const asked = await t.ask(pool, 'a').end();
    assert.strictEqual(asked.error?.code, 'STANDBY_UNAVAILABLE', 'SPEC 14: STANDBY_UNAVAILABLE');
    let cause = asked.error?.cause;
    while (cause && cause !== own) cause = cause.cause;
    assert.strictEqual(cause, own, 'SPEC 14: cause holds what it came from, an unknown error as it is');
  });

  test('errors are instances of Error with message and stack', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1 });
    const wrong = (await t.ask(pool, '').end()).error;
    assert.true(wrong instanceof TypeError && typeof wrong.stack === 'string', 'SPEC 3: a TypeError');
    const cancelled = (await t.ask(pool, 'a', 'file', { signal: AbortSignal.abort() }).end()).error;
    assert.strictEqual(cancelled?.code, 'PRERENDER_CANCELLED', 'SPEC 14: PRERENDER_CANCELLED');
    await t.get(pool, 'a');
    await t.get(pool, 'b');
    const waiting = t.ask(pool, 'c');
    await turns();
    const closing = pool.closeAll();
    await waiting.end();
    assert.strictEqual(waiting.error?.code, 'POOL_CLOSED', 'SPEC 14: POOL_CLOSED');
    for (const asked of t.asked) asked.value?.release();
    await closing;
  });
});
