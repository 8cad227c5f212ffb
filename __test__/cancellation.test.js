'use strict';

const { getEventListeners } = require('node:events');
const { lib, poolModule, ForeignSemaphore } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { deferred, turns, until } = require('./helpers/wait.js');

const listeners = (signal) => getEventListeners(signal, 'abort').length;
const row = (pool, key) => pool.getQueueDepthSnapshot().affinities.find((a) => a.affinityKey === key);

/** Aborts, and checks what every cancelled getPage must do. */
async function cancel(assert, asked, controller) {
  controller.abort('client left');
  await asked.settled;
  assert.strictEqual(asked.state, 'rejected', 'rejected');
  const { error } = asked;
  assert.ok(error instanceof lib.PrerenderCancelledError, `with a PrerenderCancelledError: ${error}`);
  assert.deepEqual([error.state, error.reason, error.code, error.message],
    ['queued', 'client left', 'PRERENDER_CANCELLED', 'prerender cancelled: client left'], 'its state, reason, code and message');
  assert.strictEqual(listeners(controller.signal), 0, 'no listener stays on the signal');
}

poolModule('cancelling getPage', (kit) => {
  QUnit.test('with a signal already aborted: nothing is touched', async (assert) => {
    const { pool, fake } = kit().make();
    const c = new AbortController();
    c.abort('client left');
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await cancel(assert, asked, c);
    assert.strictEqual(fake.calls.length, 0, 'the browser was not asked');
    assert.deepEqual(pool.getQueueDepthSnapshot().affinities, [], 'nobody is queued');
  });

  QUnit.test('while it waits for admission', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    const held = await kit().take(pool, 'a', 'file');
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    const next = kit().ask(pool, 'a', 'file');
    await turns();
    assert.strictEqual(row(pool, 'a').admission.pending, 2, 'two wait');
    c.abort('client left');
    assert.strictEqual(row(pool, 'a').admission.pending, 1, 'out of the queue when abort returns');
    await cancel(assert, asked, c);
    held.release();
    await next.settled;
    assert.strictEqual(next.state, 'fulfilled', 'the next has the permit');
  });

  QUnit.test('while it waits for a standby: what the standby brings goes to the next', async (assert) => {
    const { pool, fake } = kit().make();
    const gate = fake.gate('goto');
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await until(() => gate.count === 1, 'the standby navigates');
    const next = kit().ask(pool, 'b');
    await cancel(assert, asked, c);
    gate.next();
    await next.settled;
    assert.strictEqual(next.value.page, fake.pages[0], 'the standby of the cancelled one');
    gate.open();
  });

  QUnit.test('while it waits for a standby that never comes', async (assert) => {
    const { pool, fake } = kit().make({ standbyTimeoutMs: 400 });
    fake.once('goto', () => NEVER);
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await until(() => fake.count('goto') === 1, 'the standby hangs');
    await cancel(assert, asked, c);
  });

  QUnit.test('while a page is opened in its orphan: the page goes to whoever is next', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const first = await kit().visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    const gate = fake.gate('goto', ({ page }) => page.context === first.page.context);
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await until(() => gate.count === 1, 'the page of the orphan navigates');
    await cancel(assert, asked, c);
    gate.open();
    await turns();
    const next = await kit().take(pool, 'a');
    assert.strictEqual(next.page.context, first.page.context, 'the next visit finds the context');
    assert.strictEqual(first.page.context.closeCalls, 0, 'which was not thrown away');
    assert.ok(first.page.context.pages.length <= 3, 'without a page more than needed');
  });

  QUnit.test('while it is queued on a tab', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const held = await kit().take(pool, 'a', 'module');
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'module', { signal: c.signal });
    const next = kit().ask(pool, 'a', 'module');
    await turns();
    const before = row(pool, 'a').pendingTotal;
    c.abort('client left');
    assert.strictEqual(row(pool, 'a').pendingTotal, before - 1, 'out of the queue when abort returns');
    await cancel(assert, asked, c);
    held.release();
    await next.settled;
    assert.strictEqual(next.state, 'fulfilled', 'the next waiter has the tab');
  });

  QUnit.test('after the tab was handed over, before the promise is seen: it goes to the next waiter', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, tabHealthProbeMs: 250 });
    const held = await kit().take(pool, 'a', 'module');
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'module', { signal: c.signal });
    const next = kit().ask(pool, 'a', 'module');
    await turns();
    held.release();
    c.abort('client left');
    await Promise.all([asked.settled, next.settled.then(() => 0), turns()].slice(0, 1));
    if (asked.state === 'fulfilled') {
      asked.value.release();
    }
    await next.settled;
    assert.strictEqual(next.state, 'fulfilled', 'the next waiter is served either way');
    assert.strictEqual(listeners(c.signal), 0, 'no listener stays');
  });

  QUnit.test('while its tab is probed: the tab stays as it was', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const first = await kit().visit(pool, 'a');
    const gate = fake.gate('evaluate');
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await until(() => gate.count === 1, 'it is probed');
    await cancel(assert, asked, c);
    gate.open();
    await turns();
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'no retirement');
    assert.true(pool.getVacancySnapshot().a.idle, 'idle again');
    assert.strictEqual((await kit().take(pool, 'a')).page, first.page, 'and used by the next');
  });

  QUnit.test('while its tab is probed: the next waiter gets it', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    await kit().visit(pool, 'a', 'module');
    const gate = fake.gate('evaluate');
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'module', { signal: c.signal });
    const next = kit().ask(pool, 'a', 'module');
    await until(() => gate.count === 1, 'it is probed');
    await cancel(assert, asked, c);
    gate.open();
    await next.settled;
    assert.strictEqual(next.state, 'fulfilled', 'served');
  });

  QUnit.test('while it waits for the render semaphore: tab and permit are given back', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(9);
    const { pool } = await kit().warm({ maxPages: 1, renderSemaphore: semaphore });
    const hold = await semaphore.acquire();
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await until(() => semaphore.pendingCount === 1, 'it waits with its tab in hand');
    await cancel(assert, asked, c);
    assert.strictEqual(semaphore.pendingCount, 0, 'out of the queue');
    assert.strictEqual(semaphore.inUseCount, 1, 'and holds nothing');
    assert.true(pool.getVacancySnapshot().a.idle, 'the tab is idle');
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 0 }, 'the permit is back');
    hold();
    assert.ok((await kit().take(pool, 'a')).page, 'the next is served');
  });

  QUnit.test('while a foreign semaphore’s acquire is pending: what it brings later is given back', async (assert) => {
    const pending = deferred();
    let released = 0;
    const foreign = { acquire: () => pending.promise };
    const { pool } = await kit().warm({ renderSemaphore: foreign });
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await turns();
    await cancel(assert, asked, c);
    assert.true(pool.getVacancySnapshot().a.idle, 'the tab is back at once');
    pending.resolve(() => released++);
    await until(() => released === 1, 'the late permit is released');
    await turns();
    assert.strictEqual(released, 1, 'once');
  });

  QUnit.test('while a foreign semaphore’s acquire is pending: it may reject later', async (assert) => {
    const pending = deferred();
    const { pool } = await kit().warm({ renderSemaphore: { acquire: () => pending.promise } });
    const c = new AbortController();
    const asked = kit().ask(pool, 'a', 'file', { signal: c.signal });
    await turns();
    await cancel(assert, asked, c);
    pending.reject(new Error('late'));
    await turns();
    assert.true(pool.getVacancySnapshot().a.idle, 'nothing unhandled, nothing held');
  });

  QUnit.test('while it waits in the queue of the pool', async (assert) => {
    const { pool } = await kit().warm();
    const a = await kit().take(pool, 'a');
    await kit().take(pool, 'b');
    const c = new AbortController();
    const asked = kit().ask(pool, 'c', 'file', { signal: c.signal });
    const next = kit().ask(pool, 'd');
    await turns();
    await cancel(assert, asked, c);
    a.release();
    await next.settled;
    assert.strictEqual(next.state, 'fulfilled', 'the slot goes to the next');
    assert.deepEqual(pool.getWarmAffinities().includes('c'), false, 'nothing was made for the cancelled one');
  });

  QUnit.test('while it waits for the tab of another affinity', async (assert) => {
    const { pool } = await kit().warm({ disableStandbyRefill: true });
    const a = await kit().take(pool, 'a');
    const c = new AbortController();
    const asked = kit().ask(pool, 'b', 'file', { signal: c.signal });
    await turns();
    await cancel(assert, asked, c);
    a.release();
    await turns();
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'the tab stays where it was');
  });

  QUnit.test('after the lease was granted it changes nothing', async (assert) => {
    const { pool } = await kit().warm();
    const c = new AbortController();
    const lease = await kit().take(pool, 'a', 'file', { signal: c.signal });
    assert.strictEqual(listeners(c.signal), 0, 'the listener is gone when getPage settled');
    c.abort();
    await turns();
    assert.false(pool.getVacancySnapshot().a.idle, 'the lease is still held');
    lease.release();
    assert.true(pool.getVacancySnapshot().a.idle, 'until its release');
  });

  QUnit.test('one signal for many calls cancels all of them, and leaves nothing', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const c = new AbortController();
    const held = [await kit().take(pool, 'x'), await kit().take(pool, 'y'), await kit().take(pool, 'z')];
    const asks = Array.from({ length: 20 }, (_, i) => kit().ask(pool, `k${i % 4}`, ['file', 'module', 'command'][i % 3], { signal: c.signal, priority: i % 5 }));
    await turns();
    c.abort('client left');
    await Promise.all(asks.map((a) => a.settled));
    assert.ok(asks.every((a) => a.state === 'rejected' && a.error.code === 'PRERENDER_CANCELLED'), 'all of them');
    assert.strictEqual(listeners(c.signal), 0, 'no listener stays');
    assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 3, 'only the three leases are pending');
    held.forEach((l) => l.release());
    assert.ok((await kit().take(pool, 'fresh')).page, 'the pool goes on');
  });

  QUnit.test('the listener is removed also when getPage rejects', async (assert) => {
    const { pool } = await kit().warm({ disableStandbyRefill: true });
    await kit().take(pool, 'a');
    kit().ask(pool, 'a', 'module');
    const c = new AbortController();
    await assert.rejects(pool.getPage('b', 'file', { signal: c.signal }), /No standby/, 'rejected');
    assert.strictEqual(listeners(c.signal), 0, 'no listener');
  });

  QUnit.test('a signal’s onabort is left alone', async (assert) => {
    const { pool } = await kit().warm();
    const c = new AbortController();
    const mine = () => {};
    c.signal.onabort = mine;
    await kit().visit(pool, 'a', 'file', { signal: c.signal });
    assert.strictEqual(c.signal.onabort, mine, 'the caller’s own handler stays');
  });
});

