'use strict';

const { poolModule } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { turns, until, watch } = require('./helpers/wait.js');

const row = (pool, key) => pool.getSharedContextSnapshot().entries.find((e) => e.affinityKey === key);
const isOfA = (lease) => ({ context, page }) => (context ?? page.context) === lease.page.context;

poolModule('disposeAffinity', (kit) => {
  for (const awaitIdle of [true, false, undefined]) {
    QUnit.test(`an unknown key resolves at once and calls nobody (awaitIdle: ${awaitIdle})`, async (assert) => {
      const { pool, disposed, fake } = await kit().warm();
      const before = fake.count('cleanupUserDataDirs');
      await pool.disposeAffinity('nobody', { awaitIdle });
      assert.deepEqual(disposed, [], 'no callback');
      assert.strictEqual(fake.count('cleanupUserDataDirs'), before, 'no clean-up');
    });
  }

  QUnit.test('awaitIdle false resolves at once even as the first call of the process', async (assert) => {
    const { pool, fake } = kit().make();
    await pool.disposeAffinity('nobody', { awaitIdle: false });
    assert.strictEqual(fake.calls.length, 0, 'the browser was not asked');
  });

  QUnit.test('closes tabs and context, then resolves', async (assert) => {
    const { pool, fake, disposed } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', isOfA(a));
    const done = watch(pool.disposeAffinity('a'));
    assert.deepEqual(pool.getWarmAffinities(), [], 'the key has left the warm list at the call');
    await until(() => gate.count === 1, 'the context closes');
    assert.strictEqual(done.state, 'pending', 'waits for the close');
    assert.deepEqual(disposed, [], 'the callback has not been called');
    gate.open();
    await done.settled;
    assert.strictEqual(a.page.context.closeCalls, 1, 'closed once');
    assert.true(a.page.context.closed, 'the close has resolved');
    assert.strictEqual(row(pool, 'a'), undefined, 'the row is gone');
    assert.deepEqual(disposed, ['a'], 'the callback was called once');
  });

  QUnit.test('resolves with undefined', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    assert.strictEqual(await pool.disposeAffinity('a'), undefined, 'awaitIdle');
    await kit().visit(pool, 'b');
    assert.strictEqual(await pool.disposeAffinity('b', { awaitIdle: false }), undefined, 'not awaitIdle');
  });

  QUnit.test('at the call its primary is marked closing', async (assert) => {
    const { pool, fake } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', isOfA(a));
    const gate2 = fake.gate('pageClose', isOfA(a));
    const done = pool.disposeAffinity('a');
    assert.true(row(pool, 'a').closing, 'synchronously');
    gate.open();
    gate2.open();
    await done;
  });

  QUnit.test('a getPage in the same tick starts clean on a fresh context', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const old = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', isOfA(old));
    const done = pool.disposeAffinity('a');
    const fresh = await kit().take(pool, 'a');
    assert.notStrictEqual(fresh.page.context, old.page.context, 'not the closing one');
    assert.false(fresh.reused, 'a fresh tab');
    gate.open();
    await done;
  });

  QUnit.test('a getPage just before it keeps its lease until its release', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const lease = await kit().take(pool, 'a');
    const done = watch(pool.disposeAffinity('a'));
    await turns();
    assert.strictEqual(done.state, 'pending', 'waits for the lease');
    assert.strictEqual(lease.page.closeCalls + lease.page.context.closeCalls, 0, 'a tab in use is not closed');
    lease.release();
    await done.settled;
    assert.strictEqual(lease.page.context.closeCalls, 1, 'closed after its release');
  });

  QUnit.test('the tab in use is no longer chosen', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, disableFileAdmission: true, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    const old = await kit().take(pool, 'a');
    const done = pool.disposeAffinity('a');
    const fresh = await kit().take(pool, 'a');
    assert.notStrictEqual(fresh.page, old.page, 'another tab, though the cap is one: a closing tab does not count');
    old.release();
    await done;
    assert.strictEqual(fresh.page.context.closeCalls, 0, 'the new one lives');
  });

  QUnit.test('waiters queued on its tab choose again', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, disableFileAdmission: true, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    const old = await kit().take(pool, 'a');
    const waiter = kit().ask(pool, 'a');
    await turns();
    assert.strictEqual(waiter.state, 'pending', 'parked on the tab');
    const done = pool.disposeAffinity('a');
    await waiter.settled;
    assert.strictEqual(waiter.state, 'fulfilled', 'goes on without waiting for the old lease');
    assert.notStrictEqual(waiter.value.page, old.page, 'on another tab');
    old.release();
    await done;
  });

  QUnit.test('awaitIdle false returns at once; the key leaves the warm list when the closes end', async (assert) => {
    const { pool, fake, disposed } = await kit().warm({ maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', isOfA(a));
    const gate2 = fake.gate('pageClose', isOfA(a));
    const done = pool.disposeAffinity('a', { awaitIdle: false });
    assert.deepEqual(disposed, ['a'], 'the callback was called before the call returned');
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'still in the warm list');
    await done;
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'while the closes go on');
    gate2.open();
    gate.open();
    await until(() => pool.getWarmAffinities().length === 0, 'it leaves the warm list when they end');
    assert.strictEqual(a.page.context.closeCalls, 1, 'closed');
    assert.deepEqual(disposed, ['a'], 'no second callback');
  });

  QUnit.test('awaitIdle false with a lease: closed after the release', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const lease = await kit().take(pool, 'a');
    await pool.disposeAffinity('a', { awaitIdle: false });
    await turns();
    assert.strictEqual(lease.page.context.closeCalls, 0, 'not under the lease');
    lease.release();
    await until(() => lease.page.context.closed, 'closed after it');
    await until(() => !pool.getWarmAffinities().includes('a'), 'and no longer warm');
  });

  QUnit.test('contexts count as alive until they are closed, in both modes', async (assert) => {
    for (const awaitIdle of [true, false]) {
      const { pool, fake } = await kit().warm({ maxPages: 1, closeTimeoutMs: 60_000 });
      const a = await kit().visit(pool, 'a');
      await pool.warmStandbys();
      const gate = fake.gate('contextClose', isOfA(a));
      const done = pool.disposeAffinity('a', { awaitIdle });
      const b = await kit().take(pool, 'b');
      assert.ok(b.page, 'the standby serves the next tenant');
      await turns(20);
      assert.ok(fake.taken.length <= 2, `no context beyond the limit while one is closing: ${fake.taken.length}`);
      gate.open();
      await done;
    }
  });

  QUnit.test('two disposals of one key share one teardown', async (assert) => {
    const { pool, disposed, fake } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', isOfA(a));
    const first = watch(pool.disposeAffinity('a'));
    const second = watch(pool.disposeAffinity('a'));
    await until(() => gate.count === 1, 'one close');
    assert.deepEqual([first.state, second.state], ['pending', 'pending'], 'both wait');
    gate.open();
    await Promise.all([first.settled, second.settled]);
    assert.strictEqual(a.page.context.closeCalls, 1, 'closed once');
    assert.deepEqual(disposed, ['a'], 'one callback');
  });

  QUnit.test('a second disposal after the first has ended does nothing', async (assert) => {
    const { pool, disposed } = await kit().warm();
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    await pool.disposeAffinity('a');
    assert.deepEqual(disposed, ['a'], 'one callback');
  });

  QUnit.test('a second disposal reaches the tab that came between', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    const old = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', isOfA(old));
    const first = pool.disposeAffinity('a');
    const fresh = await kit().visit(pool, 'a');
    const second = pool.disposeAffinity('a');
    await until(() => fresh.page.context.closeCalls === 1, 'the new tab is closed while the old one still closes');
    gate.open();
    await Promise.all([first, second]);
    assert.deepEqual([old.page.context.closeCalls, fresh.page.context.closeCalls], [1, 1], 'each once');
    assert.deepEqual(pool.getWarmAffinities(), [], 'nothing is left');
  });

  QUnit.test('of an orphan it closes the context', async (assert) => {
    const { pool } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    assert.strictEqual(a.page.context.closeCalls, 0, 'kept');
    await pool.disposeAffinity('a');
    assert.strictEqual(a.page.context.closeCalls, 1, 'closed');
    assert.strictEqual(row(pool, 'a'), undefined, 'no row');
  });

  QUnit.test('leaves every other affinity alone', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    const b = await kit().visit(pool, 'b');
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    assert.deepEqual(pool.getWarmAffinities(), ['b'], 'b is still warm');
    assert.strictEqual((await kit().visit(pool, 'b')).page, b.page, 'on its page');
  });

  QUnit.test('removes stale user-data dirs; a failure there is logged and nothing else', async () => {
    for (const result of [() => Promise.resolve(), () => Promise.reject(new Error('EBUSY dir')), () => {
      throw new Error('EBUSY dir');
    }]) {
      const { pool, fake, logs } = await kit().warm();
      fake.rule('cleanupUserDataDirs', result);
      await kit().visit(pool, 'a');
      await pool.disposeAffinity('a');
      await until(() => fake.count('cleanupUserDataDirs') === 1, 'called once');
      if (result.toString().includes('EBUSY')) {
        await until(() => logs.lines.some((l) => /EBUSY dir/.test(l.text)), 'the failure is logged');
      }
    }
  });

  QUnit.test('refills', async (assert) => {
    const { pool, fake } = await kit().warm();
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    await pool.warmStandbys();
    assert.strictEqual(fake.taken.length, 1, 'a standby for the next');
  });

  QUnit.test('a callback that throws is logged and nothing else happens', async (assert) => {
    for (const awaitIdle of [true, false]) {
      const { pool, logs } = await kit().warm({ onAffinityDisposed: () => {
        throw new Error('callback broke');
      } });
      const a = await kit().visit(pool, 'a');
      await pool.disposeAffinity('a', { awaitIdle });
      await until(() => a.page.context.closed, 'closed');
      assert.strictEqual(logs.lines.filter((l) => /callback broke/.test(l.text)).length, 1, 'logged');
      assert.ok((await kit().visit(pool, 'b')).page, 'the pool goes on');
    }
  });

  QUnit.test('a callback that rejects is logged, and nobody waits for it', async (assert) => {
    let fail;
    const { pool, logs } = await kit().warm({ onAffinityDisposed: () => new Promise((_, reject) => {
      fail = reject;
    }) });
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    fail(new Error('callback broke later'));
    await turns();
    assert.strictEqual(logs.find('error', /onAffinityDisposed.*callback broke later/).length, 1, 'logged');
  });

  QUnit.test('a callback may call the pool', async (assert) => {
    let seen;
    const made = await kit().warm({ maxPages: 2, onAffinityDisposed: (key) => {
      seen = { key, warm: made.pool.getWarmAffinities(), ask: kit().ask(made.pool, key) };
    } });
    await kit().visit(made.pool, 'a');
    await made.pool.disposeAffinity('a');
    assert.strictEqual(seen.key, 'a', 'called with the key');
    assert.deepEqual(seen.warm, [], 'the snapshot shows the end');
    await seen.ask.settled;
    assert.strictEqual(seen.ask.state, 'fulfilled', 'and a getPage from within works');
  });

  for (const [name, how] of [['rejects', () => Promise.reject(new Error('close broke'))], ['throws', () => {
    throw new Error('close broke');
  }]]) {
    QUnit.test(`a close that ${name} ends the teardown all the same`, async (assert) => {
      const { pool, fake, disposed } = await kit().warm();
      const a = await kit().visit(pool, 'a');
      fake.rule('contextClose', how, isOfA(a));
      fake.rule('pageClose', how, isOfA(a));
      await pool.disposeAffinity('a');
      assert.deepEqual(disposed, ['a'], 'told');
      assert.ok((await kit().visit(pool, 'a')).page, 'and the slot is free again');
    });
  }

  QUnit.test('during a standby’s creation: the standby is not touched', async (assert) => {
    const { pool, fake } = await kit().warm();
    const gate = fake.gate('goto');
    await kit().visit(pool, 'a');
    await until(() => gate.count === 1, 'a standby is being made');
    await pool.disposeAffinity('a');
    gate.open();
    await pool.warmStandbys();
    assert.strictEqual(fake.contexts[1].closeCalls, 0, 'it lives');
    assert.ok((await kit().visit(pool, 'b')).page, 'and serves');
  });

  QUnit.test('while its caller waits for a standby: the caller is served', async (assert) => {
    const { pool, fake } = kit().make();
    const gate = fake.gate('goto');
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'a standby is being made');
    await pool.disposeAffinity('a', { awaitIdle: false });
    gate.open();
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'the disposal was before its tab');
    assert.strictEqual(ask.value.page.context.closeCalls, 0, 'which lives');
  });

  QUnit.test('while a page is being opened in its orphan: the caller is served, nothing twice', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const first = await kit().visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    const gate = fake.gate('goto', isOfA(first));
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'the page of the orphan navigates');
    const done = pool.disposeAffinity('a');
    gate.open();
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'served');
    ask.value.release();
    await done;
    assert.ok(first.page.context.closeCalls <= 1, 'closed once at most');
  });

  QUnit.test('retainConsoleErrors keeps them readable; without it they go', async (assert) => {
    const { pool } = await kit().warm();
    const say = (page) => page.emit('console', { type: () => 'error', text: () => 'boom', args: () => [], location: () => ({}) });
    const a = await kit().take(pool, 'a');
    pool.resetConsoleErrors(a.pageId);
    say(a.page);
    await turns();
    a.release();
    await pool.disposeAffinity('a', { retainConsoleErrors: true });
    assert.strictEqual(pool.takeConsoleErrors(a.pageId).length, 1, 'kept');
    const b = await kit().take(pool, 'b');
    pool.resetConsoleErrors(b.pageId);
    say(b.page);
    await turns();
    b.release();
    await pool.disposeAffinity('b');
    assert.deepEqual(pool.takeConsoleErrors(b.pageId), [], 'gone');
  });

  QUnit.test('who joins a teardown does not take back that errors are retained', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const a = await kit().take(pool, 'a');
    pool.__test_seedRevokedException(a.pageId, { type: 'error', text: 'boom' }, 1);
    const first = pool.disposeAffinity('a', { retainConsoleErrors: true });
    const second = pool.disposeAffinity('a');
    a.release();
    await Promise.all([first, second]);
    assert.strictEqual(pool.takeConsoleErrors(a.pageId).length, 1, 'still there');
  });

  QUnit.test('options may be present and undefined', async (assert) => {
    const { pool } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    await pool.disposeAffinity('a', { awaitIdle: undefined, retainConsoleErrors: undefined, retainSharedContext: undefined });
    assert.true(a.page.context.closed, 'the default awaits the close');
  });
});

