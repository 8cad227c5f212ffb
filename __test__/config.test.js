'use strict';

const { lib, poolModule, withEnv, ForeignSemaphore } = require('./helpers/kit.js');
const { turns, watch } = require('./helpers/wait.js');

const shape = (pool) => ({
  current: pool.currentMaxPages,
  min: pool.minPages,
  burst: pool.maxBurstPages,
  high: pool.highPriorityMaxPages,
  threshold: pool.highPriorityThreshold,
});
const P = (name) => `PRERENDER_PAGE_POOL_${name}`;

poolModule('envelope from options and environment', (kit) => {
  const cases = [
    ['nothing set: maxPages is all of it', { maxPages: 4 }, {}, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['MIN alone counts for nothing', { maxPages: 4 }, { [P('MIN')]: '2' }, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['MAX alone counts for nothing', { maxPages: 4 }, { [P('MAX')]: '9' }, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['MIN and MAX: starts at MIN', { maxPages: 4 }, { [P('MIN')]: '2', [P('MAX')]: '6' }, { current: 2, min: 2, burst: 6, high: 6, threshold: Infinity }],
    ['MIN = MAX is a fixed pool', { maxPages: 4 }, { [P('MIN')]: '3', [P('MAX')]: '3' }, { current: 3, min: 3, burst: 3, high: 3, threshold: Infinity }],
    ['INITIAL inside', { maxPages: 1 }, { [P('MIN')]: '2', [P('MAX')]: '6', [P('INITIAL')]: '4' }, { current: 4, min: 2, burst: 6, high: 6, threshold: Infinity }],
    ['INITIAL below MIN is MIN', { maxPages: 1 }, { [P('MIN')]: '2', [P('MAX')]: '6', [P('INITIAL')]: '1' }, { current: 2, min: 2, burst: 6, high: 6, threshold: Infinity }],
    ['INITIAL above MAX is MAX', { maxPages: 1 }, { [P('MIN')]: '2', [P('MAX')]: '6', [P('INITIAL')]: '60' }, { current: 6, min: 2, burst: 6, high: 6, threshold: Infinity }],
    ['INITIAL that is no number is MIN', { maxPages: 1 }, { [P('MIN')]: '2', [P('MAX')]: '6', [P('INITIAL')]: 'x' }, { current: 2, min: 2, burst: 6, high: 6, threshold: Infinity }],
    ['a fraction is unset', { maxPages: 4 }, { [P('MIN')]: '1.5', [P('MAX')]: '6' }, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['zero is unset', { maxPages: 4 }, { [P('MIN')]: '0', [P('MAX')]: '6' }, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['a negative is unset', { maxPages: 4 }, { [P('MIN')]: '2', [P('MAX')]: '-6' }, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['blank is unset', { maxPages: 4 }, { [P('MIN')]: '2', [P('MAX')]: '' }, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['Infinity is no integer', { maxPages: 4 }, { [P('MIN')]: '2', [P('MAX')]: 'Infinity' }, { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ["Number()'s rules: white space, hex and exponent are numbers", { maxPages: 1 }, { [P('MIN')]: ' 2 ', [P('MAX')]: '0x10', [P('INITIAL')]: '1e1' },
      { current: 10, min: 2, burst: 16, high: 16, threshold: Infinity }],
    ["Number()'s rules: 2.0 is an integer", { maxPages: 1 }, { [P('MIN')]: '2.0', [P('MAX')]: '3' }, { current: 2, min: 2, burst: 3, high: 3, threshold: Infinity }],
    ["Number()'s rules: 2px is none", { maxPages: 1 }, { [P('MIN')]: '2px', [P('MAX')]: '3' }, { current: 1, min: 1, burst: 1, high: 1, threshold: Infinity }],
    ['high-priority tier', { maxPages: 1 }, { [P('MIN')]: '2', [P('MAX')]: '4', [P('HIGH_PRIORITY_MAX')]: '6', PRERENDER_HIGH_PRIORITY_THRESHOLD: '8' },
      { current: 2, min: 2, burst: 4, high: 6, threshold: 8 }],
    ['high-priority maximum without a threshold is dormant', { maxPages: 1 }, { [P('MIN')]: '2', [P('MAX')]: '4', [P('HIGH_PRIORITY_MAX')]: '6' },
      { current: 2, min: 2, burst: 4, high: 4, threshold: Infinity }],
    ['a threshold without a high-priority maximum is dormant', { maxPages: 1 }, { [P('MIN')]: '2', [P('MAX')]: '4', PRERENDER_HIGH_PRIORITY_THRESHOLD: '8' },
      { current: 2, min: 2, burst: 4, high: 4, threshold: Infinity }],
    ['no tier where MAX is not above MIN', { maxPages: 1 }, { [P('MIN')]: '4', [P('MAX')]: '4', [P('HIGH_PRIORITY_MAX')]: '6', PRERENDER_HIGH_PRIORITY_THRESHOLD: '8' },
      { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
    ['no tier on a pool fixed by maxPages', { maxPages: 4 }, { [P('HIGH_PRIORITY_MAX')]: '6', PRERENDER_HIGH_PRIORITY_THRESHOLD: '8' },
      { current: 4, min: 4, burst: 4, high: 4, threshold: Infinity }],
  ];
  for (const [name, options, env, expected] of cases) {
    QUnit.test(name, (assert) => {
      const { pool } = kit().make({ ...options, env });
      assert.deepEqual(shape(pool), expected, JSON.stringify(env));
    });
  }

  QUnit.test('MAX below MIN clamps to MIN and warns', (assert) => {
    const { pool, logs } = kit().make({ env: { [P('MIN')]: '5', [P('MAX')]: '3' } });
    assert.deepEqual(shape(pool), { current: 5, min: 5, burst: 5, high: 5, threshold: Infinity }, 'clamped');
    assert.strictEqual(logs.find('warn', /PRERENDER_PAGE_POOL_MAX/).length, 1, 'one warning that names the variable');
  });

  QUnit.test('a high-priority maximum below MAX clamps to MAX and warns', (assert) => {
    const { pool, logs } = kit().make({ env: { [P('MIN')]: '2', [P('MAX')]: '4', [P('HIGH_PRIORITY_MAX')]: '3', PRERENDER_HIGH_PRIORITY_THRESHOLD: '8' } });
    assert.strictEqual(pool.highPriorityMaxPages, 4, 'clamped');
    assert.strictEqual(logs.find('warn', /PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX/).length, 1, 'one warning that names the variable');
  });

  QUnit.test('a well-formed environment warns of nothing', (assert) => {
    const { logs } = kit().make({ env: { [P('MIN')]: '2', [P('MAX')]: '4', [P('HIGH_PRIORITY_MAX')]: '6', PRERENDER_HIGH_PRIORITY_THRESHOLD: '8' } });
    assert.deepEqual(logs.find('warn', /./), [], 'no warnings');
  });

  QUnit.test('the environment is read when the pool is constructed, not later', (assert) => {
    const { pool } = kit().make({ maxPages: 3, env: {} });
    withEnv({ [P('MIN')]: '1', [P('MAX')]: '9' }, () => {
      assert.strictEqual(pool.currentMaxPages, 3, 'a later change does nothing');
      assert.strictEqual(pool.maxBurstPages, 3, 'neither here');
    });
  });

  QUnit.test('each pool reads it anew', (assert) => {
    const a = kit().make({ env: { [P('MIN')]: '1', [P('MAX')]: '2' } }).pool;
    const b = kit().make({ env: { [P('MIN')]: '3', [P('MAX')]: '5' } }).pool;
    assert.deepEqual([a.maxBurstPages, b.maxBurstPages], [2, 5], 'two pools, two environments');
  });

  QUnit.test('PRERENDER_POOL_IDLE_CONTRACTION_MS takes any value without failing', (assert) => {
    for (const value of ['1', '', 'x', '0', '-1', '1.5']) {
      const { pool } = kit().make({ env: { [P('MIN')]: '1', [P('MAX')]: '2', PRERENDER_POOL_IDLE_CONTRACTION_MS: value } });
      assert.strictEqual(pool.maxBurstPages, 2, `made with ${JSON.stringify(value)}`);
    }
  });
});

poolModule('render semaphore at construction', (kit) => {
  QUnit.test('its capacity is the page count before the constructor returns', (assert) => {
    const semaphore = new lib.AsyncSemaphore(99);
    kit().make({ maxPages: 3, renderSemaphore: semaphore });
    assert.strictEqual(semaphore.capacity, 3, 'set from maxPages');
    const dynamic = new lib.AsyncSemaphore(99);
    kit().make({ renderSemaphore: dynamic, env: { [P('MIN')]: '2', [P('MAX')]: '6', [P('INITIAL')]: '4' } });
    assert.strictEqual(dynamic.capacity, 4, 'set from INITIAL');
  });

  QUnit.test('a foreign one has setCapacity called once, on its object', (assert) => {
    const foreign = new ForeignSemaphore(99);
    kit().make({ maxPages: 2, renderSemaphore: foreign });
    assert.deepEqual(foreign.capacities, [2], 'called synchronously with the page count');
  });

  QUnit.test('one without setCapacity is left alone', async (assert) => {
    const calls = [];
    const foreign = { acquire: async (...args) => {
      calls.push(args);
      return () => {};
    } };
    const { pool } = await kit().warm({ renderSemaphore: foreign });
    await kit().visit(pool, 'a');
    assert.strictEqual(calls.length, 1, 'acquire is all it needs');
  });
});

poolModule('tab cap per affinity', (kit) => {
  /** How many tabs one affinity gets when it asks for `asks` module renders at once. */
  async function tabsOf(pool, asks) {
    const watched = Array.from({ length: asks }, () => kit().ask(pool, 'a', 'module'));
    await turns(30);
    void watched;
    return pool.getQueueDepthSnapshot().affinities.find((a) => a.affinityKey === 'a').tabCount;
  }
  const cases = [
    ['unset: 5', undefined, 8, 5],
    ['3', '3', 8, 3],
    ['a fraction is floored', '2.9', 8, 2],
    ['zero is 1', '0', 8, 1],
    ['a negative is 1', '-3', 8, 1],
    ['not a number is 1', 'many', 8, 1],
    ['Infinity is 1', 'Infinity', 8, 1],
    ['bounded by the burst', '50', 4, 4],
    ['0.5 floors to at least one usable tab', '0.5', 4, 1],
  ];
  for (const [name, value, maxPages, expected] of cases) {
    QUnit.test(name, async (assert) => {
      const env = value === undefined ? {} : { PRERENDER_AFFINITY_TAB_MAX: value };
      const { pool } = await kit().warm({ maxPages, env });
      assert.strictEqual(await tabsOf(pool, 12), expected, `PRERENDER_AFFINITY_TAB_MAX=${value}, ${maxPages} pages`);
    });
  }

  QUnit.test('a fixed pool with a cap below 2 warns that the self-referential deadlock is not prevented', (assert) => {
    const one = kit().make({ maxPages: 4, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    assert.strictEqual(one.logs.find('warn', /deadlock/i).length, 1, 'by the variable');
    const single = kit().make({ maxPages: 1 });
    assert.strictEqual(single.logs.find('warn', /deadlock/i).length, 1, 'by a single page');
  });

  QUnit.test('no such warning with a cap of 2, nor in a dynamic pool', (assert) => {
    const two = kit().make({ maxPages: 4, env: { PRERENDER_AFFINITY_TAB_MAX: '2' } });
    assert.strictEqual(two.logs.find('warn', /deadlock/i).length, 0, 'two tabs');
    const dynamic = kit().make({ env: { PRERENDER_AFFINITY_TAB_MAX: '1', [P('MIN')]: '1', [P('MAX')]: '4' } });
    assert.strictEqual(dynamic.logs.find('warn', /deadlock/i).length, 0, 'dynamic');
  });
});

poolModule('file concurrency per affinity', (kit) => {
  /** The admission cap as the snapshot shows it while one file lease is held. */
  async function capOf(options) {
    const made = await kit().warm(options);
    await kit().take(made.pool, 'a', 'file');
    return { ...made, cap: made.pool.getQueueDepthSnapshot().affinities[0].admission.cap };
  }
  const F = 'PRERENDER_AFFINITY_FILE_CONCURRENCY';
  const T = 'PRERENDER_AFFINITY_TAB_MAX';
  const dynamic = { [P('MIN')]: '2', [P('MAX')]: '8' };
  const cases = [
    ['fixed: tab cap less one', { maxPages: 8 }, {}, 4],
    ['fixed: never below 1', { maxPages: 8 }, { [T]: '1' }, 1],
    ['fixed: one page', { maxPages: 1 }, {}, 1],
    ['dynamic: the tab cap', {}, { ...dynamic }, 5],
    ['dynamic: the tab cap bounded by the burst', {}, { [P('MIN')]: '1', [P('MAX')]: '3' }, 3],
    ['lowered', { maxPages: 8 }, { [F]: '2' }, 2],
    ['clamped to the default', { maxPages: 8 }, { [F]: '40' }, 4],
    ['blank is the default', { maxPages: 8 }, { [F]: '' }, 4],
    ['invalid is the default', { maxPages: 8 }, { [F]: 'x' }, 4],
    ['zero is the default', { maxPages: 8 }, { [F]: '0' }, 4],
    ['a fraction is the default', { maxPages: 8 }, { [F]: '1.5' }, 4],
  ];
  for (const [name, options, env, expected] of cases) {
    QUnit.test(name, async (assert) => {
      const { cap } = await capOf({ ...options, env });
      assert.strictEqual(cap, expected, JSON.stringify(env));
    });
  }

  QUnit.test('invalid and not empty warns; empty does not', (assert) => {
    for (const value of ['x', '0', '-1', '1.5']) {
      const { logs } = kit().make({ maxPages: 8, env: { [F]: value } });
      assert.strictEqual(logs.find('warn', /PRERENDER_AFFINITY_FILE_CONCURRENCY/).length, 1, `${value} warns`);
    }
    for (const value of ['', '2', '4']) {
      const { logs } = kit().make({ maxPages: 8, env: { [F]: value } });
      assert.strictEqual(logs.find('warn', /PRERENDER_AFFINITY_FILE_CONCURRENCY/).length, 0, `${JSON.stringify(value)} does not`);
    }
  });

  QUnit.test('lowered is logged at info', (assert) => {
    const admission = /admission|concurren/i;
    assert.ok(kit().make({ maxPages: 8, env: { [F]: '2' } }).logs.find('info', admission).length >= 1, 'lowered');
    assert.strictEqual(kit().make({ maxPages: 8, env: {} }).logs.find('info', admission).length, 0, 'not lowered');
  });
});

poolModule('shared-context cap', (kit) => {
  const cases = [
    ['unset: twice the pages', { maxPages: 3 }, undefined, 6],
    ['set', { maxPages: 3 }, '7', 7],
    ['zero is the default', { maxPages: 3 }, '0', 6],
    ['a negative is the default', { maxPages: 3 }, '-2', 6],
    ['not a number is the default', { maxPages: 3 }, 'x', 6],
    ['Infinity is the default', { maxPages: 3 }, 'Infinity', 6],
  ];
  for (const [name, options, value, expected] of cases) {
    QUnit.test(name, (assert) => {
      const { pool } = kit().make({ ...options, env: value === undefined ? {} : { PRERENDER_SHARED_CONTEXT_CAP: value } });
      assert.strictEqual(pool.getSharedContextSnapshot().cap, expected, `PRERENDER_SHARED_CONTEXT_CAP=${value}`);
    });
  }

  QUnit.test('the default counts the high-priority maximum', (assert) => {
    const { pool } = kit().make({ env: { [P('MIN')]: '2', [P('MAX')]: '4', [P('HIGH_PRIORITY_MAX')]: '6', PRERENDER_HIGH_PRIORITY_THRESHOLD: '8' } });
    assert.strictEqual(pool.getSharedContextSnapshot().cap, 12, 'twice the high-priority maximum');
  });
});

poolModule('liveness budget', (kit) => {
  const H = 'PRERENDER_TAB_HEALTH_PROBE_MS';
  /** Whether the second visit of a warm tab probes it, and how often the environment was complained of. */
  async function probes(env, options = {}) {
    const { pool, fake, logs } = await kit().warm({ env, ...options });
    await kit().visit(pool, 'a');
    const before = fake.count('evaluate');
    await kit().visit(pool, 'a');
    return { probes: fake.count('evaluate') - before, warnings: logs.find('warn', /PRERENDER_TAB_HEALTH_PROBE_MS/).length };
  }
  const cases = [
    ['unset: on', {}, { probes: 1, warnings: 0 }],
    ['blank: unset', { [H]: '' }, { probes: 1, warnings: 0 }],
    ['white space: unset', { [H]: '  ' }, { probes: 1, warnings: 0 }],
    ['0: off', { [H]: '0' }, { probes: 0, warnings: 0 }],
    ['250: the least', { [H]: '250' }, { probes: 1, warnings: 0 }],
    ['249: warned about, default', { [H]: '249' }, { probes: 1, warnings: 1 }],
    ['a fraction: warned about, default', { [H]: '300.5' }, { probes: 1, warnings: 1 }],
    ['a negative: warned about, default', { [H]: '-1' }, { probes: 1, warnings: 1 }],
    ['no number: warned about, default', { [H]: 'soon' }, { probes: 1, warnings: 1 }],
    ['the render timeout itself is too much', { [H]: '60000' }, { probes: 1, warnings: 1 }],
    ['just below the render timeout', { [H]: '59999' }, { probes: 1, warnings: 0 }],
    ['RENDER_TIMEOUT_MS moves the bound', { [H]: '5000', RENDER_TIMEOUT_MS: '5000' }, { probes: 1, warnings: 1 }],
    ['below RENDER_TIMEOUT_MS', { [H]: '4999', RENDER_TIMEOUT_MS: '5000' }, { probes: 1, warnings: 0 }],
    ['a render timeout is at least 1000', { [H]: '999', RENDER_TIMEOUT_MS: '10' }, { probes: 1, warnings: 0 }],
    ['a render timeout of 1000 at least, reached', { [H]: '1000', RENDER_TIMEOUT_MS: '10' }, { probes: 1, warnings: 1 }],
  ];
  for (const [name, env, expected] of cases) {
    QUnit.test(name, async (assert) => {
      assert.deepEqual(await probes(env), expected, JSON.stringify(env));
    });
  }

  QUnit.test('the option goes before the environment; 0 is off', async (assert) => {
    assert.strictEqual((await probes({}, { tabHealthProbeMs: 0 })).probes, 0, 'off by option');
    assert.strictEqual((await probes({ [H]: '0' }, { tabHealthProbeMs: 500 })).probes, 1, 'on by option');
    assert.strictEqual((await probes({ [H]: '0' }, { tabHealthProbeMs: undefined })).probes, 0, 'undefined leaves it to the environment');
  });
});

poolModule('options', (kit) => {
  const bad = [
    ['maxPages', 0], ['maxPages', -1], ['maxPages', 1.5], ['maxPages', 'five'], ['maxPages', NaN], ['maxPages', Infinity], ['maxPages', undefined],
    ['maxPages', null], ['maxPages', {}],
    ['serverURL', undefined], ['serverURL', 5], ['serverURL', null],
    ['boxelHostURL', undefined], ['boxelHostURL', 5],
    ['browserManager', undefined], ['browserManager', null], ['browserManager', 'chrome'],
    ['standbyTimeoutMs', 'soon'], ['closeTimeoutMs', 'soon'], ['contractionTickMs', 'soon'], ['tabHealthProbeMs', 'soon'],
    ['renderSemaphore', 5], ['renderSemaphore', {}],
    ['onAffinityDisposed', 'fn'], ['logger', 5],
    ['disableStandbyRefill', 'yes'], ['disableFileAdmission', 1], ['allowTabMigration', 'no'],
  ];
  for (const [name, value] of bad) {
    QUnit.test(`${name}: ${JSON.stringify(value) ?? String(value)} is a TypeError that names it`, (assert) => {
      assert.throws(() => kit().make({ [name]: value }), (e) => {
        const shown = value === undefined ? /undefined|missing/ : new RegExp(typeof value === 'object' && value ? 'object' : String(value));
        return e instanceof TypeError && e.code === 'ERR_INVALID_ARG_VALUE' && e.message.includes(name) && shown.test(e.message);
      }, `${name} is refused, with what came`);
    });
  }

  QUnit.test('maxPages is at most 10,000', (assert) => {
    assert.strictEqual(kit().make({ maxPages: 10_000 }).pool.currentMaxPages, 10_000);
    for (const maxPages of [10_001, 2 ** 32, Number.MAX_SAFE_INTEGER, 1e300]) {
      assert.throws(() => kit().make({ maxPages }), (e) => e instanceof TypeError && e.message.includes('maxPages'), `${maxPages}`);
    }
  });

  QUnit.test('maxPages names what it expected', (assert) => {
    assert.throws(() => kit().make({ maxPages: 'five' }), /integer/, 'an integer');
  });

  for (const value of [undefined, null, 5]) {
    QUnit.test(`new PagePool(${value}) is a TypeError`, (assert) => {
      assert.throws(() => new lib.PagePool(value), (e) => e instanceof TypeError && e.code === 'ERR_INVALID_ARG_VALUE', 'refused');
    });
  }

  QUnit.test('every optional option may be present and undefined', async (assert) => {
    const { pool } = await kit().warm({
      standbyTimeoutMs: undefined, renderSemaphore: undefined, disableStandbyRefill: undefined, onAffinityDisposed: undefined,
      disableFileAdmission: undefined, contractionTickMs: undefined, tabHealthProbeMs: undefined, allowTabMigration: undefined,
      closeTimeoutMs: undefined, logger: undefined,
    });
    const lease = await kit().take(pool, 'a', undefined, undefined);
    assert.strictEqual(lease.reused, false, 'a lease');
  });

  QUnit.test('an option of a class with getters is read', (assert) => {
    class Options {
      get maxPages() {
        return 2;
      }

      serverURL = 'http://s';
      boxelHostURL = 'http://h';
      browserManager = kit().fake();
    }
    const pool = withEnv({}, () => new lib.PagePool(new Options()));
    kit().pools.push(pool);
    assert.strictEqual(pool.currentMaxPages, 2, 'through the getter');
  });

  QUnit.test('serverURL can be set later', (assert) => {
    const { pool } = kit().make();
    pool.serverURL = 'http://other.test';
    assert.strictEqual(typeof Object.getOwnPropertyDescriptor(lib.PagePool.prototype, 'serverURL')?.set, 'function', 'a setter of the prototype');
  });

  QUnit.test('boxelHostURL is where a standby goes, whatever its trailing slash', async (assert) => {
    const { fake } = await kit().warm({ boxelHostURL: 'http://host.test:4200' });
    assert.strictEqual(fake.calls.find((c) => c.name === 'goto').url, 'http://host.test:4200/_standby', 'the standby route');
  });
});

poolModule('arguments of getPage', (kit) => {
  const bad = [
    ['no key', [], /affinityKey|key/i], ['an empty key', [''], /key/i], ['a key that is no string', [5], /key/i], ['a null key', [null], /key/i],
    ['a key with half of a character', ['user:\ud800'], /key/i],
    ['an unknown queue kind', ['a', 'files'], /queue/i], ['a null queue kind', ['a', null], /queue/i],
    ['a priority NaN', ['a', 'file', { priority: NaN }], /priority/], ['a priority Infinity', ['a', 'file', { priority: Infinity }], /priority/],
    ['a priority that is no number', ['a', 'file', { priority: '5' }], /priority/],
  ];
  for (const [name, args, pattern] of bad) {
    QUnit.test(`${name} is rejected and changes nothing`, async (assert) => {
      const { pool } = await kit().warm();
      let promise;
      try {
        promise = pool.getPage(...args);
      } catch (error) {
        assert.ok(false, `rejects, does not throw: ${error}`);
        return;
      }
      await assert.rejects(promise, (e) => e instanceof TypeError && e.code === 'ERR_INVALID_ARG_VALUE' && pattern.test(e.message), 'as a TypeError that names it');
      assert.deepEqual(pool.getQueueDepthSnapshot().affinities, [], 'nothing was taken');
    });
  }

  QUnit.test('present and undefined is as absent', async (assert) => {
    const { pool } = await kit().warm();
    const lease = await kit().take(pool, 'a', undefined, { signal: undefined, priority: undefined });
    assert.strictEqual(pool.getQueueDepthSnapshot().affinities[0].byQueue.file, 1, 'a file lease');
    assert.ok(lease.page, 'with a page');
  });

  QUnit.test('priorities may be negative and fractions', async (assert) => {
    const { pool } = await kit().warm();
    await kit().take(pool, 'a');
    const low = kit().ask(pool, 'a', 'module', { priority: -1.5 });
    await turns();
    assert.deepEqual(pool.getQueueDepthSnapshot().affinities[0].tabQueuedByPriority, { [-1.5]: 1 }, 'queued under its own number');
    assert.strictEqual(low.state, 'pending', 'and waits');
  });

  QUnit.test('an unusual but valid key works', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 4 });
    for (const key of ['realm:https://app.example/acme/', ' ', 'ключ 🗝', '__proto__', 'constructor']) {
      const lease = await kit().visit(pool, key);
      assert.ok(lease.page, `${key} has a page`);
      assert.ok(pool.getWarmAffinities().includes(key), `${key} is warm`);
    }
    assert.ok(Object.keys(pool.getVacancySnapshot()).includes('__proto__'), 'even __proto__ is an own key of the vacancy snapshot');
    void watch(Promise.resolve());
  });
});
