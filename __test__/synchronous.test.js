'use strict';

const { inspect } = require('node:util');
const { lib, poolModule } = require('./helpers/kit.js');
const { NEVER, PASS } = require('./helpers/fake-browser.js');
const { microtasks, turns, until, watch, within } = require('./helpers/wait.js');

const row = (pool, key) => pool.getQueueDepthSnapshot().affinities.find((a) => a.affinityKey === key);

poolModule('what is complete when the call returns', (kit) => {
  QUnit.test('release: counts, admission row, idleness', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(5);
    const { pool } = await kit().warm({ maxPages: 2, renderSemaphore: semaphore });
    const lease = await kit().take(pool, 'a', 'file');
    const controller = new AbortController();
    kit().ask(pool, 'a', 'file', { signal: controller.signal });
    assert.deepEqual([semaphore.inUseCount, row(pool, 'a').admission.pending, row(pool, 'a').idle], [1, 1, false], 'held, and waited for');
    controller.abort();
    assert.deepEqual(row(pool, 'a').admission, { pending: 0, cap: 1 }, 'who has a permit does not wait for one');
    lease.release();
    assert.deepEqual([semaphore.inUseCount, row(pool, 'a').admission, row(pool, 'a').idle], [0, { pending: 0, cap: 0 }, true], 'given back');
  });

  QUnit.test('release: the waiter owns the tab, nobody overtakes', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const lease = await kit().take(pool, 'a', 'module');
    const waiter = kit().ask(pool, 'a', 'module');
    const other = kit().ask(pool, 'b', 'module');
    await turns();
    await other.settled;
    lease.release();
    const late = kit().ask(pool, 'a', 'module', { priority: 100 });
    await waiter.settled;
    assert.strictEqual(waiter.state, 'fulfilled', 'the one who waited');
    assert.strictEqual(late.state, 'pending', 'not the one who came after the release');
  });

  for (const options of [{}, { awaitIdle: false }, { retainSharedContext: true }]) {
    QUnit.test(`release and disposeAffinity on one line: ${JSON.stringify(options)}`, async (assert) => {
      const { pool } = await kit().warm({ maxPages: 2, tabHealthProbeMs: 0, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
      const lease = await kit().take(pool, 'a', 'module');
      const waiter = kit().ask(pool, 'a', 'module');
      await turns();
      lease.release(); pool.disposeAffinity('a', options);
      await waiter.settled;
      assert.strictEqual(waiter.state, 'fulfilled', 'served');
      assert.notStrictEqual(waiter.value.page, lease.page, 'SPEC 13: never by the condemned page, with the probe off too');
      assert.strictEqual(waiter.value.page.closeCalls, 0, 'its own is not closed');
    });
  }

  QUnit.test('setCapacity and disposeAffinity on one line', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool } = await kit().warm({ maxPages: 3, tabHealthProbeMs: 0, renderSemaphore: semaphore });
    semaphore.setCapacity(1);
    const condemned = await kit().visit(pool, 'a');
    await kit().take(pool, 'b');
    const waiter = kit().ask(pool, 'a');
    await until(() => semaphore.pendingCount === 1, 'it holds its tab and waits for a permit');
    semaphore.setCapacity(2); pool.disposeAffinity('a');
    await waiter.settled;
    assert.notStrictEqual(waiter.value.page, condemned.page, 'SPEC 13: another look whether its tab is live');
    assert.strictEqual(semaphore.inUseCount, 2, 'two leases, two permits');
  });

  QUnit.test('a waiter’s promise settles a microtask after the release at the earliest, and soon', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, tabHealthProbeMs: 0, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    const lease = await kit().take(pool, 'a', 'module');
    const waiter = kit().ask(pool, 'a', 'module');
    await turns();
    lease.release();
    await microtasks(12);
    assert.strictEqual(waiter.state, 'fulfilled', 'within microtasks, without a hop');
  });

  QUnit.test('a getPage has taken its place', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const ask = kit().ask(pool, 'a');
    assert.ok(row(pool, 'a'), 'the affinity is known when the call returns');
    assert.strictEqual(row(pool, 'a').tabCount, 1, 'with its tab');
    await ask.settled;
  });

  QUnit.test('of two calls in one tick the second sees what the first took', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const a = kit().ask(pool, 'a');
    const b = kit().ask(pool, 'b');
    await Promise.all([a.settled, b.settled]);
    assert.deepEqual([a.value.page, b.value.page], fake.pages.slice(0, 2), 'each its own, in order');
  });

  QUnit.test('the second of two calls queues behind the first', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    await kit().visit(pool, 'a', 'module');
    const first = kit().ask(pool, 'a', 'module');
    const second = kit().ask(pool, 'a', 'module', { priority: 9 });
    await first.settled;
    assert.strictEqual(first.state, 'fulfilled', 'the first');
    await turns();
    assert.strictEqual(second.state, 'pending', 'though the second is more urgent');
  });

  QUnit.test('the environment is read, and setCapacity called, inside the constructor', (assert) => {
    const order = [];
    const semaphore = { acquire: async () => () => {}, setCapacity: (n) => order.push(['setCapacity', n]) };
    kit().make({ maxPages: 3, renderSemaphore: semaphore });
    order.push('constructed');
    assert.deepEqual(order, [['setCapacity', 3], 'constructed'], 'before it returned');
  });

  QUnit.test('disposeAffinity: the row is closing, the tab not offered, the warm list without it', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const old = await kit().visit(pool, 'a');
    const done = pool.disposeAffinity('a');
    assert.deepEqual(pool.getWarmAffinities(), [], 'not warm');
    assert.ok(pool.getSharedContextSnapshot().entries.filter((e) => e.affinityKey === 'a').every((e) => e.closing), 'closing');
    const fresh = kit().ask(pool, 'a');
    await fresh.settled;
    assert.notStrictEqual(fresh.value.page, old.page, 'not offered');
    await done;
  });

  QUnit.test('a warm hit settles without another turn of the event loop', async (assert) => {
    const { pool } = await kit().warm({ tabHealthProbeMs: 0 });
    await kit().visit(pool, 'a');
    const ask = kit().ask(pool, 'a');
    await microtasks(30);
    assert.strictEqual(ask.state, 'fulfilled', 'within microtasks');
  });

  QUnit.test('a warm hit with a probe answered in a microtask needs no turn either', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    const ask = kit().ask(pool, 'a');
    await microtasks(60);
    assert.strictEqual(ask.state, 'fulfilled', 'within microtasks');
  });

  QUnit.test('a standby is made without leaving the JavaScript thread', async (assert) => {
    const { pool } = kit().make({ fakeOptions: { plain: true } });
    const ask = kit().ask(pool, 'a');
    await microtasks(300);
    assert.strictEqual(ask.state, 'fulfilled', 'with an immediate browser the cold lease comes within microtasks');
  });
});

