'use strict';

const { lib, poolModule } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { turns, until, watch } = require('./helpers/wait.js');

const BOUND = { closeTimeoutMs: 40, standbyTimeoutMs: 2000 };
const warned = (logs) => logs.find('warn', /clos/i);

poolModule('a context that hangs in close() for ever', (kit) => {
  QUnit.test('every other tenant, and a fresh page for this one, go on at once', async (assert) => {
    const { pool, fake, logs } = await kit().warm({ maxPages: 3, ...BOUND });
    const stuck = await kit().visit(pool, 'stuck');
    fake.rule('contextClose', () => NEVER, ({ context }) => context === stuck.page.context);
    fake.rule('pageClose', () => NEVER, ({ page }) => page === stuck.page);
    const done = watch(pool.disposeAffinity('stuck'));
    const fresh = await kit().take(pool, 'stuck');
    assert.notStrictEqual(fresh.page.context, stuck.page.context, 'a fresh context for the same tenant');
    const others = await Promise.all(['b', 'c'].map((key) => kit().take(pool, key)));
    assert.ok(others.every((l) => l.page), 'two other tenants');
    await done.settled;
    assert.strictEqual(done.state, 'fulfilled', 'the disposal is bounded');
    assert.ok(fake.maxTaken <= 4, `contexts alive: ${fake.maxTaken} of 4`);
    assert.ok(warned(logs).some((l) => /\b1\b/.test(l.text)), `a warning with how many: ${warned(logs).map((l) => l.text)}`);
  });

  QUnit.test('it is counted as alive until it settles, and then no longer', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1, ...BOUND });
    const a = await kit().visit(pool, 'a');
    await pool.warmStandbys();
    const gate = fake.gate('contextClose', ({ context }) => context === a.page.context);
    await pool.disposeAffinity('a');
    await pool.warmStandbys();
    assert.strictEqual(fake.taken.length, 2, 'one hangs, one is there for use: no more may be made');
    await kit().take(pool, 'b');
    await turns(20);
    assert.strictEqual(fake.taken.length, 2, 'nor now');
    gate.open();
    await pool.warmStandbys();
    await until(() => fake.taken.length === 2 && a.page.context.closed, 'the slot is filled again when the close settles');
  });

  QUnit.test('a hundred in a row do not stop the pool as long as a slot is left', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 101, ...BOUND });
    fake.rule('contextClose', () => NEVER, ({ context }) => context.doomed);
    fake.rule('pageClose', () => NEVER, ({ page }) => page.context.doomed);
    for (let i = 0; i < 100; i++) {
      const lease = await kit().visit(pool, `doomed-${i}`);
      lease.page.context.doomed = true;
      watch(pool.disposeAffinity(`doomed-${i}`, { awaitIdle: i % 2 === 0 }));
      const other = await kit().visit(pool, 'steady');
      if (!other.page) {
        assert.ok(false, `no page after ${i} stuck closes`);
      }
    }
    const last = await kit().visit(pool, 'newcomer');
    assert.ok(last.page, 'the hundred and first tenant is served');
    assert.ok(fake.maxTaken <= 102, `contexts alive: ${fake.maxTaken} of 102`);
  });

  QUnit.test('with no slot left callers wait, can be cancelled, and the log says why', async (assert) => {
    const { pool, fake, logs } = await kit().warm({ maxPages: 1, ...BOUND });
    const gate = fake.gate('contextClose', ({ context }) => context.doomed);
    for (const key of ['x', 'y']) {
      const lease = await kit().visit(pool, key);
      lease.page.context.doomed = true;
      await pool.disposeAffinity(key, { awaitIdle: true });
    }
    const c = new AbortController();
    const cancelled = kit().ask(pool, 'z', 'file', { signal: c.signal });
    const waiting = kit().ask(pool, 'z2');
    await turns(20);
    assert.deepEqual([cancelled.state, waiting.state], ['pending', 'pending'], 'both wait');
    c.abort('enough');
    await cancelled.settled;
    assert.strictEqual(cancelled.error.code, 'PRERENDER_CANCELLED', 'one is cancelled');
    assert.ok(warned(logs).some((l) => /\b2\b/.test(l.text)), `the log tells of two: ${warned(logs).map((l) => l.text)}`);
    gate.open();
    await waiting.settled;
    assert.strictEqual(waiting.state, 'fulfilled', 'the other is served when a close settles');
  });

  QUnit.test('a page that hangs in close leaves its orphan usable', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2, ...BOUND });
    const a = await kit().visit(pool, 'a');
    fake.rule('pageClose', () => NEVER, ({ page }) => page === a.page);
    const done = watch(pool.disposeAffinity('a', { retainSharedContext: true }));
    const again = await kit().take(pool, 'a');
    assert.notStrictEqual(again.page, a.page, 'another page');
    await done.settled;
    assert.strictEqual(done.state, 'fulfilled', 'the disposal is bounded');
  });

  QUnit.test('closeAll goes on without it', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3, ...BOUND });
    const a = await kit().visit(pool, 'a');
    await kit().visit(pool, 'b');
    fake.rule('contextClose', () => NEVER, ({ context }) => context === a.page.context);
    await pool.closeAll();
    assert.ok(fake.contexts.filter((c) => c !== a.page.context).every((c) => c.closed), 'every other context is closed');
  });

  QUnit.test('late in the day it settles: nothing is counted twice', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1, ...BOUND });
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', ({ context }) => context === a.page.context);
    await pool.disposeAffinity('a');
    gate.open();
    await turns();
    await pool.warmStandbys();
    const b = await kit().take(pool, 'b');
    await kit().take(pool, 'c');
    await pool.warmStandbys();
    assert.strictEqual(fake.taken.length, 2, 'two contexts, as ever');
    assert.ok(b.page, 'served');
  });
});