poolModule('signals that are not Node’s', (kit) => {
  QUnit.test('one that aborts while it is listened to cancels the request', async (assert) => {
    const { pool } = await kit().warm();
    const hasty = new EventTarget();
    hasty.aborted = false;
    hasty.addEventListener = (name, listener) => {
      hasty.aborted = true;
      hasty.reason = 'at once';
      listener(new Event(name));
    };
    await assert.rejects(pool.getPage('a', 'file', { signal: hasty }), (e) => lib.isPrerenderCancellation(e) && e.reason === 'at once', 'cancelled');
    assert.deepEqual(pool.getQueueDepthSnapshot().affinities, [], 'nothing was taken');
  });

  QUnit.test('one with private state is called on itself', async (assert) => {
    class Signal {
      #listeners = new Set();
      #aborted = false;

      get aborted() {
        return this.#aborted;
      }

      addEventListener(name, listener) {
        this.#listeners.add(listener);
      }

      removeEventListener(name, listener) {
        this.#listeners.delete(listener);
      }

      abort() {
        this.#aborted = true;
        this.#listeners.forEach((listener) => listener({ type: 'abort' }));
      }

      get count() {
        return this.#listeners.size;
      }
    }
    const { pool } = await kit().warm();
    await kit().take(pool, 'a', 'module');
    const signal = new Signal();
    const ask = kit().ask(pool, 'a', 'module', { signal });
    assert.strictEqual(signal.count, 1, 'listened to');
    signal.abort();
    await ask.settled;
    assert.ok(lib.isPrerenderCancellation(ask.error), 'cancelled');
    assert.strictEqual(signal.count, 0, 'and left');
  });
});

