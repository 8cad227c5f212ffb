'use strict';

const {
  AsyncSemaphore,
  StandbyTargetNotReadyError,
  contract,
  ledger,
  row,
  turns,
  until,
} = require('./helpers/harness.js');

const ONE_TAB = { PRERENDER_AFFINITY_TAB_MAX: '1' };
const ONE_TO_THREE = { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '3' };

contract('SPEC 4a: an idle live tab', (test) => {
  test('of the affinity is reused', async (assert, t) => {
    const { pool, browser } = await t.warm();
    const one = await t.visit(pool, 'a');
    const two = await t.visit(pool, 'a');
    assert.strictEqual(one.reused, false, 'SPEC 4: a standby is not reused');
    assert.strictEqual(two.reused, true, 'SPEC 4a: reused: true');
    assert.strictEqual(two.pageId, one.pageId, 'SPEC 4: pageId stays with the page');
    assert.true(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(one.pageId), 'SPEC 4: pageId is a UUID');
    const other = await t.visit(pool, 'b');
    assert.notStrictEqual(other.pageId, one.pageId, 'SPEC 4a: of the affinity only');
    assert.notStrictEqual(browser.pages.indexOf(other.page), browser.pages.indexOf(one.page));
  });

  test('the least recently used first', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 3, tabHealthProbeMs: 0 });
    const one = await t.get(pool, 'a');
    clock.now += 10;
    const two = await t.get(pool, 'a');
    clock.now += 10;
    one.release();
    clock.now += 10;
    two.release();
    clock.now += 10;
    const first = await t.get(pool, 'a');
    assert.strictEqual(first.pageId, one.pageId, 'SPEC 4a: the tab used longest ago');
    clock.now += 10;
    first.release();
    clock.now += 10;
    const second = await t.visit(pool, 'a');
    assert.strictEqual(second.pageId, two.pageId, 'SPEC 4a: then the other');
  });

  test('ties go to the older one', async (assert, t) => {
    t.clock();
    const { pool } = await t.warm({ maxPages: 3, tabHealthProbeMs: 0 });
    const one = await t.get(pool, 'a');
    const two = await t.get(pool, 'a');
    two.release();
    one.release();
    assert.strictEqual((await t.visit(pool, 'a')).pageId, one.pageId, 'SPEC 13: ties go to the older one');
  });

  test('is preferred to a standby, by every kind', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const one = await t.visit(pool, 'a');
    await pool.warmStandbys();
    const made = browser.contexts.length;
    for (const queue of ['file', 'module', 'command', undefined]) {
      const lease = await t.visit(pool, 'a', queue);
      assert.strictEqual(lease.pageId, one.pageId, `SPEC 4a: ${queue} takes the warm tab`);
    }
    assert.strictEqual(browser.contexts.length, made, 'SPEC 4a: nothing is made');
  });

  test('never waits for a standby somebody else needs', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    await t.visit(pool, 'a');
    await pool.warmStandbys();
    await t.get(pool, 'x');
    const gate = t.gate();
    browser.on.goto = ({ next }) => gate.promise.then(next);
    await t.get(pool, 'y');
    const newcomer = t.ask(pool, 'z');
    await turns();
    const warm = await t.get(pool, 'a');
    assert.strictEqual(warm.reused, true, 'SPEC 4e: a warm tab while a standby hangs');
    const queued = t.ask(pool, 'a');
    await turns();
    warm.release();
    assert.strictEqual(
      (await queued.lease()).pageId,
      warm.pageId,
      'SPEC 4c: so does one that is queued on it',
    );
    assert.strictEqual(newcomer.state, 'pending', 'while the newcomer still waits');
  });
});