poolModule('the incident: a leased page never comes back', (kit) => {
  for (const dynamic of [false, true]) {
    QUnit.test(`its affinity is evicted, disposed of, asked for again by many at once; nobody else waits (${dynamic ? 'dynamic' : 'fixed'})`, async (assert) => {
      const semaphore = new lib.AsyncSemaphore(99);
      const env = dynamic ? { PRERENDER_PAGE_POOL_MIN: '4', PRERENDER_PAGE_POOL_MAX: '8' } : {};
      const { pool, fake } = await kit().warm({ maxPages: 6, renderSemaphore: semaphore, env, ...BOUND });
      const lost = await pool.getPage('lost');
      assert.deepEqual(await pool.evictIdleAffinities(1), [], 'eviction does not touch a leased affinity');
      const disposals = [pool.disposeAffinity('lost'), pool.disposeAffinity('lost', { awaitIdle: false }), pool.disposeAffinity('lost', { retainSharedContext: true })].map(watch);
      const again = [kit().ask(pool, 'lost', 'file', { priority: 0 }), kit().ask(pool, 'lost', 'module', { priority: 5 }), kit().ask(pool, 'lost', 'command', { priority: 10 })];
      const others = ['b', 'c'].map((key, i) => kit().ask(pool, key, 'file', { priority: i }));
      for (const asked of [...others, ...again]) {
        asked.settled.then(() => asked.value?.release());
      }
      await Promise.all([...others, ...again].map((a) => a.settled));
      assert.ok(others.every((o) => o.state === 'fulfilled'), 'the other tenants were served');
      assert.ok(again.every((o) => o.state === 'fulfilled'), 'and so were the callers of the same tenant');
      assert.ok(again.every((o) => o.value.page !== lost.page), 'each on another page');
      assert.deepEqual(disposals.map((d) => d.state), ['pending', 'fulfilled', 'pending'], 'only who asked to wait for it waits');
      const vacancy = pool.getVacancySnapshot();
      assert.ok(Object.values(vacancy).every((v) => v.tabCount >= 1), 'the snapshot counts tabs');
      assert.strictEqual(semaphore.inUseCount, 1, 'one permit is held: the lost one');
      assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 1, 'one pending: the lost one');
      const limit = (dynamic ? 8 : 6) + 1;
      assert.ok(fake.maxTaken <= limit, `contexts: ${fake.maxTaken} of ${limit}`);
      lost.release();
      await Promise.all(disposals.map((d) => d.settled));
      assert.strictEqual(lost.page.context.closeCalls, 1, 'when it does come back its context is closed once');
      assert.strictEqual(semaphore.inUseCount, 0, 'and every permit is free');
      assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 0, 'nothing pending');
    });
  }

  QUnit.test('two pages lost of three: the third serves everybody', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, ...BOUND });
    const lost = [await pool.getPage('one'), await pool.getPage('two')];
    for (let i = 0; i < 10; i++) {
      assert.ok((await kit().visit(pool, `tenant-${i}`)).page, `tenant ${i} is served`);
    }
    lost.forEach((l) => l.release());
  });
});

