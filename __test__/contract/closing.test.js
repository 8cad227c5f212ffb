'use strict';

const {
  AsyncSemaphore,
  PagePool,
  Watched,
  bounded,
  contract,
  ledger,
  row,
  turns,
  until,
} = require('./helpers/harness.js');

const ONE_TAB = { PRERENDER_AFFINITY_TAB_MAX: '1' };

contract('SPEC 7: evictIdleAffinities', (test) => {
  test('disposes of what was used longer ago, and returns its keys', async (assert, t) => {
    const clock = t.clock();
    const disposed = [];
    const { pool } = await t.warm({ maxPages: 4, onAffinityDisposed: (key) => disposed.push(key) });
    const a = await t.visit(pool, 'a');
    clock.now += 1000;
    await t.visit(pool, 'b');
    clock.now += 1000;
    assert.deepEqual(await pool.evictIdleAffinities(5000), [], 'SPEC 7: nothing is older');
    assert.deepEqual(await pool.evictIdleAffinities(1500), ['a'], 'SPEC 7: whose newest use is older');
    assert.true(a.page.browserContext().closed, 'SPEC 13: the closes have resolved');
    assert.strictEqual(ledger(pool, 'a'), undefined, 'SPEC 13: the row is gone');
    assert.strictEqual(t.fetches.length, 1, 'SPEC 13: the manager has answered');
    assert.deepEqual(disposed, ['a'], 'SPEC 3: onAffinityDisposed');
    assert.deepEqual(pool.getWarmAffinities(), ['b'], 'SPEC 7: b stays');
    clock.now += 10_000;
    await t.visit(pool, 'b');
    assert.deepEqual(await pool.evictIdleAffinities(5000), [], 'SPEC 7: its newest use counts');
  });

  test('not finite or not above 0: nothing', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm();
    await t.visit(pool, 'a');
    clock.now += 1e9;
    for (const value of [0, -1, NaN, Infinity, -Infinity])
      assert.deepEqual(await pool.evictIdleAffinities(value), [], `SPEC 7: ${value}`);
    assert.deepEqual(await pool.evictIdleAffinities(0.5), ['a'], 'SPEC 13: a fraction is a number');
  });

  test('standbys, leases and waiters are not touched', async (assert, t) => {
    const clock = t.clock();
    const { pool, browser } = await t.warm({ maxPages: 3, env: ONE_TAB });
    const a = await t.get(pool, 'a', 'module');
    const waiter = t.ask(pool, 'a', 'module');
    await turns();
    clock.now += 1e6;
    assert.deepEqual(await pool.evictIdleAffinities(1000), [], 'SPEC 7: one with a lease and a waiter');
    assert.strictEqual(browser.count('closeContext'), 0, 'SPEC 7: nor the standbys');
    a.release();
    (await waiter.lease()).release();
    assert.deepEqual(await pool.evictIdleAffinities(1000), [], 'SPEC 7: it was used just now');
    clock.now += 1e6;
    assert.deepEqual(await pool.evictIdleAffinities(1000), ['a'], 'SPEC 7: when it is idle');
  });
});