contract('SPEC 4b: below the tab cap', (test) => {
  test('a second request takes a standby beside the busy tab', async (assert, t) => {
    for (const queue of ['file', 'module', 'command']) {
      const { pool } = await t.warm({ maxPages: 4 });
      const one = await t.get(pool, 'a', queue);
      const two = await t.get(pool, 'a', queue);
      assert.strictEqual(two.reused, false, `SPEC 4b: ${queue} takes a standby`);
      assert.notStrictEqual(two.pageId, one.pageId, `SPEC 4b: ${queue}: another tab`);
      assert.strictEqual(row(pool, 'a').tabCount, 2, 'SPEC 4b: it is a tab of the affinity');
    }
  });

  test('the standby created first is adopted first', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const first = await t.get(pool, 'a');
    const second = await t.get(pool, 'b');
    assert.strictEqual(first.page, browser.pages[0], 'SPEC 13: the standby created first');
    assert.strictEqual(second.page, browser.pages[1], 'SPEC 13: then the next');
  });

  test('file without a ready standby queues on its tab, module waits for the refill', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const gate = t.gate();
    const one = await t.get(pool, 'a');
    await t.get(pool, 'x');
    browser.on.goto = ({ next }) => gate.promise.then(next);
    await t.get(pool, 'y');
    await until(() => browser.count('goto') === 4, 'a standby that hangs');
    const file = t.ask(pool, 'a', 'file');
    const module = t.ask(pool, 'a', 'module');
    await turns();
    one.release();
    const got = await file.lease();
    assert.strictEqual(got.pageId, one.pageId, 'SPEC 4c: file queues on the tab of its affinity');
    assert.strictEqual(module.state, 'pending', 'SPEC 4b: module waits for the refill');
    gate.open();
    assert.strictEqual((await module.lease()).reused, false, 'SPEC 4b: and takes the standby');
  });

  test('the orphan context of the affinity goes before a standby', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const one = await t.visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    assert.strictEqual(ledger(pool, 'a').pageCount, 0, 'an orphan');
    const gotos = browser.count('goto');
    const two = await t.get(pool, 'a');
    assert.strictEqual(two.page.browserContext(), one.page.browserContext(), 'SPEC 4d: in its old context');
    assert.notStrictEqual(two.page, one.page, 'SPEC 4b: a new page');
    assert.notStrictEqual(two.pageId, one.pageId, 'SPEC 4: a page of its own id');
    assert.strictEqual(two.reused, false, 'SPEC 4b: not reused');
    assert.true(
      browser.count('goto', (call) => call.target === two.page) === 1 && browser.count('goto') >= gotos,
      'SPEC 5: it is loaded like a standby',
    );
    assert.strictEqual(ledger(pool, 'a').pageCount, 1, 'SPEC 6: the row counts it');
  });

  test('a supplementary tab that is left makes the primary an orphan to open again', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 4 });
    const one = await t.get(pool, 'a');
    const two = await t.get(pool, 'a');
    const primary = one.page.browserContext();
    one.release();
    two.release();
    browser.on.evaluate = ({ target, next }) =>
      target === one.page ? Promise.reject(new Error('gone')) : next();
    const warm = await t.get(pool, 'a');
    assert.strictEqual(warm.pageId, two.pageId, 'SPEC 8: the tab that answers');
    await until(() => ledger(pool, 'a')?.pageCount === 0, 'SPEC 6: the primary is an orphan');
    const third = await t.get(pool, 'a');
    assert.strictEqual(
      third.page.browserContext(),
      primary,
      'SPEC 4b: its orphan context, in which a page is opened',
    );
  });

  test('an orphan whose page cannot be opened is closed, its caller goes on', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 2 });
    const one = await t.visit(pool, 'a');
    const orphan = one.page.browserContext();
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    browser.on.newPage = ({ target, next }) =>
      target === orphan ? Promise.reject(new Error('no page')) : next();
    const two = await t.get(pool, 'a');
    assert.notStrictEqual(two.page.browserContext(), orphan, 'SPEC 4: on with the next possibility');
    await until(() => orphan.closed, 'SPEC 4: the orphan is closed');
    assert.strictEqual(orphan.closeCalls, 1, 'SPEC 6: exactly once');
    assert.strictEqual(ledger(pool, 'a').pageCount, 1, 'SPEC 6: the new context is the primary');
  });

  test('module past the cap of a dynamic pool gets a fresh tab while the pool can expand', async (assert, t) => {
    const { pool } = await t.dynamic({
      env: { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '4', ...ONE_TAB },
    });
    await t.get(pool, 'a', 'module');
    const two = await t.get(pool, 'a', 'module');
    const three = await t.get(pool, 'a', 'command');
    assert.deepEqual([two.reused, three.reused], [false, false], 'SPEC 4b: past the cap, fresh tabs');
    assert.strictEqual(row(pool, 'a').tabCount, 3, 'SPEC 4b: three tabs, the cap is one');
    const fourth = t.ask(pool, 'a', 'module');
    await turns();
    assert.strictEqual(pool.currentMaxPages, 4, 'SPEC 4.3: the full semaphore has expanded it');
    assert.strictEqual(fourth.state, 'pending', 'SPEC 4c: at the ceiling it queues');
    two.release();
    assert.strictEqual((await fourth.lease()).reused, true, 'SPEC 4c: reused: true');
  });

  test('module past the cap expands without a full semaphore', async (assert, t) => {
    const capacities = [];
    const { pool } = await t.warm({
      env: { ...ONE_TO_THREE, ...ONE_TAB },
      semaphore: { acquire: async () => () => {}, setCapacity: (n) => capacities.push(n) },
    });
    await t.get(pool, 'a', 'module');
    for (let more = 0; pool.currentMaxPages < 3; more++) {
      const lease = await t.get(pool, 'a', 'command');
      assert.strictEqual(lease.reused, false, `SPEC 4b: fresh tab ${more + 2} while the pool can expand`);
    }
    assert.deepEqual(capacities, [1, 2, 3], 'SPEC 4b: expand, one page at a time');
    assert.true(row(pool, 'a').tabCount >= 3, 'SPEC 4b: its tabs, past the cap of one');
    const last = t.ask(pool, 'a', 'file');
    await turns();
    assert.strictEqual(last.state, 'pending', 'SPEC 4c: file past the cap queues');
  });
});