poolModule('the order of calls', (kit) => {
  QUnit.test('requests are decided in the order of their calls', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 3 });
    const asks = ['a', 'b', 'c'].map((key) => kit().ask(pool, key));
    await Promise.all(asks.map((a) => a.settled));
    assert.deepEqual(asks.map((a) => a.value.page), fake.pages.slice(0, 3), 'first come, first served');
  });

  QUnit.test('an outcome is seen before what was called after it', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const lease = await kit().take(pool, 'a');
    const order = [];
    lease.release();
    const done = pool.disposeAffinity('a').then(() => order.push('disposed'));
    const next = pool.getPage('a').then((l) => {
      kit().keep(l, 'a');
      order.push('leased');
      return l;
    });
    await done;
    const fresh = await next;
    assert.notStrictEqual(fresh.page, lease.page, 'the call after the disposal got a fresh tab');
    assert.strictEqual(order.length, 2, 'both settled');
  });

  QUnit.test('awaitIdle: close, manager, callback, resolve', async (assert) => {
    const order = [];
    const original = globalThis.fetch;
    process.env.PRERENDER_MANAGER_URL = 'http://manager.test';
    globalThis.fetch = async () => {
      order.push('manager');
      return new Response(null);
    };
    try {
      const { pool, fake } = await kit().warm({ onAffinityDisposed: () => order.push('callback') });
      const a = await kit().visit(pool, 'a');
      fake.rule('contextClose', async () => {
        await turns(1);
        order.push('closed');
      }, ({ context }) => context === a.page.context);
      await pool.disposeAffinity('a').then(() => order.push('resolved'));
      assert.deepEqual(order, ['closed', 'manager', 'callback', 'resolved'], 'in this order');
    } finally {
      globalThis.fetch = original;
      process.env.PRERENDER_MANAGER_URL = '';
    }
  });
});

