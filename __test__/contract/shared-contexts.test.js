'use strict';

const { bounded, contract, ledger, row, turns, until } = require('./helpers/harness.js');

const CAP = (n) => ({ PRERENDER_SHARED_CONTEXT_CAP: String(n) });
const keys = (pool) => pool.getSharedContextSnapshot().entries.map((entry) => entry.affinityKey);

contract('SPEC 6: the ledger', (test) => {
  test('the exact shape of its snapshot', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 3 });
    assert.deepEqual(
      pool.getSharedContextSnapshot(),
      { cap: 6, entries: [] },
      'SPEC 6: standbys have no row',
    );
    clock.now += 5;
    const used = clock.now;
    const lease = await t.get(pool, 'a');
    const snapshot = pool.getSharedContextSnapshot();
    assert.deepEqual(
      snapshot,
      { cap: 6, entries: [{ affinityKey: 'a', pageCount: 1, lastUsedAt: used, closing: false }] },
      'SPEC 6: the first tab registers its context as the primary with pageCount 1',
    );
    assert.strictEqual(Object.getPrototypeOf(snapshot), Object.prototype, 'SPEC 13: a plain object');
    assert.true(Array.isArray(snapshot.entries), 'SPEC 13: a plain array');
    lease.release();
  });

  test('a supplementary tab does not change it', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 4 });
    const one = await t.get(pool, 'a');
    const two = await t.get(pool, 'a');
    assert.notStrictEqual(one.page.browserContext(), two.page.browserContext(), 'a context of its own');
    assert.strictEqual(ledger(pool, 'a').pageCount, 1, 'SPEC 6: the ledger does not change');
    assert.strictEqual(row(pool, 'a').tabCount, 2, 'two tabs');
    one.release();
    two.release();
    await pool.disposeAffinity('a');
    for (const [lease, what] of [
      [one, 'the primary'],
      [two, 'the supplementary tab closes its context'],
    ])
      assert.strictEqual(lease.page.browserContext().closeCalls, 1, `SPEC 6: ${what}: once`);
    assert.deepEqual(keys(pool), [], 'SPEC 6: no row');
  });

  test('a supplementary tab that is retired closes its own context only', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 4 });
    const one = await t.get(pool, 'a');
    const two = await t.get(pool, 'a');
    browser.on.evaluate = ({ target, next }) =>
      target === two.page ? Promise.reject(new Error('gone')) : next();
    two.release();
    one.release();
    const first = await t.get(pool, 'a');
    const second = await t.get(pool, 'a');
    assert.false([first.pageId, second.pageId].includes(two.pageId), 'SPEC 8: it is retired');
    await until(() => two.page.browserContext().closed, 'SPEC 6: a supplementary tab closes its context');
    assert.strictEqual(ledger(pool, 'a').pageCount, 1, 'SPEC 6: the row of the primary is left alone');
    assert.false(one.page.browserContext().closed, 'SPEC 6: and its context');
  });

  test('at 0 the context stays as an orphan, whatever page.close() does', async (assert, t) => {
    const ways = {
      resolves: ({ next }) => next(),
      rejects: () => Promise.reject(new Error('Target closed')),
      throws: () => {
        throw new Error('sync');
      },
      'gives a plain value': () => 5,
    };
    for (const [what, how] of Object.entries(ways)) {
      const { pool, browser } = await t.warm({ maxPages: 2 });
      const a = await t.visit(pool, 'a');
      browser.on.closePage = how;
      await bounded(pool.disposeAffinity('a', { retainSharedContext: true }), `page.close() ${what}`);
      assert.strictEqual(a.page.closeCalls, 1, `SPEC 6: closing a tab closes the page (${what})`);
      assert.deepEqual(
        { ...ledger(pool, 'a'), lastUsedAt: 0 },
        { affinityKey: 'a', pageCount: 0, lastUsedAt: 0, closing: false },
        `SPEC 6: at 0 the context stays as an orphan (page.close() ${what})`,
      );
      assert.false(a.page.browserContext().closed, `SPEC 6: it is open (${what})`);
    }
  });

  test('orphans above the cap are closed, oldest first', async (assert, t) => {
    const clock = t.clock();
    const { pool, browser } = await t.warm({ maxPages: 2, env: CAP(2) });
    const contexts = {};
    for (const key of ['a', 'b', 'c']) {
      clock.now += 1000;
      contexts[key] = (await t.visit(pool, key)).page.browserContext();
      clock.now += 1000;
      await pool.disposeAffinity(key, { retainSharedContext: true });
    }
    await until(() => contexts.a.closed, 'SPEC 6: the oldest orphan is closed');
    assert.deepEqual(keys(pool).sort(), ['b', 'c'], 'SPEC 6: as many rows as the cap');
    assert.deepEqual([contexts.b.closed, contexts.c.closed], [false, false], 'SPEC 6: no other');
    assert.strictEqual(contexts.a.closeCalls, 1, 'SPEC 6: exactly once');
    assert.true(browser.contexts.every((context) => context.closeCalls <= 1));
  });

  test('the cap bounds all rows, those in use included', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 4, env: CAP(2) });
    clock.now += 1000;
    const a = await t.visit(pool, 'a');
    clock.now += 1000;
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await t.get(pool, 'b');
    clock.now += 1000;
    assert.deepEqual(keys(pool).sort(), ['a', 'b'], 'two rows, one in use');
    await t.get(pool, 'c');
    await until(() => a.page.browserContext().closed, 'SPEC 6: an orphan goes for a row in use');
    assert.deepEqual(keys(pool).sort(), ['b', 'c'], 'SPEC 6: the cap bounds all rows');
    const d = await t.get(pool, 'd');
    await turns();
    assert.deepEqual(keys(pool).sort(), ['b', 'c', 'd'], 'SPEC 6: a context in use never is closed');
    d.release();
    await pool.disposeAffinity('d', { retainSharedContext: true });
    await until(() => d.page.browserContext().closed, 'SPEC 6: an orphan above the cap goes at once');
    assert.deepEqual(keys(pool).sort(), ['b', 'c'], 'SPEC 6: back to the cap');
  });

  test('a visit of the orphan makes it live again', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 2 });
    const a = await t.visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    clock.now += 1000;
    const again = await t.get(pool, 'a');
    assert.strictEqual(
      again.page.browserContext(),
      a.page.browserContext(),
      'SPEC 1: so that the next visit finds it',
    );
    assert.strictEqual(ledger(pool, 'a').pageCount, 1, 'SPEC 6: pageCount');
    again.release();
    await pool.disposeAffinity('a');
    assert.true(a.page.browserContext().closed, 'SPEC 7: a plain disposal closes it');
    assert.strictEqual(a.page.browserContext().closeCalls, 1, 'SPEC 6: exactly once');
  });

  test('disposing of an orphan alone closes it', async (assert, t) => {
    const disposed = [];
    const { pool } = await t.warm({ maxPages: 2, onAffinityDisposed: (key) => disposed.push(key) });
    const a = await t.visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.disposeAffinity('a');
    assert.true(a.page.browserContext().closed, 'SPEC 7: its context is closed when it resolves');
    assert.strictEqual(ledger(pool, 'a'), undefined, 'SPEC 13: the row is gone');
  });

  test('a closing tab touches only the row of its own context', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const first = await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ target, next }) => (target === first.page ? gate.promise.then(next) : next());
    const gone = pool.disposeAffinity('a');
    const second = await t.get(pool, 'a');
    assert.notStrictEqual(
      second.page.browserContext(),
      first.page.browserContext(),
      'SPEC 7: a fresh context',
    );
    gate.open();
    await gone;
    assert.deepEqual(
      { ...ledger(pool, 'a'), lastUsedAt: 0 },
      { affinityKey: 'a', pageCount: 1, lastUsedAt: 0, closing: false },
      'SPEC 6: a row that was replaced meanwhile is left alone',
    );
    assert.false(second.page.browserContext().closed, 'SPEC 6: and its context');
    assert.true(first.page.browserContext().closed, 'the old one is closed');
    assert.strictEqual(first.page.browserContext().closeCalls, 1, 'SPEC 6: exactly once');
  });

  test('closing is shown in the snapshot', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ next }) => gate.promise.then(next);
    const gone = pool.disposeAffinity('a');
    const entry = ledger(pool, 'a');
    assert.strictEqual(entry?.closing, true, 'SPEC 7: its primary is marked closing at the call');
    gate.open();
    await gone;
    assert.strictEqual(ledger(pool, 'a'), undefined, 'SPEC 13: the row is gone when it resolves');
  });

  test('each context is closed exactly once, through many visits', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, env: CAP(3) });
    for (let i = 0; i < 40; i++) {
      const key = `k${(i * 7) % 5}`;
      await t.visit(pool, key);
      if (i % 3 === 0) await pool.disposeAffinity(key, { retainSharedContext: i % 2 === 0 });
      if (i % 5 === 0) pool.disposeAffinity(`k${i % 4}`, { awaitIdle: false });
    }
    await pool.closeAll();
    assert.deepEqual(
      browser.contexts.filter((context) => context.closeCalls !== 1).map((context) => context.number),
      [],
      'SPEC 6: each context is closed exactly once',
    );
    assert.false(
      t.log.some((line) => line.text.includes('Shared-context invariant violated')),
      'SPEC 6: always 0',
    );
    assert.deepEqual(pool.getSharedContextSnapshot().entries, [], 'SPEC 7: nothing is left');
  });
});
