'use strict';

const { AsyncSemaphore, contract, turns, until } = require('./helpers/harness.js');

const HIGH = {
  PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX: '6',
  PRERENDER_HIGH_PRIORITY_THRESHOLD: '10',
};

/** Time goes on: when the pool looks next, and so when it first sees that it is idle, is the machine's affair. */
const later = (clock) => {
  clock.now += 500;
  return true;
};

contract('SPEC 9: expansion', (test) => {
  test('adds one page and raises the semaphore, up to the burst', async (assert, t) => {
    const { pool, semaphore } = await t.dynamic();
    const seen = [[pool.currentMaxPages, semaphore.capacity]];
    const answers = [];
    for (let i = 0; i < 4; i++) {
      answers.push(Boolean(pool.__test_tryExpand()));
      seen.push([pool.currentMaxPages, semaphore.capacity]);
    }
    assert.deepEqual(
      seen,
      [
        [2, 2],
        [3, 3],
        [4, 4],
        [4, 4],
        [4, 4],
      ],
      'SPEC 13: expansion has changed both when the call returns',
    );
    assert.deepEqual(answers, [true, true, false, false], 'SPEC 9: up to the burst');
  });

  test('up to the high-priority maximum from the threshold on', async (assert, t) => {
    const { pool, semaphore } = await t.dynamic({ env: HIGH });
    for (let i = 0; i < 8; i++) pool.__test_tryExpand(9);
    assert.strictEqual(pool.currentMaxPages, 4, 'SPEC 9: below the threshold: the burst');
    for (let i = 0; i < 8; i++) pool.__test_tryExpand(10);
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [6, 6], 'SPEC 9: priority >= threshold');
  });

  test('is logged at info with sizes, tier and priority', async (assert, t) => {
    const { pool } = await t.dynamic({ env: HIGH });
    t.log.length = 0;
    pool.__test_tryExpand(0);
    pool.__test_tryExpand(0);
    pool.__test_tryExpand(12);
    const lines = t.lines('info');
    assert.strictEqual(lines.length, 3, 'SPEC 9: each is logged at info');
    for (const [line, from, to, priority] of [
      [lines[0], 2, 3, 0],
      [lines[1], 3, 4, 0],
      [lines[2], 4, 5, 12],
    ])
      for (const number of [from, to, priority])
        assert.true(new RegExp(`\\b${number}\\b`).test(line), `SPEC 9: ${number} is in '${line}'`);
    assert.true(/high/i.test(lines[2]), `SPEC 9: the tier is in '${lines[2]}'`);
  });

  test('a fixed pool does not expand', async (assert, t) => {
    const semaphore = new AsyncSemaphore(1);
    const { pool } = await t.warm({ maxPages: 2, semaphore });
    assert.false(Boolean(pool.__test_tryExpand(99)), 'SPEC 9: dynamic pools only');
    for (const key of ['a', 'b']) await t.get(pool, key);
    const c = t.ask(pool, 'c');
    await turns();
    assert.deepEqual(
      [pool.currentMaxPages, semaphore.capacity, c.state],
      [2, 2, 'pending'],
      'SPEC 9: it stays',
    );
  });

  test('only under saturation', async (assert, t) => {
    const { pool } = await t.dynamic();
    pool.__test_maybeExpandUnderSaturation();
    assert.strictEqual(pool.currentMaxPages, 2, 'SPEC 4.3: the semaphore is free');
    await t.get(pool, 'a');
    await t.get(pool, 'b');
    pool.__test_maybeExpandUnderSaturation();
    assert.strictEqual(pool.currentMaxPages, 3, 'SPEC 4.3: the semaphore is full');
  });

  test('the high tier by getPage', async (assert, t) => {
    const { pool } = await t.dynamic({ env: HIGH });
    for (const key of ['a', 'b', 'c', 'd']) await t.get(pool, key);
    const controller = new AbortController();
    const low = t.ask(pool, 'low', 'file', { priority: 9, signal: controller.signal });
    await turns();
    assert.deepEqual([pool.currentMaxPages, low.state], [4, 'pending'], 'SPEC 9: 9 is below the threshold');
    controller.abort();
    await low.end();
    const high = await t.get(pool, 'high', 'file', { priority: 10 });
    assert.strictEqual(high.reused, false, 'SPEC 9: it is served');
    assert.strictEqual(pool.currentMaxPages, 5, 'SPEC 9: one page more, for a high priority');
  });

  test('the high tier before anything is closed, with every page idle', async (assert, t) => {
    const { pool, browser } = await t.dynamic({ env: HIGH });
    const sizes = [];
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await t.visit(pool, key, 'file', { priority: 10 });
      sizes.push(pool.currentMaxPages);
    }
    assert.strictEqual(sizes.at(-1), 6, `SPEC 4d: below its ceiling for this priority: expand (${sizes})`);
    assert.strictEqual(browser.count('closeContext'), 0, 'SPEC 4d: before anything is closed');
  });

  test('two calls in one tick: the second sees that the first expanded', async (assert, t) => {
    const { pool, semaphore } = await t.dynamic();
    await t.get(pool, 'a');
    await t.get(pool, 'b');
    const c = t.ask(pool, 'c');
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [3, 3], 'SPEC 13: when the call returns');
    const d = t.ask(pool, 'd');
    await c.lease();
    await d.lease();
    assert.strictEqual(pool.currentMaxPages, 4, 'SPEC 13: in the order of their calls');
  });
});