poolModule('nothing waits for another’s slow work', (kit) => {
  QUnit.test('while a close hangs, the same affinity goes on', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3, closeTimeoutMs: 100 });
    const old = await kit().visit(pool, 'a');
    fake.rule('contextClose', () => NEVER, ({ context }) => context === old.page.context);
    fake.rule('pageClose', () => NEVER, ({ page }) => page === old.page);
    watch(pool.disposeAffinity('a'));
    const fresh = await kit().take(pool, 'a');
    assert.notStrictEqual(fresh.page.context, old.page.context, 'on a fresh context');
    assert.ok((await kit().take(pool, 'b')).page, 'so does another');
  });

  QUnit.test('while a standby hangs, warm tabs go on', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'b');
    const gate = fake.gate('createBrowserContext');
    await kit().take(pool, 'c');
    const cold = kit().ask(pool, 'd');
    await turns();
    assert.true((await kit().visit(pool, 'a')).reused, 'a');
    assert.true((await kit().visit(pool, 'b')).reused, 'b');
    await pool.disposeAffinity('b', { awaitIdle: false });
    assert.strictEqual(cold.state, 'pending', 'only the one that needs it waits');
    gate.open();
    await cold.settled;
  });

  QUnit.test('while a lease is held, snapshots, eviction and other disposals go on', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    await kit().take(pool, 'held');
    await kit().visit(pool, 'b');
    watch(pool.disposeAffinity('held'));
    await pool.disposeAffinity('b');
    assert.deepEqual(await pool.evictIdleAffinities(1), [], 'eviction');
    assert.ok(pool.getQueueDepthSnapshot(), 'snapshots');
  });

  QUnit.test('while getBrowser hangs, calls that need no browser go on', async (assert) => {
    const { pool, fake } = kit().make();
    const gate = fake.gate('getBrowser');
    const ask = kit().ask(pool, 'a');
    await pool.disposeAffinity('b');
    assert.deepEqual(await pool.evictIdleAffinities(5), [], 'eviction');
    assert.strictEqual(ask.state, 'pending', 'the lease waits');
    gate.open();
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'and comes');
  });
});

