'use strict';

const { bounded, contract, ledger, row, turns, until } = require('./helpers/harness.js');

const gone =
  (...pages) =>
  ({ target, next }) =>
    pages.includes(target) ? Promise.reject(new Error('Session closed')) : next();
const silent =
  (...pages) =>
  ({ target, next }) =>
    pages.includes(target) ? new Promise(() => {}) : next();

/** Several idle tabs of one affinity, in the order in which they will be chosen. */
async function tabs(t, pool, count) {
  const clock = t.clock(Date.now());
  const leases = [];
  for (let i = 0; i < count; i++) {
    clock.now += 10;
    leases.push(await t.get(pool, 'a', 'module'));
  }
  for (const lease of leases) {
    clock.now += 10;
    lease.release();
  }
  clock.now += 10;
  return leases;
}

contract('SPEC 8: liveness', (test) => {
  test('a tab that has served is asked, a standby is not', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    const a = await t.visit(pool, 'a');
    assert.strictEqual(browser.count('evaluate'), 0, 'SPEC 4.5: a standby has served no render');
    await t.visit(pool, 'a');
    assert.strictEqual(browser.count('evaluate'), 1, 'SPEC 8: a reused tab must answer');
    assert.strictEqual(browser.of('evaluate')[0].target, a.page, 'SPEC 8: its page');
    assert.strictEqual(
      typeof browser.of('evaluate')[0].args[0],
      'function',
      'SPEC 12: fn is a real function',
    );
  });

  test('tabHealthProbeMs: 0 is off', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, tabHealthProbeMs: 0 });
    const a = await t.visit(pool, 'a');
    browser.on.evaluate = gone(a.page);
    assert.strictEqual((await t.visit(pool, 'a')).pageId, a.pageId, 'SPEC 3: 0 = off');
    assert.strictEqual(browser.count('evaluate'), 0, 'SPEC 3: it is not asked');
  });

  test('one that does not answer, or fails, is replaced by a standby', async (assert, t) => {
    for (const [what, how] of [
      ['fails', gone],
      ['does not answer', silent],
      [
        'throws',
        () => () => {
          throw new Error('sync');
        },
      ],
    ]) {
      const { pool, browser } = await t.warm({ maxPages: 2, tabHealthProbeMs: 50 });
      const a = await t.visit(pool, 'acme');
      await pool.warmStandbys();
      browser.on.evaluate = how(a.page);
      t.log.length = 0;
      const again = await t.get(pool, 'acme');
      assert.notStrictEqual(again.pageId, a.pageId, `SPEC 8: one that ${what} is retired`);
      assert.strictEqual(again.reused, false, 'SPEC 8: a standby instead');
      assert.deepEqual(pool.getUnresponsiveTabSwaps(), { acme: 1 }, 'SPEC 8: counted');
      assert.true(
        t.lines('warn').some((line) => line.includes(a.pageId) && line.includes('acme')),
        'SPEC 10: the warning names affinity and pageId',
      );
      await until(() => a.page.closeCalls === 1, 'SPEC 8: its page is closed');
    }
  });

  test('the only tab goes through disposal, its context retained', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    const a = await t.visit(pool, 'a');
    await pool.warmStandbys();
    browser.on.evaluate = gone(a.page);
    const again = await t.get(pool, 'a');
    await until(() => a.page.closeCalls === 1, 'its page is closed');
    await turns();
    assert.strictEqual(pool.getSharedContextSnapshot().entries.length, 1, 'SPEC 6: one row for the affinity');
    assert.strictEqual(row(pool, 'a').tabCount, 1, 'one tab');
    assert.strictEqual(a.page.browserContext().closed, false, 'SPEC 8: the context is retained');
    again.release();
    await pool.disposeAffinity('a');
    for (const lease of [a, again])
      assert.strictEqual(
        lease.page.browserContext().closeCalls,
        1,
        'SPEC 6: then every context is closed, once',
      );
  });

  test('beside another live tab it is retired alone', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 4 });
    const [one, two] = await tabs(t, pool, 2);
    const disposed = t.fetches.length;
    browser.on.evaluate = gone(one.page);
    const lease = await t.get(pool, 'a');
    assert.strictEqual(lease.pageId, two.pageId, 'SPEC 8: another live tab of the affinity');
    assert.strictEqual(lease.reused, true, 'SPEC 4a: reused');
    await until(() => one.page.closeCalls === 1, 'SPEC 8: retired alone');
    await turns();
    assert.strictEqual(t.fetches.length, disposed, 'SPEC 10: the affinity has not lost its last tab');
    assert.strictEqual(ledger(pool, 'a').pageCount, 0, 'SPEC 6: the primary without a page stays');
  });

  test('three choices in all, then a warning', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 6 });
    const all = await tabs(t, pool, 5);
    browser.on.evaluate = gone(...all.map((lease) => lease.page));
    t.log.length = 0;
    const lease = await t.get(pool, 'a');
    assert.strictEqual(lease.pageId, all[2].pageId, 'SPEC 4.5: three times in all, the third is handed over');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 2 }, 'SPEC 8: two retirements');
    assert.true(
      t.lines('warn').some((line) => line.includes(all[2].pageId)),
      'SPEC 8: with a warning',
    );
  });

  test('nothing else to be had: handed over with a warning', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1, disableStandbyRefill: true });
    const a = await t.visit(pool, 'a');
    browser.on.evaluate = gone(a.page);
    t.log.length = 0;
    const again = await t.get(pool, 'a');
    assert.strictEqual(again.pageId, a.pageId, 'SPEC 8: handed over');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'SPEC 8: no retirement');
    assert.true(
      t.lines('warn').some((line) => line.includes(a.pageId)),
      'SPEC 8: with a warning',
    );
  });

  test('room to expand for this priority is something else', async (assert, t) => {
    const { pool, browser } = await t.dynamic({
      env: { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '3' },
    });
    const a = await t.visit(pool, 'a');
    browser.on.evaluate = gone(a.page);
    const again = await t.get(pool, 'a');
    assert.notStrictEqual(again.pageId, a.pageId, 'SPEC 8: the tab is retired');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 1 }, 'SPEC 8: counted');
  });

  test('a waiter that wins a tab probes it, too', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    const hold = await t.get(pool, 'a', 'module');
    await pool.warmStandbys();
    const waiter = t.ask(pool, 'a', 'module');
    await turns();
    browser.on.evaluate = gone(hold.page);
    hold.release();
    assert.notStrictEqual((await waiter.lease()).pageId, hold.pageId, 'SPEC 4.5: after winning a tab');
  });

  test('waiters of a retired tab choose again', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    const a = await t.visit(pool, 'a', 'module');
    await pool.warmStandbys();
    const gate = t.gate();
    browser.on.evaluate = ({ target, next }) => (target === a.page ? gate.promise.then(next) : next());
    const first = t.ask(pool, 'a', 'module');
    const second = t.ask(pool, 'a', 'module');
    await until(() => browser.count('evaluate') === 1, 'the probe');
    gate.fail(new Error('gone'));
    const lease = await first.lease();
    assert.notStrictEqual(lease.pageId, a.pageId, 'SPEC 8: retired');
    lease.release();
    assert.notStrictEqual(
      (await bounded(second.lease(), 'second')).pageId,
      a.pageId,
      'SPEC 7: they choose again',
    );
  });
});
