'use strict';

const { poolModule } = require('./helpers/kit.js');
const { turns } = require('./helpers/wait.js');

const row = (pool, key) => pool.getQueueDepthSnapshot().affinities.find((a) => a.affinityKey === key);
const CAP = (n) => ({ PRERENDER_AFFINITY_FILE_CONCURRENCY: String(n) });

poolModule('admission of file renders', (kit) => {
  QUnit.test('at most the cap of one affinity hold a lease', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 5, env: CAP(2) });
    const one = await kit().take(pool, 'a', 'file');
    await kit().take(pool, 'a', 'file');
    const third = kit().ask(pool, 'a', 'file');
    await turns();
    assert.strictEqual(third.state, 'pending', 'the third waits');
    assert.deepEqual(row(pool, 'a').admission, { pending: 1, cap: 2 }, 'the one that waits for a permit, not the two that have one');
    assert.strictEqual(row(pool, 'a').pendingTotal, 2, 'it is not in a tab queue yet');
    one.release();
    await third.settled;
    assert.strictEqual(third.state, 'fulfilled', 'and comes when one is released');
  });

  QUnit.test('of one affinity only: another is not affected', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 4, env: CAP(1) });
    await kit().take(pool, 'a', 'file');
    kit().ask(pool, 'a', 'file');
    assert.ok((await kit().take(pool, 'b', 'file')).page, 'b goes on');
  });

  QUnit.test('module and command renders never wait for it', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 4, env: CAP(1) });
    await kit().take(pool, 'a', 'file');
    kit().ask(pool, 'a', 'file');
    assert.ok((await kit().take(pool, 'a', 'module')).page, 'module');
    assert.ok((await kit().take(pool, 'a', 'command')).page, 'command');
    assert.deepEqual(row(pool, 'a').admission, { pending: 1, cap: 1 }, 'nor do they count in it');
  });

  QUnit.test('waits are ordered by priority, then by arrival', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, env: CAP(1) });
    const held = await kit().take(pool, 'a', 'file');
    const order = [];
    const asks = [['low', 0], ['high', 9], ['middle', 4], ['high2', 9], ['negative', -3]].map(([name, priority]) => {
      const asked = kit().ask(pool, 'a', 'file', { priority });
      asked.settled.then(() => {
        order.push(name);
        asked.value.release();
      });
      return asked;
    });
    await turns();
    assert.deepEqual(row(pool, 'a').admissionQueuedByPriority, { 0: 1, 4: 1, 9: 2, [-3]: 1 }, 'the snapshot shows the waiters');
    held.release();
    await Promise.all(asks.map((a) => a.settled));
    assert.deepEqual(order, ['high', 'high2', 'middle', 'low', 'negative'], 'highest first');
  });

  QUnit.test('the permit lives until release, which is idempotent', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: CAP(1) });
    const held = await kit().take(pool, 'a', 'file');
    const second = kit().ask(pool, 'a', 'file');
    const third = kit().ask(pool, 'a', 'file');
    held.release();
    held.release();
    await second.settled;
    await turns();
    assert.strictEqual(third.state, 'pending', 'two releases of one lease are one permit');
  });

  QUnit.test('disableFileAdmission: none', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, disableFileAdmission: true, env: CAP(1) });
    await kit().take(pool, 'a', 'file');
    const second = await kit().take(pool, 'a', 'file');
    assert.ok(second.page, 'a second file lease');
    assert.strictEqual(second.waits.admissionMs, 0, 'without admission');
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 0 }, 'and none in the snapshot');
  });

  QUnit.test('the row goes when nobody holds or waits', async (assert) => {
    const { pool } = await kit().warm({ env: CAP(1) });
    const held = await kit().take(pool, 'a', 'file');
    held.release();
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 0 }, 'when release returns');
  });

  QUnit.test('a failed getPage gives its permit back', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 2, env: CAP(1) });
    const end = fake.rule('goto', () => Promise.reject(new Error('net::ERR_FAILED')));
    const first = kit().ask(pool, 'a', 'file');
    await first.settled;
    assert.strictEqual(first.state, 'rejected', 'no standby');
    end();
    assert.ok((await kit().take(pool, 'a', 'file')).page, 'the permit is free');
  });
});

poolModule('priorities in the tab and render queues', (kit) => {
  QUnit.test('the tab queue serves the highest first, FIFO within one', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const held = await kit().take(pool, 'a', 'module');
    await kit().take(pool, 'b');
    const order = [];
    const asks = [['low', 0], ['high', 9], ['middle', 4], ['high2', 9]].map(([name, priority]) => {
      const asked = kit().ask(pool, 'a', 'module', { priority });
      asked.settled.then(() => {
        order.push(name);
        asked.value.release();
      });
      return asked;
    });
    await turns();
    held.release();
    await Promise.all(asks.map((a) => a.settled));
    assert.deepEqual(order, ['high', 'high2', 'middle', 'low'], 'in order');
  });

  QUnit.test('the render semaphore serves the highest first, across affinities', async (assert) => {
    const { lib } = require('./helpers/kit.js');
    const semaphore = new lib.AsyncSemaphore(9);
    const { pool } = await kit().warm({ maxPages: 4, renderSemaphore: semaphore });
    const holds = [];
    for (let i = 0; i < 4; i++) {
      holds.push(await semaphore.acquire());
    }
    const order = [];
    const asks = [['low', 0], ['high', 9], ['middle', 4]].map(([name, priority]) => {
      const asked = kit().ask(pool, name, 'module', { priority });
      asked.settled.then(() => {
        order.push(name);
        asked.value.release();
      });
      return asked;
    });
    await turns();
    assert.strictEqual(semaphore.pendingCount, 3, 'three wait for it with a tab in hand');
    holds[0]();
    await Promise.all(asks.map((a) => a.settled));
    assert.deepEqual(order, ['high', 'middle', 'low'], 'in order');
    holds.forEach((r) => r());
  });

  QUnit.test('a running lease is never preempted', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const held = await kit().take(pool, 'a', 'file', { priority: -5 });
    const other = await kit().take(pool, 'b', 'file', { priority: -5 });
    const urgent = kit().ask(pool, 'c', 'file', { priority: 1e9 });
    await turns();
    assert.strictEqual(urgent.state, 'pending', 'the urgent one waits');
    assert.strictEqual(held.page.context.closeCalls + other.page.context.closeCalls, 0, 'for the running ones');
  });

  QUnit.test('its priority and signal go to a foreign semaphore', async (assert) => {
    const { ForeignSemaphore } = require('./helpers/kit.js');
    const foreign = new ForeignSemaphore(5);
    const { pool } = await kit().warm({ renderSemaphore: foreign });
    const c = new AbortController();
    await kit().visit(pool, 'a', 'file', { signal: c.signal, priority: 7 });
    assert.strictEqual(foreign.calls[0][1], 7, 'the priority');
    assert.ok(foreign.calls[0][0] === c.signal || foreign.calls[0][0] instanceof AbortSignal, 'a signal');
    await kit().visit(pool, 'a');
    assert.strictEqual(foreign.calls[1][1], 0, 'the default priority');
    assert.strictEqual(foreign.held, 0, 'everything was released');
  });
});