contract('SPEC 7: closeAll', (test) => {
  test('closes every tab, standby and orphan', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    await t.visit(pool, 'a');
    await t.visit(pool, 'b');
    await pool.disposeAffinity('b', { retainSharedContext: true });
    await pool.warmStandbys();
    await bounded(pool.closeAll(), 'closeAll');
    assert.deepEqual(browser.alive, [], 'SPEC 7: nothing is alive');
    assert.deepEqual(pool.getSharedContextSnapshot().entries, [], 'no rows');
    assert.deepEqual(pool.getWarmAffinities(), [], 'no affinities');
    assert.strictEqual(pool.getQueueDepthSnapshot().totalTabs, 0, 'no tabs');
    assert.true(
      browser.contexts.every((context) => context.closeCalls === 1),
      'SPEC 6: each exactly once',
    );
  });

  test('rejects what waits', async (assert, t) => {
    const semaphore = new AsyncSemaphore(1);
    const { pool } = await t.warm({
      maxPages: 1,
      env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' },
      semaphore,
    });
    const hold = await t.get(pool, 'a', 'file');
    const admission = t.ask(pool, 'a', 'file');
    const tab = t.ask(pool, 'a', 'module');
    const render = t.ask(pool, 'b');
    await turns();
    const slot = t.ask(pool, 'c');
    await turns();
    const closing = pool.closeAll();
    for (const [asked, what] of [
      [admission, 'admission'],
      [tab, 'tab queue'],
      [render, 'render semaphore'],
      [slot, 'slot'],
    ]) {
      await asked.end();
      assert.strictEqual(asked.error?.code, 'POOL_CLOSED', `SPEC 7: POOL_CLOSED, ${what}`);
    }
    hold.release();
    await bounded(closing, 'closeAll');
    assert.deepEqual([semaphore.inUseCount, semaphore.pendingCount], [0, 0], 'nothing is kept');
  });

  test('rejects one that waits for a standby, and lets the refill end', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    const gate = t.gate();
    browser.on.goto = ({ next }) => gate.promise.then(next);
    const asked = t.ask(pool, 'a');
    await until(() => browser.count('goto') === 1, 'the standby is under way');
    const closing = new Watched(pool.closeAll(), 'closeAll');
    await asked.end();
    assert.strictEqual(asked.error?.code, 'POOL_CLOSED', 'SPEC 7: POOL_CLOSED');
    await turns();
    assert.strictEqual(closing.state, 'pending', 'SPEC 7: lets a refill that is under way end');
    gate.open();
    await closing.end();
    assert.deepEqual(browser.alive, [], 'SPEC 7: and closes what it made');
  });

  test('waits for held leases', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, leaseGraceMs: 600_000, closeTimeoutMs: 3000 });
    const lease = await t.get(pool, 'a');
    const closing = new Watched(pool.closeAll(), 'closeAll');
    await turns(20);
    assert.strictEqual(closing.state, 'pending', 'SPEC 7: waits for held leases whose pages answer');
    assert.false(lease.page.closed || lease.page.browserContext().closed, 'SPEC 7: not closed under them');
    lease.release();
    await closing.end();
    assert.true(lease.page.browserContext().closed, 'SPEC 7: then it is closed');
  });

  test('up to leaseGraceMs, and then closes under them', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, leaseGraceMs: 150, closeTimeoutMs: 3000 });
    const lease = await t.get(pool, 'a');
    const started = performance.now();
    await bounded(pool.closeAll(), 'SPEC 7: up to leaseGraceMs');
    const took = performance.now() - started;
    assert.true(took >= 140, `SPEC 7: leaseGraceMs is waited for (${took})`);
    assert.true(took < 6000, `SPEC 7: up to leaseGraceMs (150 ms): it took ${Math.round(took)}`);
    assert.deepEqual(browser.alive, [], 'SPEC 7: then it closes under them');
    lease.release();
    assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 0, 'a late release does nothing');
  });

  test('the default grace is the render timeout', async (assert, t) => {
    const { pool, browser } = await t.warm({
      maxPages: 2,
      leaseGraceMs: undefined,
      env: { RENDER_TIMEOUT_MS: '1000' },
    });
    const lease = await t.get(pool, 'a');
    const started = performance.now();
    await bounded(pool.closeAll(), 'SPEC 7: the default is the render timeout');
    const took = performance.now() - started;
    assert.true(took >= 990, 'SPEC 7: it is waited for');
    assert.true(
      took < 7000,
      `SPEC 7: the default is the render timeout (1000 ms): it took ${Math.round(took)}`,
    );
    assert.deepEqual(browser.alive, [], 'SPEC 7: and no longer');
    lease.release();
  });

  test('a held page that does not answer is ended after closeTimeoutMs', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, leaseGraceMs: 600_000, closeTimeoutMs: 60 });
    const stuck = await t.get(pool, 'a');
    browser.on.evaluate = () => new Promise(() => {});
    const started = performance.now();
    await bounded(pool.closeAll(), 'SPEC 7: ended after closeTimeoutMs');
    const took = performance.now() - started;
    assert.true(took < 6000, `SPEC 7: ended after closeTimeoutMs (60 ms): it took ${Math.round(took)}`);
    assert.true(stuck.page.browserContext().closed, 'SPEC 7: it is closed');
    stuck.release();
  });

  test('a second call joins the first', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    const gate = t.gate();
    await t.visit(pool, 'a');
    browser.on.closeContext = ({ next }) => gate.promise.then(next);
    const one = new Watched(pool.closeAll(), 'first');
    const two = new Watched(pool.closeAll(), 'second');
    await turns();
    assert.deepEqual([one.state, two.state], ['pending', 'pending'], 'SPEC 7: both wait');
    gate.open();
    await one.end();
    await two.end();
    assert.true(
      browser.contexts.every((context) => context.closeCalls === 1),
      'SPEC 7: a second call joins the first',
    );
  });

  test('leaves a pool that can be used again', async (assert, t) => {
    const { pool, semaphore } = await t.dynamic({
      env: { PRERENDER_POOL_IDLE_CONTRACTION_MS: '20' },
      contractionTickMs: 5,
    });
    await t.visit(pool, 'a');
    await pool.closeAll();
    const lease = await t.get(pool, 'a');
    assert.false(lease.page.closed, 'SPEC 7: used again');
    assert.true(pool.__test_tryExpand(), 'it can expand');
    assert.strictEqual(pool.currentMaxPages, 3);
    lease.release();
    await until(() => pool.currentMaxPages === 2, 'SPEC 7: contraction included');
    assert.strictEqual(semaphore.capacity, 2);
  });

  test('await using pool', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    await t.visit(pool, 'a');
    assert.strictEqual(
      typeof PagePool.prototype[Symbol.asyncDispose],
      'function',
      'SPEC 7: await using pool',
    );
    await bounded(pool[Symbol.asyncDispose](), 'dispose');
    assert.deepEqual(browser.alive, [], 'SPEC 7: closes it');
  });

  test('clears the counts of swaps', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    await t.visit(pool, 'a');
    browser.on.evaluate = () => Promise.reject(new Error('gone'));
    await t.visit(pool, 'a');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 1 }, 'SPEC 8: counted');
    await pool.closeAll();
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'SPEC 8: closeAll clears it');
  });
});