contract('SPEC 4c: a queue on a tab of the affinity', (test) => {
  test('file past the cap, though the pool could expand', async (assert, t) => {
    const { pool } = await t.warm({
      env: { ...ONE_TO_THREE, ...ONE_TAB },
      semaphore: { acquire: async () => () => {}, setCapacity() {} },
    });
    const one = await t.get(pool, 'a', 'module');
    await pool.warmStandbys();
    const file = t.ask(pool, 'a', 'file');
    await turns();
    assert.deepEqual(
      [file.state, pool.currentMaxPages],
      ['pending', 1],
      'SPEC 4b: file never goes past the cap',
    );
    one.release();
    assert.strictEqual((await file.lease()).pageId, one.pageId, 'SPEC 4c: it queues on the tab');
  });

  test('at the cap of a fixed pool', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3, env: ONE_TAB });
    const one = await t.get(pool, 'a', 'module');
    await pool.warmStandbys();
    const made = browser.contexts.length;
    const two = t.ask(pool, 'a', 'module');
    await turns();
    assert.strictEqual(two.state, 'pending', 'SPEC 4c: it waits, though a standby is ready');
    assert.strictEqual(row(pool, 'a').pendingTotal, 2, 'SPEC 10: holder and waiter');
    assert.strictEqual(browser.contexts.length, made, 'nothing is made for it');
    one.release();
    const lease = await two.lease();
    assert.deepEqual([lease.pageId, lease.reused], [one.pageId, true], 'SPEC 4c: reused: true');
  });

  test('on the one with the fewest pending, then least recently used', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 4, env: { PRERENDER_AFFINITY_TAB_MAX: '2' } });
    const one = await t.get(pool, 'a', 'module');
    const two = await t.get(pool, 'a', 'module');
    const third = t.ask(pool, 'a', 'module');
    await turns(2);
    const fourth = t.ask(pool, 'a', 'module');
    await turns(2);
    const fifth = t.ask(pool, 'a', 'module');
    await turns();
    two.release();
    const got4 = await fourth.lease();
    assert.strictEqual(got4.pageId, two.pageId, 'SPEC 4c: the fourth has queued where fewest are pending');
    assert.deepEqual([third.state, fifth.state], ['pending', 'pending'], 'only it was queued there');
    one.release();
    const got3 = await third.lease();
    assert.strictEqual(got3.pageId, one.pageId, 'SPEC 4c: the third on the least recently used');
    got3.release();
    assert.strictEqual((await fifth.lease()).pageId, one.pageId, 'SPEC 4c: the fifth on it, too');
  });

  test('by priority, FIFO within one', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2, env: ONE_TAB });
    const hold = await t.get(pool, 'a', 'module');
    const order = [];
    const waiting = [
      ['l1', 0],
      ['h1', 5],
      ['l2', 0],
      ['h2', 5],
    ].map(([name, priority]) => {
      const watched = t.ask(pool, 'a', 'module', { priority });
      watched.promise.then((lease) => {
        order.push(name);
        lease.release();
      });
      return watched;
    });
    hold.release();
    for (const each of waiting) await each.end();
    assert.deepEqual(order, ['h1', 'h2', 'l1', 'l2'], 'SPEC 4: highest first, FIFO within one priority');
  });
});