poolModule('evictIdleAffinities', (kit) => {
  QUnit.test('not finite or not above 0: nothing', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    for (const value of [0, -1, NaN, Infinity, -Infinity]) {
      assert.deepEqual(await pool.evictIdleAffinities(value), [], `${value}`);
    }
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'still warm');
  });

  QUnit.test('disposes of the affinities whose newest use is older, and returns their keys', async (assert) => {
    const realNow = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      const { pool, disposed } = await kit().warm({ maxPages: 4 });
      await kit().visit(pool, 'old');
      await kit().visit(pool, 'older');
      now += 1000;
      await kit().visit(pool, 'new');
      const evicted = await pool.evictIdleAffinities(500);
      assert.deepEqual(evicted.sort(), ['old', 'older'], 'the two old ones');
      assert.deepEqual(pool.getWarmAffinities(), ['new'], 'the new one stays');
      assert.deepEqual([...disposed].sort(), ['old', 'older'], 'told of both');
    } finally {
      Date.now = realNow;
    }
  });

  QUnit.test('exactly as old as allowed is not older', async (assert) => {
    const realNow = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      const { pool } = await kit().warm();
      await kit().visit(pool, 'a');
      now += 500;
      assert.deepEqual(await pool.evictIdleAffinities(500), [], 'not at the mark');
      now += 1;
      assert.deepEqual(await pool.evictIdleAffinities(500), ['a'], 'beyond it');
    } finally {
      Date.now = realNow;
    }
  });

  QUnit.test('affinities with a lease or a waiter, and standbys, are not touched', async (assert) => {
    const realNow = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      const { pool, fake } = await kit().warm({ maxPages: 3 });
      const lease = await kit().take(pool, 'leased');
      await pool.warmStandbys();
      now += 10_000;
      assert.deepEqual(await pool.evictIdleAffinities(500), [], 'nothing');
      assert.strictEqual(lease.page.context.closeCalls, 0, 'the leased one lives');
      assert.strictEqual(fake.taken.length, 3, 'and so do the standbys');
    } finally {
      Date.now = realNow;
    }
  });

  QUnit.test('the newest use of several tabs counts', async (assert) => {
    const realNow = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      const { pool } = await kit().warm({ maxPages: 3 });
      const one = await kit().take(pool, 'a', 'module');
      const two = await kit().take(pool, 'a', 'module');
      one.release();
      now += 1000;
      two.release();
      assert.deepEqual(await pool.evictIdleAffinities(500), [], 'its newest use is now');
    } finally {
      Date.now = realNow;
    }
  });

  QUnit.test('resolves when the closes have', async (assert) => {
    const realNow = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      const { pool, fake } = await kit().warm();
      const a = await kit().visit(pool, 'a');
      now += 1000;
      const gate = fake.gate('contextClose', isOfA(a));
      const evicted = watch(pool.evictIdleAffinities(500));
      await until(() => gate.count === 1, 'it closes');
      await turns();
      assert.strictEqual(evicted.state, 'pending', 'waits');
      gate.open();
      await evicted.settled;
      assert.deepEqual(evicted.value, ['a'], 'then tells');
      assert.strictEqual(row(pool, 'a'), undefined, 'the row is gone');
    } finally {
      Date.now = realNow;
    }
  });
});