poolModule('times', (kit) => {
  async function withClock(run) {
    const real = Date.now;
    const clock = { now: 1_700_000_000_000 };
    Date.now = () => clock.now;
    try {
      await run(clock);
    } finally {
      Date.now = real;
    }
  }

  QUnit.test('are Date.now as it is at the time of the call', (assert) => withClock(async (clock) => {
    const { pool } = await kit().warm();
    const held = await kit().take(pool, 'a', 'module');
    await kit().take(pool, 'b');
    const ask = kit().ask(pool, 'a', 'module');
    await turns();
    clock.now += 1234;
    held.release();
    await ask.settled;
    assert.strictEqual(ask.value.waits.tabQueueMs, 1234, 'by the fake clock, exactly');
    assert.strictEqual(ask.value.launchMs, 1234, 'the whole as well');
    assert.strictEqual(pool.getSharedContextSnapshot().entries.find((e) => e.affinityKey === 'a').lastUsedAt, clock.now, 'the row too');
  }));

  QUnit.test('each wait is counted once, by the fake clock', (assert) => withClock(async (clock) => {
    const semaphore = new lib.AsyncSemaphore(9);
    const { pool, fake } = kit().make({ maxPages: 2, renderSemaphore: semaphore });
    const holds = [await semaphore.acquire(), await semaphore.acquire()];
    const gate = fake.gate('goto');
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'the standby navigates');
    clock.now += 100;
    gate.open();
    await until(() => semaphore.pendingCount === 1, 'waits for the semaphore');
    clock.now += 20;
    holds.forEach((r) => r());
    await ask.settled;
    assert.deepEqual(ask.value.waits, { semaphoreMs: 20, admissionMs: 0, tabQueueMs: 0, tabStartupMs: 100, tabProbeMs: 0 }, 'startup and semaphore');
    assert.strictEqual(ask.value.launchMs, 120, 'the whole');
  }));

  QUnit.test('a clock that goes backwards makes no negative wait, and the sum stays within launchMs', (assert) => withClock(async (clock) => {
    const { pool } = await kit().warm();
    const held = await kit().take(pool, 'a', 'module');
    await kit().take(pool, 'b');
    const ask = kit().ask(pool, 'a', 'module');
    await turns();
    clock.now -= 60_000;
    held.release();
    await ask.settled;
    const waits = Object.values(ask.value.waits);
    assert.ok(waits.every((ms) => Number.isInteger(ms) && ms >= 0), `integers from 0: ${waits}`);
    assert.ok(Number.isInteger(ask.value.launchMs) && ask.value.launchMs >= 0, `launchMs ${ask.value.launchMs}`);
    assert.ok(waits.reduce((x, y) => x + y, 0) <= ask.value.launchMs, 'the sum');
  }));

  QUnit.test('a clock with fractions still gives integers', (assert) => withClock(async (clock) => {
    const { pool } = await kit().warm();
    const held = await kit().take(pool, 'a', 'module');
    await kit().take(pool, 'b');
    const ask = kit().ask(pool, 'a', 'module');
    await turns();
    clock.now += 10.75;
    held.release();
    await ask.settled;
    const waits = Object.values(ask.value.waits);
    assert.ok([...waits, ask.value.launchMs].every(Number.isInteger), `integers: ${waits}`);
    assert.ok(waits.reduce((x, y) => x + y, 0) <= ask.value.launchMs, 'the sum');
  }));

  QUnit.test('the sum of the waits never exceeds launchMs', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(9);
    const { pool } = await kit().warm({ maxPages: 2, renderSemaphore: semaphore });
    for (let i = 0; i < 20; i++) {
      const asks = ['a', 'b', 'a', 'c', 'a'].map((key, k) => kit().ask(pool, key, ['file', 'module', 'command'][k % 3]));
      for (const ask of asks) {
        ask.settled.then(() => ask.value?.release());
      }
      await Promise.all(asks.map((a) => a.settled));
      for (const { value } of asks) {
        const sum = Object.values(value.waits).reduce((x, y) => x + y, 0);
        if (sum > value.launchMs) {
          assert.ok(false, `${JSON.stringify(value.waits)} in ${value.launchMs}`);
          return;
        }
      }
    }
    assert.ok(true, 'a hundred leases');
  });
});

