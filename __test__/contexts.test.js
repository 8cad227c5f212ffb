'use strict';

const { lib, poolModule } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { turns, until } = require('./helpers/wait.js');

const entries = (pool) => pool.getSharedContextSnapshot().entries;
const row = (pool, key) => entries(pool).find((e) => e.affinityKey === key);
const retire = (pool, key) => pool.disposeAffinity(key, { retainSharedContext: true });

poolModule('the ledger of shared contexts', (kit) => {
  QUnit.test('the first tab of an affinity registers the primary', async (assert) => {
    const { pool } = await kit().warm();
    assert.deepEqual(entries(pool), [], 'standbys are in nobody’s row');
    const before = Date.now();
    await kit().visit(pool, 'a');
    const [entry] = entries(pool);
    assert.deepEqual(Object.keys(entry).sort(), ['affinityKey', 'closing', 'lastUsedAt', 'pageCount'], 'the fields of a row');
    assert.strictEqual(entry.affinityKey, 'a', 'its affinity');
    assert.strictEqual(entry.pageCount, 1, 'one page');
    assert.strictEqual(entry.closing, false, 'not closing');
    assert.ok(entry.lastUsedAt >= before && entry.lastUsedAt <= Date.now(), 'used just now');
  });

  QUnit.test('a tab that joins is supplementary and changes nothing in the ledger', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    await kit().take(pool, 'a', 'module');
    await kit().take(pool, 'a', 'module');
    assert.strictEqual(entries(pool).length, 1, 'one row');
    assert.strictEqual(row(pool, 'a').pageCount, 1, 'one page in the primary');
  });

  QUnit.test('disposal closes the primary and every supplementary context once', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    const tabs = [await kit().take(pool, 'a', 'module'), await kit().take(pool, 'a', 'module'), await kit().take(pool, 'a', 'command')];
    tabs.forEach((t) => t.release());
    await pool.disposeAffinity('a');
    assert.deepEqual(tabs.map((t) => t.page.context.closeCalls), [1, 1, 1], 'each once');
    assert.deepEqual(entries(pool), [], 'no row');
    assert.strictEqual(fake.violations.length, 0, 'nothing else');
  });

  QUnit.test('retainSharedContext keeps the primary as an orphan and closes the supplementary', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    const first = await kit().take(pool, 'a', 'module');
    const second = await kit().take(pool, 'a', 'module');
    first.release();
    second.release();
    await retire(pool, 'a');
    assert.strictEqual(first.page.closeCalls, 1, 'the page in the primary is closed');
    assert.strictEqual(first.page.context.closeCalls, 0, 'the primary stays');
    assert.strictEqual(second.page.context.closeCalls, 1, 'the supplementary context is closed');
    assert.deepEqual([row(pool, 'a').pageCount, row(pool, 'a').closing], [0, false], 'an orphan');
    assert.deepEqual(pool.getWarmAffinities(), [], 'which is not warm');
  });

  QUnit.test('pageCount goes down whatever page.close() does', async (assert) => {
    for (const result of [() => Promise.reject(new Error('close failed')), () => {
      throw new Error('close threw');
    }]) {
      const { pool, fake } = await kit().warm();
      fake.rule('pageClose', result);
      await kit().visit(pool, 'a');
      await retire(pool, 'a');
      assert.strictEqual(row(pool, 'a').pageCount, 0, 'an orphan all the same');
    }
  });

  QUnit.test('pageCount goes down though page.close() never settles', async (assert) => {
    const { pool, fake } = await kit().warm({ closeTimeoutMs: 50 });
    fake.rule('pageClose', () => NEVER);
    await kit().visit(pool, 'a');
    await retire(pool, 'a');
    assert.strictEqual(row(pool, 'a')?.pageCount ?? 0, 0, 'no page in it');
  });

  QUnit.test('the next visit opens a page in the orphan, which becomes the primary again', async (assert) => {
    const { pool } = await kit().warm();
    const first = await kit().visit(pool, 'a');
    await retire(pool, 'a');
    const second = await kit().visit(pool, 'a');
    assert.strictEqual(second.page.context, first.page.context, 'its HTTP cache and localStorage are found again');
    assert.notStrictEqual(second.pageId, first.pageId, 'a new page');
    assert.strictEqual(row(pool, 'a').pageCount, 1, 'one page');
    assert.strictEqual(entries(pool).length, 1, 'one row');
  });

  QUnit.test('an orphan whose page cannot be opened is closed, and the caller goes on', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const first = await kit().visit(pool, 'a');
    await retire(pool, 'a');
    await pool.warmStandbys();
    const orphan = first.page.context;
    fake.rule('newPage', () => Promise.reject(new Error('Target closed')), ({ context }) => context === orphan);
    const second = await kit().visit(pool, 'a');
    assert.notStrictEqual(second.page.context, orphan, 'served elsewhere');
    await until(() => orphan.closeCalls === 1, 'the orphan is closed');
    assert.strictEqual(row(pool, 'a').pageCount, 1, 'the new context is the primary');
  });

  for (const [step, result] of [['goto', () => Promise.resolve({ status: () => 503 })], ['waitForFunction', () => Promise.reject(new Error('no'))], ['browserContext', () => ({})]]) {
    QUnit.test(`an orphan in which ${step} fails is closed, and the caller goes on`, async (assert) => {
      const { pool, fake } = await kit().warm({ maxPages: 2 });
      const first = await kit().visit(pool, 'a');
      await retire(pool, 'a');
      await pool.warmStandbys();
      const orphan = first.page.context;
      fake.rule(step, result, ({ page }) => page.context === orphan);
      const second = await kit().visit(pool, 'a');
      assert.notStrictEqual(second.page.context, orphan, 'served elsewhere');
      await until(() => orphan.closeCalls === 1, 'the orphan is closed');
    });
  }

  QUnit.test('an orphan whose page never opens is given up after the budget', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2, standbyTimeoutMs: 60 });
    const first = await kit().visit(pool, 'a');
    await retire(pool, 'a');
    await pool.warmStandbys();
    const orphan = first.page.context;
    fake.rule('newPage', () => NEVER, ({ context }) => context === orphan);
    const second = await kit().visit(pool, 'a');
    assert.notStrictEqual(second.page.context, orphan, 'served elsewhere');
    await until(() => orphan.closeCalls === 1, 'the orphan is closed');
  });

  QUnit.test('opening a page in an orphan makes a standby give way where there is no slot', async (assert) => {
    const { pool, fake } = await kit().warm();
    const first = await kit().visit(pool, 'a');
    await retire(pool, 'a');
    await pool.warmStandbys();
    await kit().take(pool, 'b');
    await pool.warmStandbys();
    assert.strictEqual(fake.taken.length, 2, 'b and a standby fill the pool');
    const again = await kit().take(pool, 'a');
    assert.strictEqual(again.page.context, first.page.context, 'opened in the orphan');
    assert.ok(fake.maxTaken <= 2, `never more than current + 1: ${fake.maxTaken}`);
  });

  QUnit.test('a second caller does not open a second page in the same orphan', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    const first = await kit().visit(pool, 'a');
    await retire(pool, 'a');
    await pool.warmStandbys();
    const orphan = first.page.context;
    const gate = fake.gate('newPage', ({ context }) => context === orphan);
    const one = kit().ask(pool, 'a', 'module');
    const two = kit().ask(pool, 'a', 'module');
    await two.settled;
    assert.notStrictEqual(two.value.page.context, orphan, 'the second took a standby');
    gate.open();
    await one.settled;
    assert.strictEqual(one.value.page.context, orphan, 'the first has the orphan');
    assert.strictEqual(orphan.pages.length, 2, 'one page each time');
  });
});