contract('SPEC 9: contraction', (test) => {
  const IDLE = { PRERENDER_POOL_IDLE_CONTRACTION_MS: '30' };

  test('drops one slot after another, never below min', async (assert, t) => {
    const { pool, semaphore, browser } = await t.dynamic({
      env: { ...IDLE, PRERENDER_PAGE_POOL_INITIAL: '4' },
      contractionTickMs: 5,
    });
    const sizes = new Set();
    await until(() => {
      sizes.add(pool.currentMaxPages);
      return pool.currentMaxPages === 2;
    }, 'SPEC 9: down to min');
    assert.true(
      [...sizes].every((size) => size >= 2),
      'SPEC 9: never below',
    );
    assert.strictEqual(semaphore.capacity, 2, 'SPEC 9: lower the semaphore');
    await until(() => browser.alive.length === 2, 'SPEC 9: a standby goes with each slot');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.strictEqual(pool.currentMaxPages, 2, 'SPEC 9: never below min');
    assert.strictEqual(browser.alive.length, 2, 'SPEC 5: current pages - bound tabs standbys');
  });

  test('not while anything is held', async (assert, t) => {
    const { pool } = await t.dynamic({
      env: { ...IDLE, PRERENDER_PAGE_POOL_INITIAL: '3' },
      contractionTickMs: 5,
    });
    const lease = await t.get(pool, 'a');
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.strictEqual(pool.currentMaxPages, 3, 'SPEC 9: something is held');
    lease.release();
    await until(() => pool.currentMaxPages === 2, 'SPEC 9: then nothing is');
  });

  test('a standby first, else the idle affinity least recently used, whole', async (assert, t) => {
    const clock = t.clock();
    const { pool, browser } = await t.dynamic({
      env: { PRERENDER_POOL_IDLE_CONTRACTION_MS: '5000', PRERENDER_PAGE_POOL_INITIAL: '4' },
      contractionTickMs: 5,
    });
    const leases = {};
    for (const key of ['a', 'b', 'c', 'd']) {
      clock.now += 10;
      leases[key] = await t.visit(pool, key);
    }
    await pool.warmStandbys();
    const size = pool.currentMaxPages;
    assert.deepEqual(pool.getWarmAffinities().sort(), ['a', 'b', 'c', 'd'], 'four affinities are warm');
    await turns();
    clock.now += 5001;
    await until(
      () => later(clock) && pool.currentMaxPages < size,
      'SPEC 9: at least the threshold since it was first seen idle',
    );
    const standbyWent = browser.contexts.some(
      (context) =>
        context.closeCalls > 0 && !Object.values(leases).some((l) => l.page.browserContext() === context),
    );
    const affinityWent = leases.a.page.browserContext().closeCalls > 0;
    assert.true(standbyWent || affinityWent, 'SPEC 9: a slot was dropped');
    assert.strictEqual(pool.currentMaxPages, size - 1, 'SPEC 9: one slot');
    await turns(20);
    assert.strictEqual(pool.currentMaxPages, size - 1, 'SPEC 9: and wait a full threshold again');
    clock.now += 5001;
    await until(() => later(clock) && pool.currentMaxPages === size - 2, 'SPEC 9: the next');
    await until(() => leases.a.page.browserContext().closed, 'SPEC 9: the idle affinity least recently used');
    assert.strictEqual(leases.a.page.browserContext().closeCalls, 1, 'SPEC 5: pages and context');
    assert.strictEqual(
      pool.getSharedContextSnapshot().entries.find((e) => e.affinityKey === 'a'),
      undefined,
      'SPEC 5: no orphan',
    );
    assert.true(pool.getWarmAffinities().includes('d'), 'SPEC 9: the newest stays');
  });

  test('counts from the last expansion', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.dynamic({
      env: { PRERENDER_POOL_IDLE_CONTRACTION_MS: '5000', PRERENDER_PAGE_POOL_INITIAL: '3' },
      contractionTickMs: 3,
    });
    await turns(10);
    clock.now += 4000;
    pool.__test_tryExpand();
    clock.now += 4000;
    await turns(20);
    assert.strictEqual(pool.currentMaxPages, 4, 'SPEC 9: at least the threshold since it last expanded');
    clock.now += 1001;
    await until(() => later(clock) && pool.currentMaxPages === 3, 'SPEC 9: then it contracts');
  });

  test('counts from when it was first seen idle', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.dynamic({
      env: { PRERENDER_POOL_IDLE_CONTRACTION_MS: '5000', PRERENDER_PAGE_POOL_INITIAL: '3' },
      contractionTickMs: 3,
    });
    const lease = await t.get(pool, 'a');
    clock.now += 60_000;
    await turns(10);
    lease.release();
    await turns(10);
    clock.now += 4000;
    await turns(20);
    assert.strictEqual(pool.currentMaxPages, 3, 'SPEC 9: idle for less than the threshold');
    clock.now += 1100;
    await until(() => later(clock) && pool.currentMaxPages === 2, 'SPEC 9: then it contracts');
  });

  test('a fixed pool starts no timer', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3, env: IDLE, contractionTickMs: 2 });
    await new Promise((resolve) => setTimeout(resolve, 80));
    assert.strictEqual(pool.currentMaxPages, 3, 'SPEC 9: dynamic pools only');
  });
});