contract('SPEC 7: every close is bounded', (test) => {
  test('a page that does not close: the pool goes on', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, closeTimeoutMs: 40 });
    const a = await t.visit(pool, 'a');
    browser.on.closePage = () => new Promise(() => {});
    await bounded(pool.disposeAffinity('a'), 'SPEC 7: a page whose close never settles');
    assert.true(a.page.browserContext().closed, 'SPEC 7: its context is closed');
  });

  test('a context that does not close: goes on, counts it as alive, and warns with how many', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1, closeTimeoutMs: 40 });
    await t.visit(pool, 'a');
    await pool.warmStandbys();
    const gate = t.gate();
    t.log.length = 0;
    browser.on.closeContext = ({ next, target }) =>
      target === browser.contexts[0] ? gate.promise.then(next) : next();
    await bounded(pool.disposeAffinity('a'), 'SPEC 7: the pool goes on');
    assert.deepEqual(pool.getWarmAffinities(), [], 'SPEC 7: the teardown has ended');
    await until(
      () => t.lines('warn').some((line) => /\b1\b/.test(line)),
      'SPEC 7: a warning with how many there are',
    );
    await t.get(pool, 'b');
    const c = t.ask(pool, 'c');
    await turns();
    assert.true(browser.alive.length <= 2, 'SPEC 7: it keeps counting it as alive');
    assert.strictEqual(c.state, 'pending', 'SPEC 5: its slot is taken');
    gate.open();
    await c.lease();
    assert.true(browser.contexts[0].closed, 'SPEC 7: until it settles');
    assert.true(browser.peak <= 2, 'SPEC 5: at no time');
  });

  test('closeAll does not hang on it', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, closeTimeoutMs: 40 });
    await t.visit(pool, 'a');
    browser.on.closeContext = () => new Promise(() => {});
    browser.on.closePage = () => new Promise(() => {});
    await bounded(pool.closeAll(), 'SPEC 7: closeAll with closes that never settle');
    assert.deepEqual(pool.getWarmAffinities(), [], 'SPEC 7: no tabs');
    browser.on = {};
    const lease = new Watched(pool.getPage('a'), 'getPage after it');
    await turns();
    if (lease.state === 'fulfilled') lease.value.release();
    assert.notStrictEqual(lease.state, 'rejected', 'SPEC 7: a pool that can be used again');
    assert.strictEqual(row(pool, 'zzz'), undefined);
    lease.settled.then(() => lease.value?.release());
  });

  test('closes that throw or give a plain value', async (assert, t) => {
    for (const how of [
      () => {
        throw new Error('sync');
      },
      () => undefined,
      () => Promise.reject(new Error('Protocol error: Target closed')),
    ]) {
      const { pool, browser } = await t.warm({ maxPages: 2 });
      await t.visit(pool, 'a');
      browser.on.closePage = how;
      browser.on.closeContext = how;
      await bounded(pool.disposeAffinity('a'), 'SPEC 12: a close may throw, or give a plain value');
      assert.deepEqual(pool.getWarmAffinities(), [], 'SPEC 12: costs only what it provides');
      await bounded(pool.closeAll(), 'closeAll');
    }
  });
});