poolModule('the cap of shared contexts', (kit) => {
  QUnit.test('beyond the cap the oldest is closed', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, env: { PRERENDER_SHARED_CONTEXT_CAP: '2' } });
    const contexts = {};
    for (const key of ['a', 'b', 'c']) {
      contexts[key] = (await kit().visit(pool, key)).page.context;
      const mark = Date.now();
      await until(() => Date.now() > mark, 'the clock moves');
      await retire(pool, key);
    }
    await until(() => contexts.a.closeCalls === 1, 'the oldest orphan is closed');
    assert.deepEqual([contexts.b.closeCalls, contexts.c.closeCalls], [0, 0], 'the younger stay');
    assert.deepEqual(entries(pool).filter((e) => !e.closing).map((e) => e.affinityKey).sort(), ['b', 'c'], 'two rows');
  });

  QUnit.test('it bounds all rows, those in use included', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_SHARED_CONTEXT_CAP: '2' } });
    for (const key of ['a', 'b']) {
      await kit().visit(pool, key);
      await retire(pool, key);
    }
    assert.deepEqual(entries(pool).map((e) => e.affinityKey), ['a', 'b'], 'two orphans, as many as there may be');
    await kit().take(pool, 'c');
    assert.deepEqual(entries(pool).filter((e) => !e.closing).map((e) => e.affinityKey), ['b', 'c'], 'one in use counts: the oldest orphan goes');
    await kit().take(pool, 'd');
    assert.deepEqual(entries(pool).filter((e) => !e.closing).map((e) => e.affinityKey), ['c', 'd'], 'and the next');
    await kit().take(pool, 'e');
    assert.deepEqual(entries(pool).filter((e) => !e.closing).map((e) => e.affinityKey), ['c', 'd', 'e'], 'SPEC 6: a context in use never is closed');
  });

  QUnit.test('a context in use is never closed for the cap', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 4, env: { PRERENDER_SHARED_CONTEXT_CAP: '1' } });
    const leases = [];
    for (const key of ['a', 'b', 'c']) {
      leases.push(await kit().take(pool, key));
    }
    assert.strictEqual(entries(pool).length, 3, 'three rows over a cap of one');
    assert.deepEqual(leases.map((l) => l.page.context.closeCalls), [0, 0, 0], 'none closed');
    for (const key of ['d', 'e']) {
      await kit().visit(pool, key);
      await retire(pool, key);
    }
    await until(() => entries(pool).filter((e) => e.pageCount === 0 && !e.closing).length <= 1, 'the orphan beyond the cap goes');
    assert.deepEqual(leases.map((l) => l.page.context.closeCalls), [0, 0, 0], 'those in use still stay');
  });

  QUnit.test('orphans take no slot', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1, env: { PRERENDER_SHARED_CONTEXT_CAP: '5' } });
    for (const key of ['a', 'b', 'c', 'd']) {
      await kit().visit(pool, key);
      await retire(pool, key);
      await pool.warmStandbys();
    }
    assert.strictEqual(entries(pool).length, 4, 'four orphans');
    assert.strictEqual(fake.taken.length, 1, 'and a standby: the pool is as warm as ever');
  });

  QUnit.test('an orphan that hangs in close takes no slot and stops nobody', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1, closeTimeoutMs: 50, env: { PRERENDER_SHARED_CONTEXT_CAP: '1' } });
    const gate = fake.gate('contextClose');
    for (let i = 0; i < 6; i++) {
      await kit().visit(pool, `t${i}`);
      await retire(pool, `t${i}`);
      await pool.warmStandbys();
      await turns();
    }
    assert.ok(gate.count >= 5, `${gate.count} orphans hang in close`);
    assert.ok((await kit().visit(pool, 'next')).page, 'the pool goes on');
    gate.open();
  });
});

