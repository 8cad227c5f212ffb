'use strict';

const {
  MANAGER,
  SERVER,
  bounded,
  contract,
  ledger,
  row,
  turns,
  until,
  Watched,
} = require('./helpers/harness.js');

const ONE_TAB = { PRERENDER_AFFINITY_TAB_MAX: '1' };

contract('SPEC 7: disposeAffinity', (test) => {
  test('nothing known of the key', async (assert, t) => {
    const disposed = [];
    const { pool, browser } = await t.warm({ onAffinityDisposed: (key) => disposed.push(key) });
    const calls = browser.calls.length;
    for (const awaitIdle of [true, false])
      assert.strictEqual(
        await pool.disposeAffinity('nobody', { awaitIdle }),
        undefined,
        'SPEC 7: resolves at once',
      );
    assert.deepEqual(disposed, [], 'SPEC 7: no callback');
    assert.deepEqual(t.fetches, [], 'and the manager is not told');
    assert.strictEqual(
      browser.count('closeContext'),
      0,
      `nothing is closed (${browser.calls.length - calls})`,
    );
  });

  test('the synchronous part', async (assert, t) => {
    for (const awaitIdle of [true, false]) {
      const { pool, browser } = await t.warm({ maxPages: 2, tabHealthProbeMs: 0 });
      const old = await t.visit(pool, 'a');
      const gate = t.gate();
      browser.on.closePage = ({ next }) => gate.promise.then(next);
      const gone = pool.disposeAffinity('a', { awaitIdle });
      assert.strictEqual(
        ledger(pool, 'a')?.closing,
        true,
        `SPEC 7: marked closing at the call, ${awaitIdle}`,
      );
      assert.deepEqual(
        pool.getWarmAffinities(),
        awaitIdle ? [] : ['a'],
        `SPEC 7: the warm list, awaitIdle ${awaitIdle}`,
      );
      const asked = t.ask(pool, 'a');
      await asked.lease();
      assert.notStrictEqual(asked.value.pageId, old.pageId, `SPEC 7: not chosen for new work, ${awaitIdle}`);
      assert.notStrictEqual(
        asked.value.page.browserContext(),
        old.page.browserContext(),
        `SPEC 7: starts clean on a fresh context, ${awaitIdle}`,
      );
      gate.open();
      await gone;
    }
  });

  test('closing tabs still count in tabCount, and key stays warm with awaitIdle: false', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ next }) => gate.promise.then(next);
    browser.on.closeContext = ({ next }) => gate.promise.then(next);
    await bounded(
      pool.disposeAffinity('a', { awaitIdle: false }),
      'SPEC 7: awaitIdle: false resolves at once',
    );
    assert.strictEqual(
      pool.getVacancySnapshot().a?.tabCount,
      1,
      'SPEC 10: closing tabs still count in tabCount',
    );
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'SPEC 7: the key is warm until the closes end');
    gate.open();
    await until(() => pool.getWarmAffinities().length === 0, 'SPEC 7: it leaves the warm list when they end');
    assert.strictEqual(pool.getVacancySnapshot().a, undefined, 'and the vacancy');
  });

  test('awaitIdle: true: close, tell the manager, call back, resolve', async (assert, t) => {
    const events = [];
    const { pool, browser } = await t.warm({
      maxPages: 2,
      onAffinityDisposed: (key) => events.push(`callback ${key}`),
    });
    await t.visit(pool, 'a');
    browser.on.closePage = ({ next }) => next().then(() => events.push('page'));
    browser.on.closeContext = ({ next }) => next().then(() => events.push('context'));
    globalThis.fetch = async (url, init) => {
      events.push(`${init.method} ${url}`);
      await turns(1);
      events.push('answered');
      return new Response(null, { status: 204 });
    };
    await pool.disposeAffinity('a').then(() => events.push('resolved'));
    assert.deepEqual(
      events.slice(-5),
      [
        'context',
        `DELETE ${MANAGER}/prerender-servers/affinities/a?url=${events.at(-4).split('url=')[1]}`,
        'answered',
        'callback a',
        'resolved',
      ],
      'SPEC 7: the order',
    );
  });

  test('awaitIdle: false: calls back before returning, tells the manager at the end', async (assert, t) => {
    const events = [];
    const { pool, browser } = await t.warm({
      maxPages: 2,
      onAffinityDisposed: (key) => events.push(`callback ${key}`),
    });
    await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ next }) => gate.promise.then(next);
    browser.on.closeContext = ({ next }) => gate.promise.then(next).then(() => events.push('closed'));
    globalThis.fetch = async () => {
      events.push('manager');
      return new Response(null, { status: 204 });
    };
    const promise = pool.disposeAffinity('a', { awaitIdle: false });
    events.push('returned');
    await promise;
    await turns();
    assert.deepEqual(events, ['callback a', 'returned'], 'SPEC 13: the callback before it returns');
    gate.open();
    await until(() => events.includes('manager'), 'the manager is told');
    assert.deepEqual(events.slice(2), ['closed', 'manager'], 'SPEC 7: when the teardown has ended');
  });

  test('a tab in use is closed after its release', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2 });
    const lease = await t.get(pool, 'a');
    const gone = new Watched(pool.disposeAffinity('a'), 'disposeAffinity');
    await turns();
    assert.strictEqual(gone.state, 'pending', 'SPEC 7: it waits for the lease');
    assert.strictEqual(lease.page.closeCalls, 0, 'SPEC 7: never closed under its holder');
    lease.release();
    await gone.end();
    assert.true(lease.page.browserContext().closed, 'SPEC 7: closed after its release');
    assert.true(lease.page.closeCalls <= 1, 'SPEC 6: once');
  });

  test('waiters queued on it choose again', async (assert, t) => {
    for (const awaitIdle of [true, false]) {
      const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
      const hold = await t.get(pool, 'a', 'module');
      const waiter = t.ask(pool, 'a', 'module');
      await turns();
      assert.strictEqual(waiter.state, 'pending');
      const gone = pool.disposeAffinity('a', { awaitIdle });
      const lease = await waiter.lease();
      assert.notStrictEqual(lease.pageId, hold.pageId, `SPEC 7: they choose again, awaitIdle ${awaitIdle}`);
      hold.release();
      await gone;
      assert.false(lease.page.closed, 'SPEC 7: the new tab is not part of the teardown');
    }
  });

  test('a held page that answers is closed leaseGraceMs later', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, leaseGraceMs: 60, closeTimeoutMs: 3000 });
    const lease = await t.get(pool, 'a');
    await bounded(pool.disposeAffinity('a'), 'SPEC 7: at most leaseGraceMs later');
    assert.true(lease.page.browserContext().closed, 'SPEC 7: it is closed under its holder');
    await t.visit(pool, 'a');
    const before = pool.getQueueDepthSnapshot();
    lease.release();
    assert.deepEqual(
      pool.getQueueDepthSnapshot(),
      before,
      "SPEC 7: the holder's release() does nothing any more",
    );
  });

  test('a held page that does not answer is ended after closeTimeoutMs', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, leaseGraceMs: 600_000, closeTimeoutMs: 60 });
    const lease = await t.get(pool, 'a');
    browser.on.evaluate = () => new Promise(() => {});
    await bounded(pool.disposeAffinity('a'), 'SPEC 7: a page that does not answer is ended at once');
    assert.true(lease.page.browserContext().closed, 'SPEC 7: its context is closed');
    browser.on = {};
    const b = await t.get(pool, 'b');
    const c = await t.get(pool, 'c');
    assert.true(
      [b, c].every((each) => !each.page.closed),
      'SPEC 7: its slot is free',
    );
    lease.release();
    assert.false(row(pool, 'b').idle, "SPEC 7: the holder's release() does nothing any more");
  });

  test('a held page that answers is left its grace', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2, leaseGraceMs: 600_000, closeTimeoutMs: 40 });
    const lease = await t.get(pool, 'a');
    const gone = new Watched(pool.disposeAffinity('a'), 'disposeAffinity');
    await until(() => browser.count('evaluate') > 0, 'SPEC 7: it is asked whether it answers');
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.strictEqual(
      gone.state,
      'pending',
      'SPEC 7: a page that answers is not ended after closeTimeoutMs',
    );
    assert.strictEqual(lease.page.closeCalls, 0, 'SPEC 7: nor closed');
    lease.release();
    await gone.end();
  });

  test('retainSharedContext keeps the primary as an orphan', async (assert, t) => {
    for (const awaitIdle of [true, false]) {
      const { pool } = await t.warm({ maxPages: 3 });
      const one = await t.get(pool, 'a');
      const two = await t.get(pool, 'a');
      one.release();
      two.release();
      await pool.disposeAffinity('a', { awaitIdle, retainSharedContext: true });
      await until(() => pool.getWarmAffinities().length === 0, 'its tabs are closed');
      assert.strictEqual(ledger(pool, 'a').pageCount, 0, `SPEC 7: an orphan, awaitIdle ${awaitIdle}`);
      assert.false(one.page.browserContext().closed, 'SPEC 7: the primary is kept');
      await until(() => two.page.browserContext().closed, 'SPEC 6: the supplementary one is closed');
      assert.true(one.page.closed, 'SPEC 7: its page is closed');
    }
  });

  test('two disposals of one key share one teardown', async (assert, t) => {
    const disposed = [];
    const { pool, browser } = await t.warm({ maxPages: 2, onAffinityDisposed: (key) => disposed.push(key) });
    const a = await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ next }) => gate.promise.then(next);
    const first = new Watched(pool.disposeAffinity('a'), 'first');
    const second = new Watched(pool.disposeAffinity('a'), 'second');
    await turns();
    assert.deepEqual([first.state, second.state], ['pending', 'pending'], 'SPEC 7: both wait');
    gate.open();
    await first.end();
    await second.end();
    assert.true(a.page.closeCalls <= 1, 'SPEC 7: one teardown');
    assert.strictEqual(a.page.browserContext().closeCalls, 1, 'SPEC 6: one close');
    assert.strictEqual(t.fetches.length, 1, 'SPEC 10: the manager is told once');
    assert.deepEqual(disposed, ['a'], 'SPEC 3: onAffinityDisposed is told after every teardown: once');
  });

  test('one that awaits joins one that does not', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    const a = await t.visit(pool, 'a');
    const gate = t.gate();
    browser.on.closePage = ({ next }) => gate.promise.then(next);
    await pool.disposeAffinity('a', { awaitIdle: false });
    const joined = new Watched(pool.disposeAffinity('a'), 'the second');
    await turns();
    assert.strictEqual(joined.state, 'pending', 'SPEC 7: resolves when its tabs and context are closed');
    gate.open();
    await joined.end();
    assert.true(a.page.browserContext().closed, 'SPEC 13: the closes have resolved');
    assert.strictEqual(a.page.browserContext().closeCalls, 1, 'SPEC 7: one teardown');
    assert.strictEqual(t.fetches.length, 1, 'SPEC 10: the manager is told once');
  });

  test('the manager is not told of an affinity taken into use again', async (assert, t) => {
    for (const awaitIdle of [true, false]) {
      t.fetches.length = 0;
      const { pool, browser } = await t.warm({ maxPages: 2 });
      await t.visit(pool, 'a');
      const gate = t.gate();
      browser.on.closePage = ({ next }) => gate.promise.then(next);
      const gone = pool.disposeAffinity('a', { awaitIdle });
      await t.get(pool, 'a');
      gate.open();
      await gone;
      await until(() => browser.contexts[0].closed, 'the teardown has ended');
      await turns();
      assert.deepEqual(t.fetches, [], `SPEC 7: it would forget a live affinity, awaitIdle ${awaitIdle}`);
      assert.deepEqual(pool.getWarmAffinities(), ['a'], 'SPEC 7: it is warm');
    }
  });

  test('stale user-data dirs are removed, and the pool refills', async (assert, t) => {
    for (const awaitIdle of [true, false]) {
      const { pool, browser } = await t.warm({ maxPages: 1 });
      await t.visit(pool, 'a');
      browser.on.cleanupUserDataDirs = () => Promise.reject(new Error('cleanup broke'));
      const made = browser.contexts.length;
      await pool.disposeAffinity('a', { awaitIdle });
      await until(() => browser.count('cleanupUserDataDirs') > 0, 'SPEC 7: remove stale user-data dirs');
      await until(
        () => t.log.some((line) => line.text.includes('cleanup broke')),
        'SPEC 12: its failure is logged',
      );
      await pool.warmStandbys();
      assert.true(browser.contexts.length >= made, 'SPEC 7: refill');
      assert.true(browser.alive.length >= 1, 'SPEC 7: a standby is there again');
    }
  });

  test('retainConsoleErrors', async (assert, t) => {
    const { message } = require('./helpers/fake-browser.js');
    for (const retainConsoleErrors of [true, false]) {
      const { pool } = await t.warm({ maxPages: 1 });
      const lease = await t.get(pool, 'a');
      pool.resetConsoleErrors(lease.pageId);
      lease.page.emit('console', message({ text: 'kept?' }));
      await turns();
      lease.release();
      await pool.disposeAffinity('a', { retainConsoleErrors });
      assert.deepEqual(
        pool.takeConsoleErrors(lease.pageId).map((entry) => entry.text),
        retainConsoleErrors ? ['kept?'] : [],
        `SPEC 7: retainConsoleErrors: ${retainConsoleErrors}`,
      );
    }
  });

  test('the closes go on though one of them fails', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const one = await t.get(pool, 'a');
    const two = await t.get(pool, 'a');
    one.release();
    two.release();
    browser.on.closeContext = ({ target, next }) =>
      target === one.page.browserContext() ? Promise.reject(new Error('will not')) : next();
    await bounded(pool.disposeAffinity('a'), 'SPEC 7: a failing close');
    assert.true(two.page.browserContext().closed, 'SPEC 7: the other is closed');
    assert.strictEqual(ledger(pool, 'a'), undefined, 'SPEC 13: the row is gone');
    assert.strictEqual(typeof SERVER, 'string');
  });
});

contract('SPEC 13: nothing waits for the slow work of another', (test) => {
  test('while a close hangs, everything else goes on', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3, closeTimeoutMs: 60_000 });
    const a = await t.visit(pool, 'a');
    await t.visit(pool, 'b');
    const gate = t.gate();
    browser.on.closePage = ({ target, next }) => (target === a.page ? gate.promise.then(next) : next());
    const gone = new Watched(pool.disposeAffinity('a'), 'disposeAffinity');
    assert.true((await t.visit(pool, 'b')).reused, 'SPEC 13: a warm visit of another affinity');
    assert.false((await t.visit(pool, 'c')).reused, 'SPEC 13: a newcomer');
    assert.false((await t.visit(pool, 'a')).reused, 'SPEC 13: and the same affinity');
    await pool.disposeAffinity('b');
    assert.strictEqual(gone.state, 'pending', 'while it hangs');
    gate.open();
    await gone.end();
  });
});
