'use strict';

const { AsyncSemaphore, contract, row, until } = require('./helpers/harness.js');

const sizes = (pool) => ({
  current: pool.currentMaxPages,
  min: pool.minPages,
  burst: pool.maxBurstPages,
  high: pool.highPriorityMaxPages,
  threshold: pool.highPriorityThreshold,
});

/** The admission cap of a pool with these variables, read while a file lease is held. */
async function fileCap(t, env, maxPages = 5) {
  t.log.length = 0;
  const { pool } = await t.warm({ env, maxPages, semaphore: new AsyncSemaphore(1) });
  const lease = await t.get(pool, 'a', 'file');
  const { cap } = row(pool, 'a').admission;
  lease.release();
  await pool.closeAll();
  return cap;
}

contract('SPEC 3: environment', (test) => {
  test('MIN and MAX', async (assert, t) => {
    const fixed = { current: 6, min: 6, burst: 6, high: 6, threshold: Infinity };
    const MIN = 'PRERENDER_PAGE_POOL_MIN';
    const MAX = 'PRERENDER_PAGE_POOL_MAX';
    for (const env of [
      {},
      { [MIN]: '2' },
      { [MAX]: '4' },
      { [MIN]: '0', [MAX]: '4' },
      { [MIN]: '2', [MAX]: '' },
      { [MIN]: '-1', [MAX]: '4' },
      { [MIN]: '1.5', [MAX]: '4' },
      { [MIN]: 'two', [MAX]: '4' },
      { [MIN]: '2', [MAX]: 'Infinity' },
      { [MIN]: '2px', [MAX]: '4' },
    ]) {
      const { pool } = t.make({ env, maxPages: 6 });
      assert.deepEqual(
        sizes(pool),
        fixed,
        `SPEC 3: ${JSON.stringify(env)}: min = burst = current = maxPages`,
      );
    }
    for (const [min, max] of [
      ['2', '4'],
      [' 2 ', '4.0'],
      ['0x2', '4e0'],
    ]) {
      const { pool } = t.make({ env: { [MIN]: min, [MAX]: max }, maxPages: 6 });
      assert.deepEqual(
        sizes(pool),
        { current: 2, min: 2, burst: 4, high: 4, threshold: Infinity },
        `SPEC 13: ${JSON.stringify([min, max])} by the rules of Number()`,
      );
    }
    t.log.length = 0;
    const { pool } = t.make({ env: { [MIN]: '5', [MAX]: '3' }, maxPages: 6 });
    assert.deepEqual(
      sizes(pool),
      { current: 5, min: 5, burst: 5, high: 5, threshold: Infinity },
      'SPEC 3: MAX < MIN: clamp to MIN',
    );
    assert.strictEqual(t.lines('warn').length, 1, 'SPEC 3: and warn');
  });

  test('INITIAL', async (assert, t) => {
    for (const [initial, current] of [
      [undefined, 2],
      ['3', 3],
      ['2', 2],
      ['5', 5],
      ['9', 5],
      ['1', 2],
      ['0', 2],
      ['-2', 2],
      ['x', 2],
      ['2.5', 2],
      ['', 2],
    ]) {
      const env = { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '5' };
      if (initial !== undefined) env.PRERENDER_PAGE_POOL_INITIAL = initial;
      const semaphore = new AsyncSemaphore(1);
      const { pool } = t.make({ env, semaphore });
      assert.strictEqual(pool.currentMaxPages, current, `SPEC 3: INITIAL=${initial} in [2, 5]`);
      assert.strictEqual(semaphore.capacity, current, `SPEC 3: the semaphore with INITIAL=${initial}`);
    }
    const { pool } = t.make({ env: { PRERENDER_PAGE_POOL_INITIAL: '3' }, maxPages: 6 });
    assert.strictEqual(pool.currentMaxPages, 6, 'SPEC 3: without an envelope it says nothing');
  });

  test('the high-priority tier', async (assert, t) => {
    const HIGH = 'PRERENDER_HIGH_PRIORITY_MAX';
    const envelope = { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '4' };
    const high = (max, threshold) => ({
      ...(max === undefined ? {} : { PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX: max }),
      ...(threshold === undefined ? {} : { PRERENDER_HIGH_PRIORITY_THRESHOLD: threshold }),
    });
    assert.strictEqual(typeof HIGH, 'string');
    for (const [env, maximum, threshold, what] of [
      [{ ...envelope, ...high('6', '10') }, 6, 10, 'both'],
      [{ ...envelope, ...high('4', '10') }, 4, 10, 'equal to MAX'],
      [{ ...envelope, ...high('6', undefined) }, 4, Infinity, 'no threshold: dormant'],
      [{ ...envelope, ...high(undefined, '10') }, 4, Infinity, 'no maximum: dormant'],
      [{ ...envelope, ...high('x', '10') }, 4, Infinity, 'a wrong maximum: dormant'],
      [{ ...envelope, ...high('6', 'x') }, 4, Infinity, 'a wrong threshold: dormant'],
      [{ ...envelope, ...high('6.5', '10') }, 4, Infinity, 'a fraction: dormant'],
    ]) {
      const { pool } = t.make({ env });
      assert.deepEqual(
        [pool.highPriorityMaxPages, pool.highPriorityThreshold],
        [maximum, threshold],
        `SPEC 3: high-priority tier, ${what}`,
      );
    }
    const { pool: fixed } = t.make({ env: high('9', '10'), maxPages: 3 });
    assert.deepEqual(
      [fixed.highPriorityMaxPages, fixed.highPriorityThreshold],
      [3, Infinity],
      'SPEC 3: without MAX > MIN the tier is dormant',
    );
    t.log.length = 0;
    const { pool: low } = t.make({ env: { ...envelope, ...high('3', '10') } });
    assert.strictEqual(low.highPriorityMaxPages, 4, 'SPEC 3: below MAX: clamp');
    assert.strictEqual(t.lines('warn').length, 1, 'SPEC 3: and warn');
  });

  test('AFFINITY_TAB_MAX, seen in the admission cap', async (assert, t) => {
    const tabs = (value) => ({ PRERENDER_AFFINITY_TAB_MAX: value });
    assert.strictEqual(await fileCap(t, {}, 9), 4, 'SPEC 3: default 5, fixed pool: tabMax - 1');
    for (const [value, cap] of [
      ['4', 3],
      ['3.9', 2],
      ['0', 1],
      ['-3', 1],
      ['abc', 1],
      ['Infinity', 1],
      ['20', 8],
      ['2', 1],
    ])
      assert.strictEqual(
        await fileCap(t, tabs(value), 9),
        cap,
        `SPEC 3: AFFINITY_TAB_MAX=${value} of 9 pages`,
      );
    assert.strictEqual(await fileCap(t, {}, 3), 2, 'SPEC 3: min(5, burst)');
    const dynamic = { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '4' };
    assert.strictEqual(await fileCap(t, dynamic), 4, 'SPEC 3: dynamic pool: tabMax = min(5, burst)');
    assert.strictEqual(await fileCap(t, { ...dynamic, ...tabs('3') }), 3, 'SPEC 3: dynamic pool: tabMax');
  });

  test('a fixed pool with one tab per affinity is warned of', async (assert, t) => {
    const warned = async (env, maxPages) => {
      t.log.length = 0;
      t.make({ env, maxPages });
      return t.lines('warn').length;
    };
    assert.strictEqual(await warned({}, 1), 1, 'SPEC 3: one page');
    assert.true(/deadlock/i.test(t.lines('warn')[0]), 'SPEC 3: the deadlock is not prevented');
    assert.strictEqual(await warned({ PRERENDER_AFFINITY_TAB_MAX: '1' }, 5), 1, 'SPEC 3: tab maximum of 1');
    assert.strictEqual(await warned({}, 2), 0, 'two tabs are enough');
    assert.strictEqual(
      await warned(
        { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '4', PRERENDER_AFFINITY_TAB_MAX: '1' },
        5,
      ),
      0,
      'SPEC 3: with a fixed pool only',
    );
  });

  test('AFFINITY_FILE_CONCURRENCY', async (assert, t) => {
    const files = (value) => ({ PRERENDER_AFFINITY_FILE_CONCURRENCY: value });
    for (const [value, cap, warnings] of [
      ['2', 2, 0],
      ['1', 1, 0],
      ['4', 4, 0],
      ['100', 4, 0],
      ['', 4, 0],
      ['0', 4, 1],
      ['-1', 4, 1],
      ['1.5', 4, 1],
      ['abc', 4, 1],
      ['Infinity', 4, 1],
    ]) {
      assert.strictEqual(
        await fileCap(t, files(value), 6),
        cap,
        `SPEC 3: FILE_CONCURRENCY=${value}, default 4`,
      );
      assert.strictEqual(
        t.lines('warn').length,
        warnings,
        `SPEC 3: FILE_CONCURRENCY=${value}: invalid and not empty: warn`,
      );
    }
    t.log.length = 0;
    t.make({ env: files('2'), maxPages: 6 });
    assert.true(
      t.lines('info').some((line) => line.includes('2')),
      'SPEC 3: lowered: log it at info',
    );
    t.log.length = 0;
    t.make({ env: files('4'), maxPages: 6 });
    assert.deepEqual(t.lines('info'), [], 'SPEC 3: not lowered: nothing');
  });

  test('SHARED_CONTEXT_CAP', async (assert, t) => {
    const cap = (env, maxPages) => t.make({ env, maxPages }).pool.getSharedContextSnapshot().cap;
    assert.strictEqual(cap({}, 3), 6, 'SPEC 3: default 2 x high-priority max');
    const high = {
      PRERENDER_PAGE_POOL_MIN: '2',
      PRERENDER_PAGE_POOL_MAX: '4',
      PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX: '7',
      PRERENDER_HIGH_PRIORITY_THRESHOLD: '10',
    };
    assert.strictEqual(cap(high, 3), 14, 'SPEC 3: of the high-priority maximum');
    for (const [value, expected] of [
      ['3', 3],
      ['1', 1],
      ['0', 6],
      ['-2', 6],
      ['abc', 6],
      ['Infinity', 6],
      ['50', 50],
    ])
      assert.strictEqual(cap({ PRERENDER_SHARED_CONTEXT_CAP: value }, 3), expected, `SPEC 3: CAP=${value}`);
  });

  test('TAB_HEALTH_PROBE_MS: what is valid', async (assert, t) => {
    const warnings = (value, render) => {
      t.log.length = 0;
      t.make({
        env: {
          PRERENDER_TAB_HEALTH_PROBE_MS: value,
          ...(render === undefined ? {} : { RENDER_TIMEOUT_MS: render }),
        },
      });
      return t.lines('warn').length;
    };
    for (const [value, expected, render] of [
      ['', 0],
      ['   ', 0],
      ['0', 0],
      ['250', 0],
      ['3000', 0],
      ['59999', 0],
      ['249', 1],
      ['1', 1],
      ['-1', 1],
      ['300.5', 1],
      ['abc', 1],
      ['60001', 1],
      ['4999', 0, '5000'],
      ['5001', 1, '5000'],
      ['999', 0, '10'],
      ['1001', 1, '10'],
      ['59999', 0, 'abc'],
      ['60001', 1, 'abc'],
    ])
      assert.strictEqual(
        warnings(value, render),
        expected,
        `SPEC 3: TAB_HEALTH_PROBE_MS='${value}', RENDER_TIMEOUT_MS=${render}`,
      );
  });

  test('TAB_HEALTH_PROBE_MS: what it does', async (assert, t) => {
    const off = await t.warm({ env: { PRERENDER_TAB_HEALTH_PROBE_MS: '0' } });
    await t.visit(off.pool, 'a');
    await t.visit(off.pool, 'a');
    assert.strictEqual(off.browser.count('evaluate'), 0, 'SPEC 3: 0 = off');

    const on = await t.warm({ env: { PRERENDER_TAB_HEALTH_PROBE_MS: '250' } });
    await t.visit(on.pool, 'a');
    on.browser.on.evaluate = () => t.gate().promise;
    await t.visit(on.pool, 'a');
    assert.deepEqual(on.pool.getUnresponsiveTabSwaps(), { a: 1 }, 'SPEC 3: the liveness budget');

    const option = await t.warm({
      env: { PRERENDER_TAB_HEALTH_PROBE_MS: '50000' },
      tabHealthProbeMs: 30,
    });
    await t.visit(option.pool, 'a');
    option.browser.on.evaluate = () => t.gate().promise;
    await t.visit(option.pool, 'a');
    assert.deepEqual(option.pool.getUnresponsiveTabSwaps(), { a: 1 }, 'SPEC 3: the option goes first');
  });

  test('the environment is read when the pool is constructed, once', async (assert, t) => {
    const { pool } = t.make({ env: { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '4' } });
    process.env.PRERENDER_PAGE_POOL_MAX = '9';
    assert.strictEqual(pool.maxBurstPages, 4, 'SPEC 13: read inside new PagePool');
    const later = t.make({ env: { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '9' } });
    assert.strictEqual(later.pool.maxBurstPages, 9, 'SPEC 13: anew by the next');
  });

  test('POOL_IDLE_CONTRACTION_MS', async (assert, t) => {
    const { pool } = await t.dynamic({
      env: { PRERENDER_PAGE_POOL_INITIAL: '3', PRERENDER_POOL_IDLE_CONTRACTION_MS: '20' },
    });
    await until(() => pool.currentMaxPages === 2, 'SPEC 3: the tick is the contraction threshold by default');
    for (const value of ['0', '-5', 'abc', '1.5', '']) {
      const other = await t.dynamic({
        env: { PRERENDER_PAGE_POOL_INITIAL: '3', PRERENDER_POOL_IDLE_CONTRACTION_MS: value },
        contractionTickMs: 1,
      });
      await new Promise((resolve) => setTimeout(resolve, 15));
      assert.strictEqual(other.pool.currentMaxPages, 3, `SPEC 3: '${value}' is no positive integer: 60000`);
    }
  });
});
