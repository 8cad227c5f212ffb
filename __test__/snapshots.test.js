'use strict';

const { poolModule } = require('./helpers/kit.js');
const { turns, until } = require('./helpers/wait.js');

poolModule('getWarmAffinities', (kit) => {
  QUnit.test('lists affinities with a tab', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    assert.deepEqual(pool.getWarmAffinities(), [], 'none at first');
    await kit().visit(pool, 'a');
    const b = await kit().take(pool, 'b');
    assert.deepEqual(pool.getWarmAffinities().sort(), ['a', 'b'], 'idle and leased ones');
    b.release();
    await pool.disposeAffinity('a', { retainSharedContext: true });
    assert.deepEqual(pool.getWarmAffinities(), ['b'], 'an orphan is not warm');
  });

  QUnit.test('is a fresh array each time', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    pool.getWarmAffinities().push('mine');
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'the caller’s changes stay with the caller');
    assert.ok(Array.isArray(pool.getWarmAffinities()), 'an array');
  });
});

poolModule('getVacancySnapshot', (kit) => {
  QUnit.test('idle, tabCount and the highest waiting priority', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    await kit().visit(pool, 'idle');
    const held = await kit().take(pool, 'busy', 'module');
    assert.deepEqual(pool.getVacancySnapshot(), { idle: { idle: true, tabCount: 1 }, busy: { idle: false, tabCount: 1 } },
      'optional keys are left out, not undefined');
    kit().ask(pool, 'busy', 'module', { priority: 2 });
    kit().ask(pool, 'busy', 'module', { priority: 7 });
    await turns();
    assert.deepEqual(pool.getVacancySnapshot().busy, { idle: false, tabCount: 1, maxPendingPriority: 7 }, 'the highest');
    held.release();
  });

  QUnit.test('a waiter for admission makes it not idle, and counts in the priority', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    await kit().take(pool, 'a', 'file');
    kit().ask(pool, 'a', 'file', { priority: 3 });
    await turns();
    assert.deepEqual(pool.getVacancySnapshot().a, { idle: false, tabCount: 1, maxPendingPriority: 3 }, 'the waiter is seen');
  });

  QUnit.test('closing tabs still count in tabCount', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    const isA = ({ context, page }) => (context ?? page.context) === a.page.context;
    const gates = [fake.gate('contextClose', isA), fake.gate('pageClose', isA)];
    const done = pool.disposeAffinity('a', { awaitIdle: false });
    assert.strictEqual(pool.getVacancySnapshot().a?.tabCount, 1, 'while it closes');
    gates.forEach((g) => g.open());
    await done;
    await until(() => !pool.getVacancySnapshot().a, 'gone when it has closed');
  });

  QUnit.test('a plain object, empty at first', async (assert) => {
    const { pool } = await kit().warm();
    const snapshot = pool.getVacancySnapshot();
    assert.deepEqual(snapshot, {}, 'empty');
    assert.strictEqual(Object.getPrototypeOf(snapshot), Object.prototype, 'plain');
  });

  QUnit.test('a negative priority is reported as it is', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    await kit().take(pool, 'a', 'module');
    kit().ask(pool, 'a', 'module', { priority: -2 });
    await turns();
    assert.strictEqual(pool.getVacancySnapshot().a.maxPendingPriority, -2, '-2');
  });
});

poolModule('getQueueDepthSnapshot', (kit) => {
  QUnit.test('of an empty pool', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const snapshot = pool.getQueueDepthSnapshot();
    assert.deepEqual(snapshot.affinities, [], 'no affinity');
    assert.strictEqual(snapshot.totalPending, 0, 'nothing pending');
    assert.deepEqual(Object.keys(snapshot).sort(), ['affinities', 'totalPending', 'totalTabs'], 'its keys');
  });

  QUnit.test('has every field of an affinity', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    await kit().take(pool, 'a', 'file');
    const [row] = pool.getQueueDepthSnapshot().affinities;
    assert.deepEqual(row, {
      affinityKey: 'a',
      tabCount: 1,
      pendingTotal: 1,
      maxPending: 1,
      idle: false,
      byQueue: { file: 1, module: 0, command: 0 },
      admission: { pending: 0, cap: 2 },
      tabQueuedByPriority: {},
      admissionQueuedByPriority: {},
    }, 'one file lease on one tab');
  });

  QUnit.test('byQueue counts what tabs serve now, and everything called queued those who wait', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: '2', PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    await kit().take(pool, 'a', 'file');
    await kit().take(pool, 'a', 'module');
    kit().ask(pool, 'a', 'module', { priority: 2 });
    kit().ask(pool, 'a', 'command', { priority: 5 });
    kit().ask(pool, 'a', 'command', { priority: 5 });
    kit().ask(pool, 'a', 'file', { priority: 1 });
    await turns();
    const snapshot = pool.getQueueDepthSnapshot();
    const [row] = snapshot.affinities;
    assert.strictEqual(row.tabCount, 2, 'two tabs');
    assert.strictEqual(row.pendingTotal, 5, 'two holders, three in tab queues');
    assert.strictEqual(row.maxPending, 3, 'spread over the tabs by fewest pending');
    assert.deepEqual(row.tabQueuedByPriority, { 2: 1, 5: 2 }, 'those who wait for a tab');
    assert.deepEqual(row.admissionQueuedByPriority, { 1: 1 }, 'those who wait for admission');
    assert.deepEqual(row.admission, { pending: 1, cap: 1 }, 'who waits for a permit, and not who has one');
    assert.deepEqual(row.byQueue, { file: 1, module: 1, command: 0 }, 'what the two tabs serve, and nobody who waits');
    assert.strictEqual(snapshot.totalPending, 5, 'the sum of all affinities');
  });

  QUnit.test('admission is 0 and 0 for an affinity without file leases or waiters', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    await kit().take(pool, 'a', 'module');
    assert.deepEqual(pool.getQueueDepthSnapshot().affinities[0].admission, { pending: 0, cap: 0 }, 'a module lease only');
  });

  QUnit.test('an idle affinity', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    await kit().visit(pool, 'a');
    const [row] = pool.getQueueDepthSnapshot().affinities;
    assert.deepEqual([row.idle, row.pendingTotal, row.maxPending, row.tabCount], [true, 0, 0, 1], 'warm and idle');
  });

  QUnit.test('shows what has returned', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const lease = await kit().take(pool, 'a', 'module');
    const asked = kit().ask(pool, 'a', 'module');
    const other = kit().ask(pool, 'a', 'module');
    await turns();
    const before = pool.getQueueDepthSnapshot().totalPending;
    lease.release();
    assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, before - 1, 'at once');
    void asked;
    void other;
  });

  QUnit.test('is plain JSON', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    await kit().take(pool, 'a');
    const snapshot = pool.getQueueDepthSnapshot();
    assert.deepEqual(JSON.parse(JSON.stringify(snapshot)), snapshot, 'survives the wire');
    const shared = pool.getSharedContextSnapshot();
    assert.deepEqual(JSON.parse(JSON.stringify(shared)), shared, 'so does the ledger');
  });
});
