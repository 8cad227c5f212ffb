'use strict';

const { inspect } = require('node:util');
const {
  AsyncSemaphore,
  HOST,
  PagePool,
  TWO_TO_FOUR,
  contract,
  turns,
  until,
} = require('./helpers/harness.js');

contract('SPEC 3: options', (test) => {
  test('a missing or wrong option is a TypeError that names it', async (assert, t) => {
    const browser = t.browser();
    const cases = {
      maxPages: [undefined, 0, -1, 1.5, NaN, Infinity, '3', null],
      serverURL: [undefined, 5],
      browserManager: [undefined, null, {}, 'chrome', { getBrowser() {} }, { cleanupUserDataDirs() {} }],
      boxelHostURL: [undefined, 7],
      renderSemaphore: [5, {}, 'x'],
      standbyTimeoutMs: ['soon'],
      onAffinityDisposed: [5],
      closeTimeoutMs: ['soon'],
      contractionTickMs: ['soon'],
      logger: [5],
    };
    for (const [option, values] of Object.entries(cases)) {
      for (const value of values) {
        const options = t.options(browser, { [option]: value });
        let error;
        try {
          t.pools.push(new PagePool(options));
        } catch (caught) {
          error = caught;
        }
        const what = `${option}: ${inspect(value)}`;
        assert.true(error instanceof TypeError, `SPEC 3: ${what} is a TypeError of the constructor`);
        assert.strictEqual(error?.code, 'ERR_INVALID_ARG_VALUE', `SPEC 3: ${what}: code`);
        assert.true(String(error?.message).includes(option), `SPEC 3: ${what}: the message names the option`);
      }
    }
    assert.throws(() => new PagePool(), TypeError, 'SPEC 3: no options at all');
  });

  test('the message says what came', async (assert, t) => {
    assert.throws(
      () => new PagePool(t.options(t.browser(), { maxPages: 'many' })),
      (e) => e.message.includes('many') && /integer/i.test(e.message),
      'SPEC 3: what it expected and what came',
    );
  });

  test('optional options may be present and undefined', async (assert, t) => {
    const { pool } = await t.warm({
      standbyTimeoutMs: undefined,
      renderSemaphore: undefined,
      disableStandbyRefill: undefined,
      onAffinityDisposed: undefined,
      disableFileAdmission: undefined,
      contractionTickMs: undefined,
      tabHealthProbeMs: undefined,
      allowTabMigration: undefined,
      closeTimeoutMs: undefined,
      leaseGraceMs: undefined,
      logger: undefined,
    });
    const lease = await t.get(pool, 'a', undefined, undefined);
    assert.strictEqual(typeof lease.pageId, 'string', 'SPEC 13: present and undefined');
    lease.release();
    (await t.get(pool, 'a', 'file', { signal: undefined, priority: undefined })).release();
    await pool.disposeAffinity('a', {
      awaitIdle: undefined,
      retainConsoleErrors: undefined,
      retainSharedContext: undefined,
    });
    assert.deepEqual(pool.getWarmAffinities(), [], 'SPEC 13: undefined awaitIdle is the default, true');
  });

  test('durations may be Infinity or fractions', async (assert, t) => {
    for (const value of [Infinity, 2.5]) {
      const { pool } = await t.warm({ contractionTickMs: value, closeTimeoutMs: value });
      const lease = await t.get(pool, 'a');
      lease.release();
      await pool.closeAll();
      assert.deepEqual(pool.getWarmAffinities(), [], `SPEC 13: ${value} is taken`);
    }
  });

  test('getPage rejects a wrong argument', async (assert, t) => {
    const { pool } = await t.warm();
    const cases = [
      [[''], 'an empty key'],
      [[], 'a missing key'],
      [[undefined], 'an undefined key'],
      [['a', 'image'], 'an unknown queue kind'],
      [['a', 'file', { priority: NaN }], 'priority NaN'],
      [['a', 'file', { priority: Infinity }], 'priority Infinity'],
      [['a', 'file', { priority: '5' }], 'a priority that is a string'],
    ];
    for (const [args, what] of cases) {
      const result = await t.ask(pool, ...args).end();
      assert.strictEqual(result.state, 'rejected', `SPEC 3: ${what} is rejected, not thrown`);
      assert.true(result.error instanceof TypeError, `SPEC 3: ${what}: a TypeError`);
      assert.strictEqual(result.error?.code, 'ERR_INVALID_ARG_VALUE', `SPEC 3: ${what}: code`);
    }
    assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 0, 'and nothing was taken');
  });

  test('the constructor sets the capacity of the render semaphore', async (assert, t) => {
    const ours = new AsyncSemaphore(9);
    t.make({ semaphore: ours, maxPages: 3 });
    assert.strictEqual(ours.capacity, 3, 'SPEC 3: to the current page count');
    const dynamic = new AsyncSemaphore(9);
    t.make({ semaphore: dynamic, env: { ...TWO_TO_FOUR, PRERENDER_PAGE_POOL_INITIAL: '3' } });
    assert.strictEqual(dynamic.capacity, 3, 'SPEC 3: of the envelope');

    const sets = [];
    const foreign = {
      async acquire() {
        return () => {};
      },
      setCapacity(n) {
        sets.push([n, this === foreign]);
      },
    };
    t.make({ semaphore: foreign, maxPages: 4 });
    assert.deepEqual(sets, [[4, true]], 'SPEC 13: before the constructor returns, as a method');
    const { pool } = await t.warm({ semaphore: { acquire: async () => () => {} }, maxPages: 1 });
    const lease = await t.get(pool, 'a');
    assert.strictEqual(typeof lease.release, 'function', 'SPEC 3: acquire alone is enough');
    lease.release();
  });

  test('a foreign semaphore is asked with signal and priority, and released once', async (assert, t) => {
    const asked = [];
    let released = 0;
    const { pool } = await t.warm({
      semaphore: {
        async acquire(signal, priority) {
          asked.push([signal, priority]);
          return () => released++;
        },
      },
    });
    const controller = new AbortController();
    const lease = await t.get(pool, 'a', 'file', { signal: controller.signal, priority: 6 });
    assert.strictEqual(asked.length, 1, 'SPEC 4.6: one acquire for one lease');
    assert.strictEqual(asked[0][1], 6, 'SPEC 3: acquire(signal?, priority?)');
    assert.strictEqual(released, 0, 'held as long as the lease');
    lease.release();
    lease.release();
    assert.strictEqual(
      released,
      1,
      'SPEC 4.7: release() is synchronous and idempotent, for the semaphore too',
    );
  });

  test('a foreign semaphore that rejects', async (assert, t) => {
    const own = new Error('no permits today');
    let broken = true;
    const { pool } = await t.warm({
      maxPages: 2,
      semaphore: { acquire: () => (broken ? Promise.reject(own) : Promise.resolve(() => {})) },
    });
    const asked = await t.ask(pool, 'a', 'file').end();
    assert.strictEqual(asked.error, own, 'SPEC 14: an unknown error is passed on as it is');
    const depth = pool.getQueueDepthSnapshot();
    assert.strictEqual(depth.totalPending, 0, 'SPEC 4.6: the tab is given back');
    broken = false;
    assert.strictEqual(typeof (await t.visit(pool, 'a')).pageId, 'string', 'SPEC 4.6: and the permit');
  });

  test('the counts of a foreign semaphore are used where present', async (assert, t) => {
    const { pool } = await t.warm({
      env: TWO_TO_FOUR,
      semaphore: {
        acquire: async () => () => {},
        setCapacity(n) {
          this.capacity = n;
        },
        capacity: 2,
        get inUseCount() {
          return this.capacity;
        },
        pendingCount: 0,
      },
    });
    await t.get(pool, 'a');
    assert.strictEqual(pool.currentMaxPages, 3, 'SPEC 4.3: it says that it is full: expand');
  });

  test('disableFileAdmission', async (assert, t) => {
    const { pool } = await t.warm({
      maxPages: 3,
      disableFileAdmission: true,
      env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' },
    });
    const one = await t.get(pool, 'a', 'file');
    const two = await t.get(pool, 'a', 'file');
    assert.notStrictEqual(one.pageId, two.pageId, 'SPEC 3: no admission');
  });

  test('standbys are made for the host given, with the budget given', async (assert, t) => {
    const { browser } = await t.warm({ maxPages: 1, standbyTimeoutMs: 12_345 });
    const [url, options] = browser.of('goto')[0].args;
    assert.strictEqual(url, `${HOST}/_standby`, 'SPEC 5: ${boxelHostURL}/_standby');
    assert.strictEqual(options.waitUntil, 'domcontentloaded', 'SPEC 5: until domcontentloaded');
    assert.strictEqual(options.timeout, 12_345, 'SPEC 3: standbyTimeoutMs is the budget of the navigation');
    const other = await t.warm({ maxPages: 1 });
    assert.strictEqual(other.browser.of('goto')[0].args[1].timeout, 30_000, 'SPEC 3: default 30000');
  });

  test('serverURL is a setter', async (assert, t) => {
    const { pool } = await t.warm();
    await t.visit(pool, 'a');
    pool.serverURL = 'http://moved.example:9';
    await pool.disposeAffinity('a');
    assert.strictEqual(
      new URL(t.fetches[0].url).searchParams.get('url'),
      'http://moved.example:9',
      'SPEC 3: the manager is told the URL set last',
    );
  });

  test('onAffinityDisposed that throws is logged and nothing else', async (assert, t) => {
    const { pool } = await t.warm({
      onAffinityDisposed() {
        throw new Error('observer broke');
      },
    });
    await t.visit(pool, 'a');
    await pool.disposeAffinity('a');
    assert.true(
      t.log.some((line) => /warn|error/.test(line.level) && line.text.includes('observer broke')),
      'SPEC 3: it is logged',
    );
    await t.visit(pool, 'a');
    await pool.disposeAffinity('a', { awaitIdle: false });
    assert.strictEqual((await t.visit(pool, 'b')).reused, false, 'SPEC 3: nothing else happens');
  });

  test('lines of the console are [name] text, debug only when asked for', async (assert, t) => {
    const seen = [];
    const real = {};
    for (const level of ['debug', 'info', 'warn', 'error', 'log']) {
      real[level] = console[level];
      console[level] = (...args) => seen.push([level, args.join(' ')]);
    }
    const unready = ({ next, nth }) => (nth === 1 ? Promise.resolve({ status: () => 503 }) : next());
    const invalid = { PRERENDER_TAB_HEALTH_PROBE_MS: 'x' };
    try {
      const quiet = t.make({ maxPages: 1, logger: undefined, env: invalid });
      quiet.browser.on.goto = unready;
      await quiet.pool.warmStandbys();
      assert.true(
        seen.some(([level, text]) => level === 'warn' && text.startsWith('[prerenderer] ')),
        'SPEC 3: a line is [name] text, by console.warn',
      );
      assert.false(
        seen.some(([level, text]) => level === 'debug' && text.startsWith('[prerenderer')),
        'SPEC 3: no debug lines otherwise',
      );
      seen.length = 0;
      const loud = t.make({ maxPages: 1, logger: undefined, env: { PAGEPOOL_LOG: 'debug' } });
      loud.browser.on.goto = unready;
      await loud.pool.warmStandbys();
      await until(
        () => seen.some(([level, text]) => level === 'debug' && text.startsWith('[prerenderer] ')),
        'SPEC 3: a debug line with PAGEPOOL_LOG=debug',
      );
    } finally {
      Object.assign(console, real);
    }
  });

  test('no standbys while a tab is bound with disableStandbyRefill', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, disableStandbyRefill: true });
    assert.strictEqual(browser.contexts.length, 2, 'SPEC 5: nothing is bound: both are made');
    await t.visit(pool, 'a');
    await pool.warmStandbys();
    await turns();
    assert.strictEqual(browser.contexts.length, 2, 'SPEC 3: none is created while any tab is bound');
    await pool.disposeAffinity('a');
    await pool.warmStandbys();
    assert.strictEqual(browser.alive.length, 2, 'SPEC 3: again when none is');
  });
});
