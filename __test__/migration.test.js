'use strict';

const { poolModule } = require('./helpers/kit.js');
const { turns, until, watch } = require('./helpers/wait.js');

const row = (pool, key) => pool.getSharedContextSnapshot().entries.find((e) => e.affinityKey === key);
const noCreation = { disableStandbyRefill: true };
const watchOf = async (promise) => {
  const watched = watch(promise);
  await watched.settled;
  return watched;
};

poolModule('migration where no context may be created', (kit) => {
  QUnit.test('an idle tab moves at once, with its pageId and its context', async (assert) => {
    const { pool, fake } = await kit().warm(noCreation);
    const a = await kit().visit(pool, 'a');
    const b = await kit().take(pool, 'b');
    assert.strictEqual(b.page, a.page, 'the same page');
    assert.strictEqual(b.pageId, a.pageId, 'the same pageId');
    assert.strictEqual(fake.contexts.length, 1, 'no context was made');
    assert.deepEqual(pool.getWarmAffinities(), ['b'], 'the donor is no longer warm');
  });

  QUnit.test('it is logged as a warning with both affinities', async (assert) => {
    const { pool, logs } = await kit().warm(noCreation);
    await kit().visit(pool, 'donor-key');
    await kit().visit(pool, 'receiver-key');
    assert.strictEqual(logs.find('warn', /donor-key.*receiver-key|receiver-key.*donor-key/s).length, 1, 'one warning with both');
  });

  QUnit.test('the row goes with the tab when its context is the primary of the donor', async (assert) => {
    const { pool } = await kit().warm(noCreation);
    await kit().visit(pool, 'a');
    assert.strictEqual(row(pool, 'a').pageCount, 1, 'the donor has the row');
    await kit().visit(pool, 'b');
    assert.strictEqual(row(pool, 'a'), undefined, 'the row of the donor is gone');
    assert.strictEqual(row(pool, 'b').pageCount, 1, 'the receiver has one');
  });

  QUnit.test('a busy tab with its holder only is queued on, and moves on release', async (assert) => {
    const { pool } = await kit().warm(noCreation);
    const a = await kit().take(pool, 'a');
    const b = kit().ask(pool, 'b');
    await turns();
    assert.strictEqual(b.state, 'pending', 'queued');
    a.release();
    await b.settled;
    assert.strictEqual(b.state, 'fulfilled', 'served');
    assert.strictEqual(b.value.page, a.page, 'with the tab of the donor');
    assert.deepEqual(pool.getWarmAffinities(), ['b'], 'moved');
  });

  QUnit.test('a tab that is already promised is not promised twice', async (assert) => {
    const { pool } = await kit().warm(noCreation);
    const a = await kit().take(pool, 'a');
    const b = kit().ask(pool, 'b');
    await turns();
    const c = kit().ask(pool, 'c');
    await c.settled;
    assert.strictEqual(c.state, 'rejected', 'nothing can come for the third');
    assert.strictEqual(c.error.code, 'STANDBY_UNAVAILABLE', 'and it is told so');
    a.release();
    await b.settled;
    assert.strictEqual(b.state, 'fulfilled', 'the second keeps the promise');
  });

  QUnit.test('two newcomers at once: the idle tab moves to the first, the second queues behind it', async (assert) => {
    const { pool } = await kit().warm(noCreation);
    const a = await kit().visit(pool, 'a');
    const b = kit().ask(pool, 'b');
    const c = kit().ask(pool, 'c');
    await b.settled;
    assert.strictEqual(b.state, 'fulfilled', 'the first has it');
    assert.strictEqual(b.value.page, a.page, 'the idle tab');
    await turns();
    assert.strictEqual(c.state, 'pending', 'the second waits');
    b.value.release();
    await c.settled;
    assert.strictEqual(c.state, 'fulfilled', 'and then gets it');
    assert.strictEqual(c.value.page, a.page, 'the same tab');
    assert.deepEqual(pool.getWarmAffinities(), ['c'], 'which is now the third affinity');
  });

  QUnit.test('a cancelled promise frees the tab for another', async (assert) => {
    const { pool } = await kit().warm(noCreation);
    const a = await kit().take(pool, 'a');
    const cancel = new AbortController();
    const b = kit().ask(pool, 'b', 'file', { signal: cancel.signal });
    await turns();
    cancel.abort();
    await b.settled;
    const c = kit().ask(pool, 'c');
    await turns();
    assert.strictEqual(c.state, 'pending', 'promised anew');
    a.release();
    await c.settled;
    assert.strictEqual(c.state, 'fulfilled', 'and kept');
    assert.deepEqual(pool.getWarmAffinities(), ['c'], 'never b');
  });

  QUnit.test('whoever queued on a tab that moves away waits for the next, and is not turned away', async (assert) => {
    const realNow = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      const { pool } = await kit().warm({ ...noCreation, disableFileAdmission: true });
      const a = await kit().take(pool, 'a');
      const b = kit().ask(pool, 'b', 'file', { priority: 5 });
      const cancel = new AbortController();
      const own = [0, 1, 2].map((i) => kit().ask(pool, 'a', 'file', { signal: i === 1 ? cancel.signal : undefined }));
      await turns();
      now += 10;
      a.release();
      await b.settled;
      await turns();
      assert.deepEqual(own.map((o) => o.state), ['pending', 'pending', 'pending'], 'all three wait on');
      assert.true((await watchOf(pool.getPage('c'))).error?.code === 'STANDBY_UNAVAILABLE', 'a newcomer finds the tab promised');
      cancel.abort();
      await own[1].settled;
      assert.strictEqual(own[1].error?.code, 'PRERENDER_CANCELLED', 'one of them gives up');
      now += 20;
      b.value.release();
      await own[0].settled;
      now += 40;
      own[0].value.release();
      await own[2].settled;
      assert.deepEqual(own[0].value.waits.tabQueueMs, 30, 'in the order of their arrival');
      assert.deepEqual([own[2].value.waits.tabQueueMs, own[2].value.waits.tabStartupMs, own[2].value.launchMs], [70, 0, 70], 'and it was a wait for a tab');
    } finally {
      Date.now = realNow;
    }
  });

  QUnit.test('a tab that is closing is never chosen', async (assert) => {
    const { pool, fake } = await kit().warm({ ...noCreation, maxPages: 2 });
    await kit().visit(pool, 'a');
    const b = await kit().take(pool, 'b');
    const gate = fake.gate('contextClose');
    const gate2 = fake.gate('pageClose');
    const done = pool.disposeAffinity('a');
    const c = kit().ask(pool, 'c');
    await turns();
    assert.strictEqual(c.state, 'pending', 'queued behind b, not on the closing tab');
    b.release();
    await c.settled;
    assert.strictEqual(c.value.page, b.page, 'the live tab moved');
    gate.open();
    gate2.open();
    await done;
  });

  QUnit.test('a migrating tab is probed', async (assert) => {
    const { pool, fake } = await kit().warm(noCreation);
    await kit().visit(pool, 'a');
    const before = fake.count('evaluate');
    await kit().visit(pool, 'b');
    assert.strictEqual(fake.count('evaluate') - before, 1, 'asked whether it lives');
  });
});