contract('SPEC 4d: an affinity with no tab', (test) => {
  test('waits for the refill, and takes the first that is ready', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 3 });
    const gates = [t.gate(), t.gate(), t.gate()];
    browser.on.goto = ({ next, nth }) => (gates[nth - 1]?.promise ?? Promise.resolve()).then(next);
    const asked = t.ask(pool, 'a');
    await until(() => browser.count('goto') === 1, 'the first standby');
    assert.strictEqual(asked.state, 'pending');
    gates[0].open();
    const lease = await asked.lease();
    assert.strictEqual(lease.page, browser.pages[0], 'SPEC 4: it takes the first that is ready');
    assert.strictEqual(lease.reused, false, 'SPEC 4d: a standby');
    gates[1].open();
    gates[2].open();
  });

  test('expands before anything is closed: sizes 2, 2, 3, 4, 4', async (assert, t) => {
    const { pool, browser, semaphore } = await t.dynamic();
    const sizes = [];
    const closedAt = [];
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      await t.visit(pool, key);
      sizes.push(pool.currentMaxPages);
      closedAt.push(browser.contexts.filter((context) => context.closeCalls > 0).length);
    }
    assert.deepEqual(sizes, [2, 2, 3, 4, 4], 'SPEC 4d: five affinities in turn on 2 to 4 pages');
    assert.strictEqual(semaphore.capacity, pool.currentMaxPages, 'SPEC 9: the semaphore goes with it');
    assert.deepEqual(closedAt.slice(0, 4), [0, 0, 0, 0], 'SPEC 4d: expands before anything is closed');
    assert.true(browser.peak <= 5, 'SPEC 5: never more than current pages + 1');
  });

  test('makes room by the least recently used idle affinity', async (assert, t) => {
    const clock = t.clock();
    const { pool, browser } = await t.warm({ maxPages: 2 });
    const leases = [];
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      clock.now += 1000;
      leases.push(await t.visit(pool, key));
      assert.true(browser.alive.length <= 3, 'SPEC 5: alive contexts never exceed current pages + 1');
    }
    const closed = browser.of('closeContext').map((call) => call.target);
    const order = leases.map((lease) => lease.page.browserContext());
    assert.true(closed.length >= 3, 'room was made');
    assert.deepEqual(closed, order.slice(0, closed.length), 'SPEC 5: the least recently used first');
    assert.true(pool.getWarmAffinities().includes('f'), 'the newest stays');
  });

  test('never closes one that serves a lease; waits for whichever slot frees first, by priority', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    const a = await t.get(pool, 'a');
    await pool.warmStandbys();
    const b = await t.get(pool, 'b');
    const low = t.ask(pool, 'low', 'file', { priority: 0 });
    await turns(2);
    const high = t.ask(pool, 'high', 'file', { priority: 3 });
    await turns();
    assert.deepEqual([low.state, high.state], ['pending', 'pending'], 'SPEC 4d: they wait');
    assert.strictEqual(browser.count('closeContext'), 0, 'SPEC 5: never one that is serving a lease');
    b.release();
    const got = await high.lease();
    assert.strictEqual(low.state, 'pending', 'SPEC 4d: by priority, the later caller first');
    assert.strictEqual(b.page.browserContext().closeCalls, 1, 'SPEC 4d: the slot that freed first');
    assert.strictEqual(a.page.browserContext().closeCalls, 0, 'SPEC 5: the other still serves');
    a.release();
    assert.strictEqual((await low.lease()).reused, false, 'SPEC 4d: then the other');
    got.release();
    assert.true(browser.peak <= 2, 'SPEC 5: never more than current pages + 1');
  });

  test('rejects when a standby could not be made with all its attempts', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    browser.on.goto = () => Promise.reject(new Error('net::ERR_NAME_NOT_RESOLVED at https://host.example'));
    const asked = await t.ask(pool, 'a').end();
    assert.strictEqual(asked.state, 'rejected', 'SPEC 4e: reject');
    assert.strictEqual(
      asked.error?.message,
      'No standby page available for prerender',
      'SPEC 4e: the message',
    );
    assert.strictEqual(asked.error?.code, 'STANDBY_UNAVAILABLE', 'SPEC 14: the code');
    assert.true(/ERR_NAME_NOT_RESOLVED/.test(String(asked.error?.cause?.message)), 'SPEC 4e: cause: why');
    assert.true(browser.count('goto') >= 3, 'SPEC 4e: with all its attempts');
    assert.deepEqual(pool.getQueueDepthSnapshot().totalPending, 0, 'it has left every queue');
    browser.on = {};
    assert.strictEqual((await t.visit(pool, 'a')).reused, false, 'and the next call is served');
  });

  test('the cause of a host that is not up yet', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    browser.on.goto = async () => ({ status: () => 503 });
    const asked = await t.ask(pool, 'a').end();
    const cause = asked.error?.cause;
    assert.true(cause instanceof StandbyTargetNotReadyError, 'SPEC 5: StandbyTargetNotReadyError');
    assert.strictEqual(cause?.code, 'STANDBY_NOT_READY', 'SPEC 14: its code');
  });

  test('a full semaphore expands at getPage', async (assert, t) => {
    const { pool, semaphore } = await t.dynamic();
    await t.get(pool, 'a');
    await t.get(pool, 'b');
    assert.strictEqual(pool.currentMaxPages, 2);
    await t.get(pool, 'c');
    assert.strictEqual(pool.currentMaxPages, 3, 'SPEC 4.3: the render semaphore was full');
    assert.strictEqual(semaphore.capacity, 3, 'SPEC 9: its capacity with it');
    await t.get(pool, 'd');
    const fifth = t.ask(pool, 'e');
    await turns();
    assert.deepEqual([pool.currentMaxPages, fifth.state], [4, 'pending'], 'SPEC 9: up to the burst');
  });

  test('a semaphore without setCapacity does not expand', async (assert, t) => {
    const inner = new AsyncSemaphore(2);
    const { pool } = await t.warm({
      env: ONE_TO_THREE,
      semaphore: { acquire: (signal, priority) => inner.acquire(signal, priority) },
    });
    for (const key of ['a', 'b', 'c', 'd']) await t.visit(pool, key);
    assert.strictEqual(pool.currentMaxPages, 1, 'SPEC 9: it needs a semaphore with setCapacity');
  });
});