poolModule('a test’s fake timers', (kit) => {
  QUnit.test('nothing but Date.now is asked for the time, and no timer of JavaScript is set', async (assert) => {
    const { setImmediate: turn } = globalThis;
    const names = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate', 'queueMicrotask', 'Date', 'performance'];
    const original = Object.fromEntries(names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
    const used = [];
    const settles = async (promise) => {
      const watched = watch(promise);
      for (let i = 0; i < 100 && watched.state === 'pending'; i++) {
        await new Promise((resolve) => turn(resolve));
      }
      return watched;
    };
    const { pool } = kit().make({ maxPages: 2 });
    try {
      for (const name of names) {
        const value = name === 'Date' ? { now: () => 1_700_000_000_000 } : () => used.push(name);
        Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      }
      const lease = await settles(pool.getPage('a'));
      assert.strictEqual(lease.state, 'fulfilled', 'a cold lease');
      assert.strictEqual(lease.value.launchMs, 0, 'by a clock that stands');
      lease.value.release();
      const again = await settles(pool.getPage('a'));
      assert.true(again.value?.reused, 'a warm one, with its probe');
      again.value.release();
      assert.strictEqual((await settles(pool.disposeAffinity('a'))).state, 'fulfilled', 'a disposal');
      assert.strictEqual((await settles(pool.closeAll())).state, 'fulfilled', 'and the end');
    } finally {
      for (const name of names) {
        Object.defineProperty(globalThis, name, original[name]);
      }
    }
    assert.deepEqual(used, [], 'none was used');
  });
});

poolModule('JavaScript that is called back', (kit) => {
  QUnit.test('may call the pool, wherever it is called from', async (assert) => {
    let pool;
    let depth = 0;
    let calls = 0;
    const thrown = [];
    const poke = () => {
      if (!pool || depth) {
        return;
      }
      depth++;
      calls++;
      try {
        const c = new AbortController();
        pool.getPage(`from within ${calls % 5}`, 'module', { signal: c.signal }).then((lease) => lease.release(), () => {});
        c.abort();
        pool.disposeAffinity('nobody', { awaitIdle: false });
        pool.warmStandbys();
        pool.getQueueDepthSnapshot();
        pool.__test_tryExpand();
      } catch (error) {
        thrown.push(error);
      } finally {
        depth--;
      }
    };
    const semaphore = {
      held: 0,
      size: 1,
      get capacity() {
        poke();
        return this.size;
      },
      get inUseCount() {
        poke();
        return this.held;
      },
      setCapacity(n) {
        this.size = n;
        poke();
      },
      acquire() {
        this.held++;
        poke();
        return () => {
          this.held--;
          poke();
        };
      },
    };
    const fake = kit().fake();
    const made = kit().make({
      fake, maxPages: 2, renderSemaphore: semaphore, onAffinityDisposed: poke,
      logger: () => ({ debug: poke, info: poke, warn: poke, error: poke }),
      env: { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '3' },
    });
    ({ pool } = made);
    for (const step of ['getBrowser', 'createBrowserContext', 'newPage', 'browserContext', 'on', 'off', 'evaluateOnNewDocument', 'createCDPSession', 'send',
      'goto', 'waitForFunction', 'evaluate', 'pageClose', 'contextClose', 'removeAllListeners', 'cleanupUserDataDirs']) {
      fake.rule(step, () => {
        poke();
        return PASS;
      });
    }
    for (let i = 0; i < 12; i++) {
      const key = `tenant ${i % 4}`;
      const lease = await kit().take(pool, key, ['file', 'module', 'command'][i % 3]);
      lease.page.emit('console', {
        type: () => (poke(), 'error'),
        text: () => (poke(), ''),
        args: () => [{ jsonValue: () => (poke(), { toJSON: () => (poke(), 'said') }), toString: () => (poke(), '') }],
        location: () => (poke(), {}),
      });
      lease.release();
      if (i % 3 === 0) {
        await within(pool.disposeAffinity(key), 'a disposal');
      }
    }
    pool = undefined;
    assert.deepEqual(thrown, [], 'nothing threw');
    assert.ok(calls > 100, `${calls} calls from within`);
    await turns();
    assert.strictEqual(semaphore.held, 0, 'every permit came back');
    assert.strictEqual(made.pool.getQueueDepthSnapshot().totalPending, 0, 'and nobody holds or waits');
  });
});

poolModule('promises and plain values', (kit) => {
  QUnit.test('every method that waits returns a real promise', async (assert) => {
    const { pool } = await kit().warm();
    const promises = [pool.getPage('a'), pool.warmStandbys(), pool.disposeAffinity('x'), pool.evictIdleAffinities(1)];
    assert.ok(promises.every((p) => p instanceof Promise), 'instances of Promise');
    (await promises[0]).release();
    await Promise.all(promises.slice(1));
  });

  QUnit.test('rejections, not throws, for wrong arguments', async (assert) => {
    const { pool } = await kit().warm();
    const p = pool.getPage();
    assert.ok(inspect(p).includes('Promise'), 'a promise');
    await assert.rejects(p, TypeError, 'which rejects');
  });

  QUnit.test('a page that emits after its teardown harms nobody', async (assert) => {
    const { pool } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    const saved = [...a.page.listeners];
    await pool.disposeAffinity('a');
    for (const { event, fn } of saved) {
      fn(event === 'console'
        ? { type: () => 'error', text: () => 'late', args: () => [{ jsonValue: () => Promise.reject(new Error('closed')), toString: () => 'x' }], location: () => ({}) }
        : { failure: () => ({ errorText: 'net::ERR_CERT_VERIFIER_CHANGED' }), resourceType: () => 'document', url: () => '' });
    }
    await turns();
    assert.deepEqual(pool.takeConsoleErrors(a.pageId), [], 'nothing is kept');
  });
});
