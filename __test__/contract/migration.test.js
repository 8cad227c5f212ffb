'use strict';

const { contract, ledger, row, turns, until } = require('./helpers/harness.js');

const NO_REFILL = { maxPages: 1, disableStandbyRefill: true };

contract('SPEC 4: migration', (test) => {
  test('an idle tab moves at once, with its pageId and its context', async (assert, t) => {
    const { pool, browser } = await t.warm(NO_REFILL);
    const a = await t.visit(pool, 'a');
    const b = await t.get(pool, 'b');
    assert.strictEqual(b.pageId, a.pageId, 'SPEC 4: migration moves a tab and its pageId');
    assert.strictEqual(b.page, a.page, 'SPEC 4: the same page');
    assert.strictEqual(browser.contexts.length, 1, 'SPEC 4: and its context');
    assert.deepEqual(pool.getWarmAffinities(), ['b'], 'SPEC 4: the donor has no tab any more');
    assert.strictEqual(row(pool, 'a'), undefined, 'the donor has no row');
    assert.strictEqual(ledger(pool, 'a'), undefined, 'SPEC 6: its row goes away at 0');
    assert.strictEqual(ledger(pool, 'b').pageCount, 1, 'SPEC 6: the receiver registers it');
    assert.strictEqual(browser.count('closeContext'), 0, 'nothing is closed');
  });

  test('is logged as a warning with both affinities', async (assert, t) => {
    const { pool } = await t.warm(NO_REFILL);
    await t.visit(pool, 'donor-key');
    t.log.length = 0;
    await t.visit(pool, 'receiver-key');
    assert.true(
      t.lines('warn').some((line) => line.includes('donor-key') && line.includes('receiver-key')),
      'SPEC 4: a warning with both affinities',
    );
  });

  test('queues on a tab with its holder pending, and on none that is promised', async (assert, t) => {
    const { pool } = await t.warm(NO_REFILL);
    const a = await t.get(pool, 'a');
    const b = t.ask(pool, 'b');
    await turns();
    assert.strictEqual(b.state, 'pending', "SPEC 4d: it queues on another affinity's tab");
    const c = await t.ask(pool, 'c').end();
    assert.strictEqual(c.error?.code, 'STANDBY_UNAVAILABLE', 'SPEC 4e: none is left that is not promised');
    assert.strictEqual(c.error?.message, 'No standby page available for prerender', 'SPEC 4e: the message');
    a.release();
    const lease = await b.lease();
    assert.strictEqual(lease.pageId, a.pageId, 'SPEC 4: it moves when it is free');
    assert.deepEqual(pool.getWarmAffinities(), ['b'], 'SPEC 4: to the new affinity');
  });

  test('a second newcomer queues behind the first', async (assert, t) => {
    const { pool } = await t.warm(NO_REFILL);
    const a = await t.visit(pool, 'a');
    const b = t.ask(pool, 'b');
    const c = t.ask(pool, 'c');
    const first = await b.lease();
    assert.strictEqual(first.pageId, a.pageId, 'SPEC 4: an idle tab moves at once');
    await turns();
    assert.strictEqual(c.state, 'pending', 'SPEC 4: a second newcomer queues behind the first');
    first.release();
    assert.strictEqual((await c.lease()).pageId, a.pageId, 'SPEC 4: and gets it next');
  });

  test('never a tab that is closing', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1, disableStandbyRefill: true });
    await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ next }) => gate.promise.then(next);
    browser.on.closeContext = ({ next }) => gate.promise.then(next);
    const gone = pool.disposeAffinity('a');
    const b = t.ask(pool, 'b');
    await turns();
    if (b.state === 'fulfilled')
      assert.notStrictEqual(b.value.page, browser.pages[0], 'SPEC 4d: not a closing one');
    gate.open();
    await gone;
    await b.end();
    if (b.state === 'fulfilled')
      assert.notStrictEqual(b.value.page, browser.pages[0], 'SPEC 4d: not a closing one');
    else assert.strictEqual(b.error.code, 'STANDBY_UNAVAILABLE', 'SPEC 4e: or nothing can come');
  });

  test('does not happen where the pool may create a context', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    const pages = new Set();
    for (const key of ['a', 'b', 'c', 'd']) pages.add((await t.visit(pool, key)).page.browserContext());
    assert.strictEqual(pages.size, 4, 'SPEC 4: everywhere else each affinity has a fresh context');
    assert.true(browser.contexts.length >= 4);
    assert.false(
      t.lines('warn').some((line) => /migrat/i.test(line)),
      'SPEC 4: nothing migrates',
    );
  });

  test('happens with allowTabMigration where every slot is leased', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1, allowTabMigration: true });
    const a = await t.get(pool, 'a');
    await pool.warmStandbys();
    const b = await t.get(pool, 'b');
    const c = t.ask(pool, 'c');
    await turns();
    assert.strictEqual(c.state, 'pending', 'SPEC 4d: no room: it queues on another tab');
    a.release();
    b.release();
    const lease = await c.lease();
    assert.true([a.pageId, b.pageId].includes(lease.pageId), 'SPEC 4: with allowTabMigration a tab moves');
    assert.true(
      t.lines('warn').some((line) => line.includes('c')),
      'SPEC 4: it is logged',
    );
  });

  test('rows of the ledger: a supplementary tab that moves does not touch the primary', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, disableStandbyRefill: true });
    const clock = t.clock(Date.now());
    const one = await t.get(pool, 'a', 'module');
    clock.now += 10;
    const two = await t.get(pool, 'a', 'module');
    assert.strictEqual(
      ledger(pool, 'a').pageCount,
      1,
      'SPEC 6: a supplementary tab does not change the ledger',
    );
    two.release();
    clock.now += 10;
    const b = await t.get(pool, 'b');
    assert.strictEqual(b.pageId, two.pageId, 'the idle one moves');
    assert.strictEqual(
      ledger(pool, 'a').pageCount,
      1,
      "SPEC 6: the donor's row changes only for its primary",
    );
    assert.strictEqual(ledger(pool, 'b').pageCount, 1, 'SPEC 6: the receiver registers the context');
    one.release();
    b.release();
    await pool.disposeAffinity('b');
    assert.true(two.page.browserContext().closed, 'SPEC 6: as its primary, which closes with it');
    assert.false(one.page.browserContext().closed, 'SPEC 6: and no other');
  });

  test('the receiver that has a live primary keeps it', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, disableStandbyRefill: true, tabHealthProbeMs: 0 });
    const a = await t.visit(pool, 'a');
    const b = await t.get(pool, 'b', 'module');
    assert.notStrictEqual(a.pageId, b.pageId);
    const more = t.ask(pool, 'b', 'module');
    await turns();
    if (more.state === 'pending') {
      b.release();
      await more.lease();
    }
    assert.strictEqual(ledger(pool, 'b').pageCount, 1, 'SPEC 6: it registers it only without a live primary');
  });

  test('the moved tab is probed; a dead one is retired where there is something else', async (assert, t) => {
    const { pool, browser } = await t.warm(NO_REFILL);
    const a = await t.visit(pool, 'a');
    browser.on.evaluate = ({ target, next }) =>
      target === a.page ? Promise.reject(new Error('gone')) : next();
    const b = await t.ask(pool, 'b').end();
    assert.true(browser.count('evaluate') > 0, 'SPEC 8: a migrating tab must answer');
    if (b.state === 'fulfilled' && b.value.page === a.page)
      assert.true(
        t.lines('warn').length >= 2,
        'SPEC 8: handed over with a warning, when nothing else is to be had',
      );
    else await until(() => a.page.closed || a.page.browserContext().closed, 'SPEC 8: or retired');
  });

  test('a cancelled newcomer leaves the tab to its donor', async (assert, t) => {
    const { pool } = await t.warm(NO_REFILL);
    const a = await t.get(pool, 'a');
    const controller = new AbortController();
    const b = t.ask(pool, 'b', 'file', { signal: controller.signal });
    await turns();
    controller.abort();
    await b.end();
    a.release();
    assert.strictEqual((await t.visit(pool, 'a')).pageId, a.pageId, 'SPEC 4.1: the donor keeps its tab');
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'nothing moved');
    assert.strictEqual((await t.visit(pool, 'c')).pageId, a.pageId, 'and it is promised to nobody');
  });
});