poolModule('a foreign render semaphore that misbehaves', (kit) => {
  for (const [name, acquire] of [['rejects', () => Promise.reject(new Error('semaphore down'))], ['throws', () => {
    throw new Error('semaphore down');
  }]]) {
    QUnit.test(`${name}: getPage rejects with that error and gives everything back`, async (assert) => {
      let broken = true;
      const foreign = { acquire: () => (broken ? acquire() : Promise.resolve(() => {})) };
      const { pool } = await kit().warm({ renderSemaphore: foreign });
      await assert.rejects(pool.getPage('a', 'file'), /semaphore down/, 'its own error');
      assert.true(pool.getVacancySnapshot().a.idle, 'the tab is idle');
      assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 0 }, 'the permit is back');
      broken = false;
      assert.ok((await kit().take(pool, 'a')).page, 'and the pool goes on');
    });
  }

  QUnit.test('returns the release as a plain value', async (assert) => {
    let released = 0;
    const { pool } = await kit().warm({ renderSemaphore: { acquire: () => () => released++ } });
    await kit().visit(pool, 'a');
    assert.strictEqual(released, 1, 'released once');
  });

  QUnit.test('has a release that throws', async (assert) => {
    const { pool } = await kit().warm({ renderSemaphore: { acquire: async () => () => {
      throw new Error('release broke');
    } } });
    const lease = await kit().take(pool, 'a');
    try {
      lease.release();
    } catch (error) {
      assert.ok(/release broke/.test(error.message), 'if anything, its own error comes out');
    }
    assert.true(pool.getVacancySnapshot().a.idle, 'the tab is idle all the same');
  });

  QUnit.test('has a release that rejects: no unhandled rejection', async (assert) => {
    const { pool } = await kit().warm({ renderSemaphore: { acquire: () => async () => {
      throw new Error('release broke');
    } } });
    await kit().visit(pool, 'a');
    await turns();
    assert.true(pool.getVacancySnapshot().a.idle, 'the tab is idle all the same');
  });

  QUnit.test('never settles: others of the pool that need a tab only still get theirs', async (assert) => {
    let calls = 0;
    const { pool } = await kit().warm({ maxPages: 3, renderSemaphore: { acquire: () => (++calls === 1 ? NEVER : Promise.resolve(() => {})) } });
    const stuck = kit().ask(pool, 'a', 'module');
    await turns();
    assert.strictEqual(stuck.state, 'pending', 'one hangs');
    assert.ok((await kit().visit(pool, 'b')).page, 'another tenant goes on');
    assert.ok((await kit().visit(pool, 'a', 'module')).page, 'the same tenant too');
  });

  QUnit.test('is released exactly once per lease', async (assert) => {
    const foreign = new ForeignSemaphore(2);
    const { pool } = await kit().warm({ maxPages: 2, renderSemaphore: foreign });
    const a = await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    assert.strictEqual(foreign.held, 2, 'two held');
    a.release();
    assert.strictEqual(foreign.held, 1, 'given back when release returned');
    a.release();
    b.release();
    assert.strictEqual(foreign.held, 0, 'none left');
  });
});