poolModule('a file render waits for a module render of its own affinity, with every page taken', (kit) => {
  const pools = {
    fixed: (tabMax) => ({ maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: String(tabMax) } }),
    dynamic: (tabMax) => ({ env: { PRERENDER_PAGE_POOL_MIN: '3', PRERENDER_PAGE_POOL_MAX: '8', PRERENDER_AFFINITY_TAB_MAX: String(tabMax) } }),
  };
  for (const [kind, options] of Object.entries(pools)) {
    for (const tabMax of [1, 2, 5]) {
      QUnit.test(`${kind} pool, tab cap ${tabMax}`, async (assert) => {
        const semaphore = new lib.AsyncSemaphore(3);
        const { pool, logs } = await kit().warm({ ...options(tabMax), renderSemaphore: semaphore, closeTimeoutMs: 100 });
        const prevented = !(kind === 'fixed' && tabMax === 1);
        assert.strictEqual(logs.find('warn', /deadlock/i).length, prevented ? 0 : 1, 'the warning where it is not prevented');
        let modules = 0;
        const controller = new AbortController();
        const render = async (key) => {
          const file = await pool.getPage(key, 'file', { signal: controller.signal });
          try {
            const module = await pool.getPage(key, 'module', { signal: controller.signal, priority: 1 });
            modules++;
            module.release();
          } finally {
            file.release();
          }
        };
        if (prevented) {
          const renders = Array.from({ length: 12 }, () => watch(render('self')));
          await Promise.all(renders.map((r) => r.settled));
          assert.deepEqual(renders.filter((r) => r.state !== 'fulfilled').map((r) => String(r.error)), [], 'twelve renders of one affinity end');
          assert.strictEqual(modules, 12, 'each with its module');
        } else {
          const stuck = watch(render('self'));
          await turns(20);
          assert.strictEqual(stuck.state, 'pending', 'as the warning says, it is not prevented');
          controller.abort('timed out');
          await stuck.settled;
          assert.ok(lib.isPrerenderCancellation(stuck.error), 'but it can be cancelled');
          assert.ok((await kit().visit(pool, 'self')).page, 'and the pool goes on');
        }
      });
    }

    QUnit.test(`${kind} pool, two tenants at once`, async (assert) => {
      const semaphore = new lib.AsyncSemaphore(3);
      const { pool } = await kit().warm({ ...options(5), renderSemaphore: semaphore });
      const render = async (key) => {
        const file = await pool.getPage(key, 'file');
        const module = await pool.getPage(key, 'module', { priority: 1 });
        module.release();
        file.release();
      };
      const single = await watch(render('a')).settled.then(() => 'done');
      assert.strictEqual(single, 'done', 'one alone');
      const both = ['a', 'b'].map((key) => watch(render(key)));
      await Promise.all(both.map((r) => r.settled));
      assert.ok(both.every((r) => r.state === 'fulfilled'), 'both end');
    });
  }
});
