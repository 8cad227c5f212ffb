'use strict';

const { contract, row, turns, until } = require('./helpers/harness.js');

const ONE_TAB = { PRERENDER_AFFINITY_TAB_MAX: '1' };

function plain(assert, value, what) {
  if (Array.isArray(value)) {
    for (const each of value) plain(assert, each, what);
  } else if (value && typeof value === 'object') {
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype, `SPEC 13: a plain object, ${what}`);
    for (const [key, each] of Object.entries(value)) {
      assert.notStrictEqual(each, undefined, `SPEC 13: optional keys are left out (${key}), ${what}`);
      plain(assert, each, `${what}.${key}`);
    }
  }
}

contract('SPEC 10: snapshots', (test) => {
  test('of an empty pool', async (assert, t) => {
    const { pool } = t.make();
    assert.deepEqual(pool.getWarmAffinities(), [], 'SPEC 10: getWarmAffinities');
    assert.deepEqual(pool.getVacancySnapshot(), {}, 'SPEC 10: getVacancySnapshot');
    assert.deepEqual(
      pool.getQueueDepthSnapshot(),
      { totalTabs: 0, totalPending: 0, affinities: [] },
      'SPEC 10: getQueueDepthSnapshot',
    );
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'SPEC 8: getUnresponsiveTabSwaps');
    await pool.warmStandbys();
    assert.deepEqual(pool.getVacancySnapshot(), {}, 'SPEC 10: standbys are of no affinity');
    assert.deepEqual(pool.getWarmAffinities(), [], 'SPEC 10: nor warm for one');
  });

  test('the exact shape with a holder, waiters and admission', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
    const file = await t.get(pool, 'a', 'file');
    const idle = { affinityKey: 'b', tabCount: 1, pendingTotal: 0, maxPending: 0, idle: true };
    await t.visit(pool, 'b', 'module');
    t.ask(pool, 'a', 'module', { priority: 3 });
    t.ask(pool, 'a', 'command', { priority: 0 });
    t.ask(pool, 'a', 'command', { priority: 3 });
    t.ask(pool, 'a', 'file', { priority: 7 });
    t.ask(pool, 'a', 'file');
    await turns();
    const snapshot = pool.getQueueDepthSnapshot();
    const mine = snapshot.affinities.find((each) => each.affinityKey === 'a');
    const normal = (value) => (value instanceof Map ? Object.fromEntries(value) : value);
    assert.deepEqual(
      {
        ...mine,
        tabQueuedByPriority: normal(mine.tabQueuedByPriority),
        admissionQueuedByPriority: normal(mine.admissionQueuedByPriority),
      },
      {
        affinityKey: 'a',
        tabCount: 1,
        pendingTotal: 4,
        maxPending: 4,
        idle: false,
        byQueue: { file: 1, module: 0, command: 0 },
        admission: { pending: 2, cap: 1 },
        tabQueuedByPriority: { 0: 1, 3: 2 },
        admissionQueuedByPriority: { 0: 1, 7: 1 },
      },
      "SPEC 10: a tab's pending includes its holder, queued counts waiters alone, byQueue what is served now",
    );
    assert.deepEqual(
      snapshot.affinities.find((each) => each.affinityKey === 'b'),
      {
        ...idle,
        byQueue: { file: 0, module: 0, command: 0 },
        admission: { pending: 0, cap: 0 },
        tabQueuedByPriority: {},
        admissionQueuedByPriority: {},
      },
      'SPEC 10: an idle one; admission is { 0, 0 } with no file lease or waiter',
    );
    assert.deepEqual(
      [snapshot.totalTabs, snapshot.totalPending],
      [2, 4],
      'SPEC 10: totalTabs of the affinities, totalPending with holders',
    );
    plain(assert, snapshot, 'queue depth');
    file.release();
  });

  test('vacancy', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3, env: ONE_TAB });
    const a = await t.get(pool, 'a', 'module');
    await t.visit(pool, 'b', 'file');
    assert.deepEqual(
      pool.getVacancySnapshot(),
      { a: { idle: false, tabCount: 1 }, b: { idle: true, tabCount: 1 } },
      'SPEC 10: a holder has no waiting priority: the key is left out',
    );
    t.ask(pool, 'a', 'module', { priority: 2 });
    t.ask(pool, 'a', 'module', { priority: 8 });
    t.ask(pool, 'a', 'module', { priority: -1 });
    await turns();
    assert.deepEqual(
      pool.getVacancySnapshot().a,
      { idle: false, tabCount: 1, maxPendingPriority: 8 },
      'SPEC 10: the priority is the highest waiting',
    );
    plain(assert, pool.getVacancySnapshot(), 'vacancy');
    a.release();
  });

  test('vacancy: one that waits for admission', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3, env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    const a = await t.get(pool, 'a', 'file');
    t.ask(pool, 'a', 'file', { priority: 4 });
    await turns();
    assert.deepEqual(
      pool.getVacancySnapshot().a,
      { idle: false, tabCount: 1, maxPendingPriority: 4 },
      'SPEC 10: the highest waiting, for admission too',
    );
    assert.deepEqual(
      row(pool, 'a').admission,
      { pending: 1, cap: 1 },
      'SPEC 10: those that wait for a permit',
    );
    a.release();
  });

  test('admission counts those that wait, never those that have a permit', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 4, env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '2' } });
    const one = await t.get(pool, 'a', 'file');
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 2 }, 'SPEC 10: one has a permit');
    const two = await t.get(pool, 'a', 'file');
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 2 }, 'SPEC 10: two have');
    const third = t.ask(pool, 'a', 'file');
    await turns();
    assert.deepEqual(row(pool, 'a').admission, { pending: 1, cap: 2 }, 'SPEC 10: one waits');
    one.release();
    (await third.lease()).release();
    two.release();
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 0 }, 'SPEC 10: none');
  });

  test('byQueue counts what tabs are serving now, by kind', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 5 });
    const leases = [];
    for (const kind of ['file', 'module', 'module', 'command']) leases.push(await t.get(pool, 'a', kind));
    assert.deepEqual(row(pool, 'a').byQueue, { file: 1, module: 2, command: 1 }, 'SPEC 10: by kind');
    assert.deepEqual(
      [row(pool, 'a').pendingTotal, row(pool, 'a').maxPending, row(pool, 'a').tabCount],
      [4, 1, 4],
      'SPEC 10: the sum and the most of one tab',
    );
    leases[1].release();
    assert.deepEqual(row(pool, 'a').byQueue, { file: 1, module: 1, command: 1 }, 'SPEC 13: released');
    const next = await t.get(pool, 'a', 'command');
    assert.deepEqual(
      row(pool, 'a').byQueue,
      { file: 1, module: 1, command: 2 },
      'SPEC 10: a tab serves another kind',
    );
    next.release();
  });

  test('a snapshot is not changed later', async (assert, t) => {
    const { pool } = await t.warm();
    const lease = await t.get(pool, 'a');
    const before = pool.getQueueDepthSnapshot();
    const copy = structuredClone(before);
    lease.release();
    await pool.disposeAffinity('a');
    assert.deepEqual(before, copy, 'SPEC 13: plain objects');
  });

  test('getters and snapshots show all that has returned or resolved before', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
    const asked = t.ask(pool, 'a', 'file');
    const first = pool.getQueueDepthSnapshot().affinities.find((each) => each.affinityKey === 'a');
    assert.strictEqual(first?.byQueue.file ?? 0, first?.pendingTotal ?? 0, 'consistent in itself');
    const lease = await asked.lease();
    assert.strictEqual(row(pool, 'a').byQueue.file, 1, 'SPEC 13: a lease that has resolved');
    t.ask(pool, 'a', 'module');
    assert.strictEqual(row(pool, 'a').pendingTotal, 2, 'SPEC 13: a call that has returned');
    lease.release();
    assert.strictEqual(row(pool, 'a').byQueue.file, 0, 'SPEC 13: a release that has returned');
  });

  test('closing tabs still count in tabCount', async (assert, t) => {
    const { pool, browser } = await t.warm();
    await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ next }) => gate.promise.then(next);
    const gone = pool.disposeAffinity('a');
    assert.strictEqual(pool.getVacancySnapshot().a?.tabCount, 1, 'SPEC 10: it is closing');
    gate.open();
    await gone;
    await until(() => pool.getVacancySnapshot().a === undefined, 'SPEC 10: it is gone');
  });
});