poolModule('making room', (kit) => {
  QUnit.test('disposes of pages and context, and keeps nothing as an orphan', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    for (const key of ['b', 'c']) {
      await kit().visit(pool, key);
      await pool.warmStandbys();
    }
    assert.strictEqual(row(pool, 'a'), undefined, 'SPEC 5: no row is left of it');
    assert.strictEqual(a.page.context.closeCalls, 1, 'its context is closed');
    const gate = fake.gate('newPage');
    const again = await kit().take(pool, 'a');
    assert.strictEqual(again.waits.tabStartupMs, 0, 'SPEC 5: its next visit takes a ready standby at once');
    assert.notStrictEqual(again.page.context, a.page.context, 'in a context of its own');
    gate.open();
  });

  QUnit.test('contraction does the same', async (assert) => {
    const env = { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '3', PRERENDER_PAGE_POOL_INITIAL: '3', PRERENDER_POOL_IDLE_CONTRACTION_MS: '20' };
    const { pool, fake } = await kit().warm({ env, contractionTickMs: 5, renderSemaphore: new lib.AsyncSemaphore(3) });
    for (const key of ['a', 'b', 'c']) {
      await kit().visit(pool, key);
    }
    await until(() => pool.currentMaxPages === 1, 'down to the minimum');
    await until(() => fake.alive.length <= 2, 'what it closes is closed');
    assert.deepEqual(entries(pool).filter((e) => e.pageCount === 0), [], 'SPEC 5: no orphan');
  });

  QUnit.test('an orphan comes from a disposal that asks for one, and from a tab that does not answer', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3, tabHealthProbeMs: 250 });
    await kit().visit(pool, 'asked');
    await retire(pool, 'asked');
    const stuck = await kit().visit(pool, 'stuck');
    fake.rule('evaluate', () => NEVER, ({ page }) => page === stuck.page);
    const next = await kit().visit(pool, 'stuck');
    assert.notStrictEqual(next.page, stuck.page, 'it was retired');
    assert.deepEqual(entries(pool).map((e) => [e.affinityKey, e.pageCount, e.closing]), [['asked', 0, false], ['stuck', 0, false]], 'both are kept');
  });
});