poolModule('closeAll', (kit) => {
  QUnit.test('rejects what waits', async (assert) => {
    const { pool, fake } = await kit().warm();
    await kit().take(pool, 'a');
    const tab = kit().ask(pool, 'a', 'module');
    const admission = kit().ask(pool, 'a', 'file');
    const gate = fake.gate('goto');
    await kit().take(pool, 'b');
    const slot = kit().ask(pool, 'c');
    await turns();
    const done = pool.closeAll();
    await Promise.all([tab.settled, admission.settled, slot.settled]);
    for (const [name, asked] of Object.entries({ tab, admission, slot })) {
      assert.strictEqual(asked.error?.code, 'POOL_CLOSED', `who waited for ${name} is told`);
      assert.ok(asked.error instanceof Error, 'with an Error');
    }
    gate.open();
    kit().leases.forEach((l) => l.release());
    await done;
  });

  QUnit.test('closes every tab, standby and orphan', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    await kit().visit(pool, 'orphan');
    await pool.disposeAffinity('orphan', { retainSharedContext: true });
    await kit().visit(pool, 'a');
    await pool.warmStandbys();
    await pool.closeAll();
    assert.ok(fake.contexts.every((c) => c.closeCalls === 1 && c.closed), 'each context once');
    assert.deepEqual(pool.getWarmAffinities(), [], 'nothing is warm');
    assert.deepEqual(pool.getSharedContextSnapshot().entries, [], 'no row');
    assert.strictEqual(pool.getQueueDepthSnapshot().totalTabs, 0, 'no tab');
  });

  QUnit.test('waits for a held lease and closes after its release', async (assert) => {
    const { pool } = await kit().warm();
    const lease = await kit().take(pool, 'a');
    const done = watch(pool.closeAll());
    await turns();
    assert.strictEqual(done.state, 'pending', 'waits');
    assert.strictEqual(lease.page.context.closeCalls, 0, 'not under the lease');
    lease.release();
    await done.settled;
    assert.strictEqual(lease.page.context.closeCalls, 1, 'closed then');
  });

  QUnit.test('lets a refill that is under way end', async (assert) => {
    const { pool, fake } = kit().make();
    const gate = fake.gate('goto');
    const warm = watch(pool.warmStandbys());
    await until(() => gate.count === 1, 'a standby is being made');
    const done = watch(pool.closeAll());
    await turns();
    assert.strictEqual(done.state, 'pending', 'waits for it');
    gate.open();
    await done.settled;
    await warm.settled;
    assert.strictEqual(warm.state, 'fulfilled', 'warmStandbys ends too');
    assert.ok(fake.contexts.every((c) => c.closed), 'nothing is left');
  });

  QUnit.test('a second call joins the first', async (assert) => {
    const { pool, fake } = await kit().warm();
    const gate = fake.gate('contextClose');
    const first = watch(pool.closeAll());
    const second = watch(pool.closeAll());
    await until(() => gate.count === 1, 'it closes');
    await turns();
    assert.deepEqual([first.state, second.state], ['pending', 'pending'], 'both wait');
    gate.open();
    await Promise.all([first.settled, second.settled]);
    assert.strictEqual(fake.contexts[0].closeCalls, 1, 'closed once');
  });

  QUnit.test('leaves a pool that can be used again', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    await kit().visit(pool, 'a');
    await pool.closeAll();
    await turns(20);
    assert.strictEqual(fake.alive.length, 0, 'closed and staying so');
    const again = await kit().visit(pool, 'a');
    assert.false(again.reused, 'a fresh tab');
    assert.ok(again.page, 'of a living pool');
  });

  QUnit.test('of a pool never used resolves', async (assert) => {
    const { pool, fake } = kit().make();
    await pool.closeAll();
    assert.strictEqual(fake.count('createBrowserContext'), 0, 'without a browser');
  });

  QUnit.test('clears the swaps', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    fake.rule('evaluate', () => Promise.reject(new Error('gone')), ({ page }) => page === a.page);
    await kit().visit(pool, 'a');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 1 }, 'one');
    await pool.closeAll();
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'cleared');
  });

  QUnit.test('is what await using calls', async (assert) => {
    const { pool, fake } = await kit().warm();
    assert.strictEqual(typeof pool[Symbol.asyncDispose], 'function', 'the pool has it');
    await pool[Symbol.asyncDispose]();
    assert.ok(fake.contexts.every((c) => c.closed), 'closed');
    const lease = await kit().take(pool, 'a');
    assert.strictEqual(typeof lease[Symbol.asyncDispose], 'function', 'so has the lease');
    lease.page.leasedBy = undefined;
    await lease[Symbol.asyncDispose]();
    assert.true(pool.getVacancySnapshot().a.idle, 'and it releases');
  });

  QUnit.test('a close that never settles is bounded', async (assert) => {
    const { pool, fake, logs } = await kit().warm({ closeTimeoutMs: 50 });
    fake.rule('contextClose', () => NEVER);
    await kit().visit(pool, 'a');
    await pool.closeAll();
    assert.ok(logs.find('warn', /clos/i).length >= 1, 'with a warning');
  });

  QUnit.test('a lease that outlives it: a late release does nothing', async (assert) => {
    const { pool } = await kit().warm();
    const lease = await kit().take(pool, 'a');
    const done = pool.closeAll();
    lease.release();
    await done;
    lease.release();
    assert.ok((await kit().visit(pool, 'b')).page, 'the pool is whole');
  });

  QUnit.test('a getPage made while it closes', async (assert) => {
    const { pool, fake } = await kit().warm();
    const gate = fake.gate('contextClose');
    const done = pool.closeAll();
    const ask = kit().ask(pool, 'a');
    await turns();
    gate.open();
    await done;
    await ask.settled;
    assert.ok(ask.state === 'fulfilled' || ask.error.code === 'POOL_CLOSED', `is served or told: ${ask.error?.code}`);
  });
});