poolModule('migration elsewhere', (kit) => {
  QUnit.test('by default the pool makes a fresh context instead', async (assert) => {
    const { pool, logs } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    const b = await kit().visit(pool, 'b');
    const c = await kit().visit(pool, 'c');
    assert.strictEqual(new Set([a, b, c].map((l) => l.page.context)).size, 3, 'three tenants, three contexts');
    assert.strictEqual(logs.find('warn', /migrat/i).length, 0, 'nothing migrated');
  });

  QUnit.test('by default a newcomer waits where no tab is idle, and still gets a fresh context', async (assert) => {
    const { pool } = await kit().warm();
    const a = await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    const c = kit().ask(pool, 'c');
    await turns();
    assert.strictEqual(c.state, 'pending', 'waits');
    a.release();
    await c.settled;
    assert.notStrictEqual(c.value.page.context, a.page.context, 'never the storage of another tenant');
    assert.ok(b.page, 'b is untouched');
  });

  QUnit.test('allowTabMigration: true lets a tab move', async (assert) => {
    const { pool, fake } = await kit().warm({ allowTabMigration: true });
    const gate = fake.gate('goto');
    const a = await kit().take(pool, 'a');
    await until(() => gate.count === 1, 'the next standby hangs in its navigation');
    gate.fail(new Error('net::ERR_FAILED'));
    const b = kit().ask(pool, 'b');
    await turns();
    a.release();
    gate.open();
    await b.settled;
    assert.strictEqual(b.state, 'fulfilled', 'served');
  });

  QUnit.test('allowTabMigration: with every slot leased the newcomer queues on a tab and takes it over', async (assert) => {
    const { pool, logs } = await kit().warm({ allowTabMigration: true });
    const a = await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    const c = kit().ask(pool, 'c');
    await turns();
    assert.strictEqual(c.state, 'pending', 'queued');
    a.release();
    b.release();
    await c.settled;
    assert.ok([a.page, b.page].includes(c.value.page), 'the tab of another tenant');
    assert.strictEqual(logs.find('warn', /migrat|mov/i).length, 1, 'and that is warned about');
  });
});