poolModule('rows and the contexts they are of', (kit) => {
  QUnit.test('a row that was replaced meanwhile is left alone', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    const old = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', ({ context }) => context === old.page.context);
    const pageGate = fake.gate('pageClose', ({ page }) => page === old.page);
    const done = pool.disposeAffinity('a');
    const fresh = await kit().take(pool, 'a');
    assert.notStrictEqual(fresh.page.context, old.page.context, 'a clean start while the old one closes');
    assert.strictEqual(entries(pool).filter((e) => e.affinityKey === 'a' && !e.closing).length, 1, 'one live row');
    gate.open();
    pageGate.open();
    await done;
    assert.deepEqual([row(pool, 'a').pageCount, row(pool, 'a').closing], [1, false], 'the end of the old teardown did not touch the new row');
    assert.strictEqual(fresh.page.context.closeCalls, 0, 'nor its context');
  });

  QUnit.test('retirement of one tab of several touches only its own context', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3, tabHealthProbeMs: 250 });
    const first = await kit().take(pool, 'a', 'module');
    const second = await kit().take(pool, 'a', 'module');
    first.release();
    second.release();
    fake.rule('evaluate', () => Promise.reject(new Error('gone')), ({ page }) => page === second.page);
    fake.rule('evaluate', () => Promise.reject(new Error('gone')), ({ page }) => page === first.page);
    const third = await kit().take(pool, 'a', 'module');
    assert.ok(third.page, 'served');
    assert.ok(row(pool, 'a').pageCount <= 1, 'the count of the primary is right');
  });

  QUnit.test('no shared-context invariant is ever reported', async (assert) => {
    const { pool, logs } = await kit().warm({ maxPages: 2 });
    for (let i = 0; i < 6; i++) {
      await kit().visit(pool, `t${i % 3}`);
      await pool.disposeAffinity(`t${i % 3}`, { retainSharedContext: i % 2 === 0 });
    }
    await turns();
    assert.deepEqual(logs.lines.filter((l) => /Shared-context invariant/.test(l.text)), [], 'never');
  });
});
