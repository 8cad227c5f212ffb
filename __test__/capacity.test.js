'use strict';

const { lib, poolModule, ForeignSemaphore } = require('./helpers/kit.js');
const { turns, until } = require('./helpers/wait.js');

const DYNAMIC = { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '3' };
const TIERED = { ...DYNAMIC, PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX: '5', PRERENDER_HIGH_PRIORITY_THRESHOLD: '10' };

poolModule('expansion', (kit) => {
  const dynamic = (options = {}) => {
    const semaphore = new lib.AsyncSemaphore(1);
    return { semaphore, ...kit().make({ renderSemaphore: semaphore, env: DYNAMIC, ...options }) };
  };

  QUnit.test('adds one page and one permit, synchronously', (assert) => {
    const { pool, semaphore } = dynamic();
    assert.strictEqual(pool.currentMaxPages, 1, 'begins at the minimum');
    pool.__test_tryExpand();
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [2, 2], 'one more of each when the call returns');
  });

  QUnit.test('stops at the burst', (assert) => {
    const { pool, semaphore } = dynamic();
    const results = Array.from({ length: 5 }, () => pool.__test_tryExpand());
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [3, 3], 'the burst');
    assert.deepEqual(results.map(Boolean), [true, true, false, false, false], 'and says whether it did');
  });

  QUnit.test('goes up to the high-priority maximum from the threshold on', (assert) => {
    const { pool, semaphore } = dynamic({ env: TIERED });
    for (let i = 0; i < 5; i++) {
      pool.__test_tryExpand(9.9);
    }
    assert.strictEqual(pool.currentMaxPages, 3, 'below the threshold: the burst');
    for (let i = 0; i < 5; i++) {
      pool.__test_tryExpand(10);
    }
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [5, 5], 'at the threshold: the maximum');
  });

  QUnit.test('only when the semaphore is full, for __test_maybeExpandUnderSaturation', async (assert) => {
    const { pool, semaphore } = dynamic();
    pool.__test_maybeExpandUnderSaturation();
    assert.strictEqual(pool.currentMaxPages, 1, 'a free permit: no expansion');
    await semaphore.acquire();
    pool.__test_maybeExpandUnderSaturation();
    assert.strictEqual(pool.currentMaxPages, 2, 'full: expands');
  });

  QUnit.test('never in a fixed pool', (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool } = kit().make({ maxPages: 2, renderSemaphore: semaphore });
    pool.__test_tryExpand(1e9);
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [2, 2], 'as before');
  });

  QUnit.test('never without a semaphore that has setCapacity', (assert) => {
    const bare = kit().make({ env: DYNAMIC }).pool;
    bare.__test_tryExpand();
    assert.strictEqual(bare.currentMaxPages, 1, 'no semaphore');
    const other = kit().make({ env: DYNAMIC, renderSemaphore: { acquire: async () => () => {} } }).pool;
    other.__test_tryExpand();
    assert.strictEqual(other.currentMaxPages, 1, 'one without setCapacity');
  });

  QUnit.test('a foreign semaphore is told each new capacity', (assert) => {
    const foreign = new ForeignSemaphore(1);
    const { pool } = kit().make({ renderSemaphore: foreign, env: DYNAMIC });
    pool.__test_tryExpand();
    pool.__test_tryExpand();
    assert.deepEqual(foreign.capacities, [1, 2, 3], 'construction and two expansions');
  });

  QUnit.test('a full semaphore at getPage expands, before the call returns', async (assert) => {
    const { pool, semaphore } = dynamic();
    await pool.warmStandbys();
    await kit().take(pool, 'a');
    assert.strictEqual(semaphore.inUseCount, 1, 'full');
    const ask = kit().ask(pool, 'b');
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [2, 2], 'when the call returns');
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'and the second is served beside the first');
  });

  QUnit.test('a full semaphore expands for a request that admission lets through later', async (assert) => {
    const tiers = { PRERENDER_PAGE_POOL_MAX: '2', PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX: '3' };
    const { pool, semaphore } = dynamic({ env: { ...TIERED, ...tiers, PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    await pool.warmStandbys();
    const first = await kit().take(pool, 'a');
    await kit().take(pool, 'b');
    const queued = kit().ask(pool, 'c');
    await until(() => semaphore.pendingCount === 1, 'a third holds a tab and waits for a permit');
    kit().ask(pool, 'a', 'file', { priority: 10 });
    assert.strictEqual(pool.currentMaxPages, 2, 'the fourth waits for admission: no expansion yet');
    first.release();
    assert.strictEqual(pool.currentMaxPages, 3, 'the permit went to the third, so the fourth found it full');
    await queued.settled;
  });

  QUnit.test('a full semaphore expands for a request that gets the permit of a rejected one', async (assert) => {
    const foreign = new ForeignSemaphore(1);
    const { pool } = dynamic({ renderSemaphore: foreign, env: { ...DYNAMIC, PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    await kit().take(pool, 'a');
    let reject;
    foreign.acquire = () => new Promise((_, fail) => {
      reject = fail;
    });
    const rejected = kit().ask(pool, 'b', 'file');
    await until(() => reject, 'it waits for the semaphore');
    const behind = kit().ask(pool, 'b', 'file');
    assert.strictEqual(pool.currentMaxPages, 2, 'expanded for the first only: the second waits for admission');
    foreign.held = foreign.max;
    reject(new Error('no permit'));
    await rejected.settled;
    assert.strictEqual(rejected.error?.message, 'no permit', 'the first is rejected');
    assert.strictEqual(pool.currentMaxPages, 3, 'and the second, now admitted, finds the semaphore full');
    delete foreign.acquire;
    void behind;
  });

  QUnit.test('is logged at info with sizes, tier and priority', (assert) => {
    const { pool, logs } = dynamic({ env: TIERED });
    pool.__test_tryExpand(4);
    const [line] = logs.find('info', /expand/i);
    assert.ok(line, 'a line');
    assert.ok(/\b1\b.*\b2\b/.test(line.text) && /\b4\b/.test(line.text), `old size, new size and priority: ${line.text}`);
    pool.__test_tryExpand();
    pool.__test_tryExpand(12);
    const last = logs.find('info', /expand/i).at(-1);
    assert.ok(/high/i.test(last.text) && /\b12\b/.test(last.text), `the tier: ${last.text}`);
  });

  QUnit.test('under load it grows to the burst and not beyond', async (assert) => {
    const { pool, fake } = dynamic();
    await pool.warmStandbys();
    const asks = Array.from({ length: 8 }, (_, i) => kit().ask(pool, `t${i}`));
    await until(() => asks.filter((a) => a.state === 'fulfilled').length >= 3, 'three are served');
    await turns(20);
    assert.strictEqual(pool.currentMaxPages, 3, 'the burst');
    assert.strictEqual(asks.filter((a) => a.state === 'fulfilled').length, 3, 'three at a time');
    assert.ok(fake.maxTaken <= 4, `contexts: ${fake.maxTaken}`);
    for (let done = 0; done < 8;) {
      await until(() => asks.some((a) => a.state === 'fulfilled' && !a.released), 'the next is served');
      for (const a of asks.filter((x) => x.state === 'fulfilled' && !x.released)) {
        a.released = true;
        a.value.release();
        done++;
      }
    }
    assert.ok(asks.every((a) => a.state === 'fulfilled'), 'all eight in the end');
  });

  QUnit.test('a high-priority call gets a page where normal ones wait', async (assert) => {
    const { pool } = dynamic({ env: TIERED });
    await pool.warmStandbys();
    for (const key of ['a', 'b', 'c']) {
      await kit().take(pool, key);
    }
    assert.strictEqual(pool.currentMaxPages, 3, 'the burst is leased');
    const urgent = kit().ask(pool, 'urgent', 'file', { priority: 10 });
    await urgent.settled;
    assert.strictEqual(urgent.state, 'fulfilled', 'served beyond the burst');
    assert.ok(pool.currentMaxPages > 3, `pages: ${pool.currentMaxPages}`);
    const normal = kit().ask(pool, 'normal', 'file', { priority: 9 });
    await turns(20);
    assert.strictEqual(normal.state, 'pending', 'a normal one waits');
  });
});

poolModule('4d: a dynamic pool expands before anything is closed', (kit) => {
  const env = { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '4' };
  const sizes = async (pool, tenants) => {
    const seen = [];
    for (let i = 0; i < tenants; i++) {
      await kit().visit(pool, `tenant-${i}`);
      seen.push(pool.currentMaxPages);
      await pool.warmStandbys();
    }
    return seen;
  };

  for (const disableStandbyRefill of [false, true]) {
    QUnit.test(`five affinities in turn on 2 to 4 pages, disableStandbyRefill: ${disableStandbyRefill}`, async (assert) => {
      const semaphore = new lib.AsyncSemaphore(1);
      const { pool } = await kit().warm({ env, renderSemaphore: semaphore, disableStandbyRefill });
      assert.deepEqual(await sizes(pool, 5), [2, 2, 3, 4, 4], 'every page bound and idle, the semaphore free: SPEC 4d has it grow');
      assert.strictEqual(semaphore.capacity, 4, 'and the semaphore with it');
    });
  }

  QUnit.test('nothing is closed below the ceiling, and at it the least recently used makes room', async (assert) => {
    const { pool, disposed } = await kit().warm({ env, renderSemaphore: new lib.AsyncSemaphore(1) });
    await sizes(pool, 4);
    assert.deepEqual(disposed, [], 'four tenants on four pages');
    await sizes(pool, 5);
    assert.deepEqual(disposed, ['tenant-0'], 'the fifth');
  });

  QUnit.test('without setCapacity it cannot grow, and makes room', async (assert) => {
    const { pool, disposed } = await kit().warm({ env, renderSemaphore: { acquire: async () => () => {} } });
    assert.deepEqual(await sizes(pool, 4), [2, 2, 2, 2], 'SPEC 9: expansion needs a semaphore with setCapacity');
    assert.deepEqual(disposed, ['tenant-0', 'tenant-1'], 'closed instead');
  });
});

poolModule('contraction', (kit) => {
  const TICK = { contractionTickMs: 10 };
  const env = (ms, more = {}) => ({ ...DYNAMIC, PRERENDER_POOL_IDLE_CONTRACTION_MS: String(ms), ...more });

  QUnit.test('an idle pool shrinks to its minimum, one slot a threshold, and the semaphore with it', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool, logs } = kit().make({ ...TICK, renderSemaphore: semaphore, env: env(30) });
    await pool.warmStandbys();
    pool.__test_tryExpand();
    pool.__test_tryExpand();
    assert.strictEqual(pool.currentMaxPages, 3, 'grown');
    const sizes = [];
    await until(() => {
      if (sizes.at(-1) !== pool.currentMaxPages) {
        sizes.push(pool.currentMaxPages);
        if (semaphore.capacity !== pool.currentMaxPages) {
          throw new Error('the semaphore lags behind');
        }
      }
      return pool.currentMaxPages === 1;
    }, 'back to the minimum');
    assert.deepEqual(sizes, [3, 2, 1], 'one at a time');
    assert.ok(logs.find('info', /contract|shr[iu]nk/i).length >= 2, 'logged');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.strictEqual(pool.currentMaxPages, 1, 'never below it');
  });

  QUnit.test('not while a lease is held or waited for', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool } = kit().make({ ...TICK, renderSemaphore: semaphore, env: env(20) });
    await pool.warmStandbys();
    const lease = await kit().take(pool, 'a');
    pool.__test_tryExpand();
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.strictEqual(pool.currentMaxPages, 2, 'a held lease keeps it');
    lease.release();
    await until(() => pool.currentMaxPages === 1, 'then it shrinks');
  });

  QUnit.test('not while the semaphore is in use by others', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool } = kit().make({ ...TICK, renderSemaphore: semaphore, env: env(20) });
    pool.__test_tryExpand();
    const hold = await semaphore.acquire();
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.strictEqual(pool.currentMaxPages, 2, 'something runs on this server');
    hold();
    await until(() => pool.currentMaxPages === 1, 'then it shrinks');
  });

  QUnit.test('a standby goes first; then the idle affinity least recently used', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool, fake } = kit().make({ ...TICK, renderSemaphore: semaphore, env: env(40, { PRERENDER_PAGE_POOL_INITIAL: '3', PRERENDER_PAGE_POOL_MAX: '3' }) });
    await pool.warmStandbys();
    const a = await kit().visit(pool, 'a');
    const mark = Date.now();
    await until(() => Date.now() > mark, 'the clock moves');
    const b = await kit().visit(pool, 'b');
    await pool.warmStandbys();
    await until(() => pool.currentMaxPages <= 2, 'the first slot is dropped');
    assert.deepEqual(pool.getWarmAffinities().sort(), ['a', 'b'], 'no affinity was touched for it');
    await until(() => pool.currentMaxPages === 1, 'the second slot is dropped');
    await until(() => a.page.closed || a.page.context.closed, 'the least recently used affinity lost its tab');
    assert.strictEqual(b.page.closeCalls + b.page.context.closeCalls, 0, 'the other did not');
    assert.ok(fake.taken.length <= 3, 'and the pool is smaller');
  });

  QUnit.test('closeAll leaves a pool that still contracts', async () => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool } = kit().make({ ...TICK, renderSemaphore: semaphore, env: env(20) });
    await pool.closeAll();
    pool.__test_tryExpand();
    await kit().visit(pool, 'a');
    await until(() => pool.currentMaxPages === 1, 'it shrinks');
  });

  QUnit.test('after it the pool can expand again', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool } = kit().make({ ...TICK, renderSemaphore: semaphore, env: env(20) });
    pool.__test_tryExpand();
    await until(() => pool.currentMaxPages === 1, 'it shrinks');
    pool.__test_tryExpand();
    assert.deepEqual([pool.currentMaxPages, semaphore.capacity], [2, 2], 'and grows');
  });
});
