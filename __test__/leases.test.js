'use strict';

// What bounds a call and its lease: deadlines, signals, limits, and leases that nobody releases.

const v8 = require('node:v8');
const vm = require('node:vm');
const { lib, poolModule } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { turns, until, watch, within } = require('./helpers/wait.js');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const invalid = (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE';

poolModule('a lease with a deadline', (kit) => {
  QUnit.test('it is revoked then: its signal says why, its page is closed, and the next caller is served', async (assert) => {
    const { pool, logs } = await kit().warm({ maxPages: 1, renderSemaphore: new lib.AsyncSemaphore(1) });
    const lease = await kit().take(pool, 'a', 'module', { leaseTimeoutMs: 50 });
    lease.page.leasedBy = undefined;
    const next = kit().ask(pool, 'b');
    await within(new Promise((resolve) => lease.signal.addEventListener('abort', resolve)), 'the abort');
    assert.strictEqual(lease.signal.reason.code, 'LEASE_TIMEOUT', `the reason: ${lease.signal.reason}`);
    await within(next.settled, 'the next caller');
    assert.strictEqual(next.state, 'fulfilled', 'who is served');
    assert.ok(logs.find('warn', /module lease of a is revoked/).length === 1, 'the log names tenant and queue');
    assert.strictEqual(lease.extend(100), false, 'nothing is left to be extended');
    lease.release();
    assert.strictEqual(pool.getQueueDepthSnapshot().affinities.find((row) => row.affinityKey === 'b').byQueue.file, 1, 'a late release does nothing');
  });

  QUnit.test('extend puts it off, and the pool has a default for it', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, leaseTimeoutMs: 200 });
    const lease = await kit().take(pool, 'a');
    lease.page.leasedBy = undefined;
    const from = performance.now();
    assert.strictEqual(lease.extend(600), true, 'it is there');
    assert.strictEqual(lease.extend(1), true, 'a shorter time takes nothing away');
    await within(new Promise((resolve) => lease.signal.addEventListener('abort', resolve)), 'the abort');
    assert.ok(performance.now() - from >= 590, `not before the time it was given: ${performance.now() - from}`);
  });

  QUnit.test('a released lease is not revoked, and its signal stays as it is', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const lease = await kit().take(pool, 'a', 'file', { leaseTimeoutMs: 30 });
    const { signal } = lease;
    lease.release();
    assert.strictEqual(lease.extend(10), false, 'it has ended');
    await new Promise((resolve) => setTimeout(resolve, 80));
    assert.false(signal.aborted, 'nothing was revoked');
  });

  QUnit.test('the signal is an own property of a plain object, always the same, and of this realm', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const lease = await kit().take(pool, 'a');
    assert.true(['signal', 'extend'].every((name) => Object.hasOwn(lease, name)), 'its own');
    assert.deepEqual(Object.keys(lease), ['page', 'pageId', 'reused', 'launchMs', 'waits', 'release'], 'who lists it sees what was always there');
    const { signal } = lease;
    assert.true(signal instanceof AbortSignal, 'of this realm');
    assert.strictEqual(lease.signal, signal, 'the same');
  });

  QUnit.test('a lease that is held too long is logged once', async (assert) => {
    const { pool, logs } = await kit().warm({ maxPages: 1, leaseWarnMs: 20 });
    const lease = await kit().take(pool, 'a', 'command');
    await until(() => logs.find('warn', /command lease of a has been held/).length > 0, 'the warning');
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.strictEqual(logs.find('warn', /has been held/).length, 1, 'once');
    lease.release();
  });

  QUnit.test('a lease that was garbage-collected without release comes back, with a warning', async (assert) => {
    const { pool, logs } = await kit().warm({ maxPages: 1, renderSemaphore: new lib.AsyncSemaphore(1) });
    await (async () => {
      const lease = await pool.getPage('a', 'module');
      // What listens to the signal may hold the lease.
      lease.signal.addEventListener('abort', () => lease.page);
    })();
    const next = kit().ask(pool, 'b');
    await until(() => {
      gc();
      return next.state !== 'pending';
    }, 'the next caller is served');
    assert.strictEqual(next.state, 'fulfilled', 'who waited for it');
    assert.strictEqual(logs.find('warn', /module lease of a was garbage-collected/).length, 1, 'the warning names tenant and queue');
  });

  QUnit.test('a page of a browser from JavaScript that does not answer is closed under its lease', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1, closeTimeoutMs: 60, renderSemaphore: new lib.AsyncSemaphore(1) });
    const lease = await kit().take(pool, 'a');
    fake.rule('evaluate', () => NEVER, ({ page }) => page === lease.page);
    const next = kit().ask(pool, 'b');
    lease.page.leasedBy = undefined;
    await within(pool.disposeAffinity('a'), 'the disposal');
    await within(next.settled, 'the next caller');
    assert.strictEqual(next.state, 'fulfilled', 'who is served');
    assert.strictEqual(lease.signal.reason?.code, 'LEASE_REVOKED', 'and the lease knows');
  });
});

poolModule('calls that may not wait for ever', (kit) => {
  QUnit.test('acquireTimeoutMs rejects with a code of its own and an estimate', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, renderSemaphore: new lib.AsyncSemaphore(1) });
    await kit().take(pool, 'a');
    const waits = kit().ask(pool, 'b', 'file', { acquireTimeoutMs: 30 });
    await within(waits.settled, 'the rejection');
    assert.strictEqual(waits.error?.code, 'ACQUIRE_TIMEOUT', `${waits.error}`);
    assert.true(waits.error.retryAfterMs >= 1, `an estimate: ${waits.error.retryAfterMs}`);
  });

  QUnit.test('maxWaiting lets so many queue and no more', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, maxWaiting: 2, renderSemaphore: new lib.AsyncSemaphore(1), disableFileAdmission: true });
    const lease = await kit().take(pool, 'a');
    const waiting = [kit().ask(pool, 'a'), kit().ask(pool, 'a')];
    const third = kit().ask(pool, 'a');
    await within(third.settled, 'the rejection');
    assert.strictEqual(third.error?.code, 'TOO_MANY_WAITING', `${third.error}`);
    assert.true(third.error.retryAfterMs >= 1, 'with an estimate');
    await turns(5);
    assert.deepEqual(waiting.map((call) => call.state), ['pending', 'pending'], 'those before it wait on');
    lease.release();
    await within(waiting[0].settled, 'the first of them');
    assert.strictEqual(waiting[0].state, 'fulfilled', 'is served');
  });

  QUnit.test('a cold pool makes pages for all whom it has room for', async (assert) => {
    const { pool } = kit().make({ maxPages: 3, maxWaiting: 1 });
    const calls = ['a', 'b', 'c'].map((key) => kit().ask(pool, key));
    for (const call of calls) {
      await within(call.settled, 'a lease');
      assert.strictEqual(call.state, 'fulfilled', `${call.error}`);
    }
  });

  QUnit.test('wrong limits are refused by name', async (assert) => {
    for (const option of ['leaseTimeoutMs', 'acquireTimeoutMs', 'maxWaiting', 'leaseWarnMs', 'leaseGraceMs']) {
      for (const value of [0, -1, NaN, '5', null]) {
        assert.throws(() => kit().make({ [option]: value, unchecked: true }), (error) => invalid(error) && error.message.includes(option), `${option}: ${value}`);
      }
    }
    const { pool } = await kit().warm({ maxPages: 1 });
    for (const option of ['leaseTimeoutMs', 'acquireTimeoutMs', 'maxWaiting']) {
      await assert.rejects(pool.getPage('a', 'file', { [option]: 0 }), invalid, option);
    }
    const lease = await kit().take(pool, 'a');
    for (const value of [undefined, NaN, 0, -1, '5']) {
      assert.throws(() => lease.extend(value), invalid, `extend(${value})`);
    }
  });
});

poolModule('pool.use', (kit) => {
  QUnit.test('it resolves with what the function returns, and releases', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const result = await pool.use('a', (lease) => lease.page.evaluate(() => 42).then(() => lease.pageId));
    assert.strictEqual(typeof result, 'string', 'the result');
    assert.deepEqual(await pool.use('a', ({ extend, signal }) => [extend(1), signal.aborted]), [true, false], 'its lease can be extended, and has its signal');
    assert.true(pool.getVacancySnapshot().a.idle, 'the page is free');
  });

  QUnit.test('what the function throws is passed on, and the page is free', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    await assert.rejects(pool.use('a', () => {
      throw new Error('mine');
    }), /mine/);
    assert.true(pool.getVacancySnapshot().a.idle, 'released');
  });

  QUnit.test('when its time is over it rejects at once, tells the function, and the page comes back with that', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    let reason;
    const call = watch(pool.use('a', ({ signal }) => new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        ({ reason } = signal);
        resolve();
      });
    }), { timeoutMs: 40 }));
    await within(call.settled, 'the rejection');
    assert.strictEqual(call.error?.code, 'TIMEOUT', `${call.error}`);
    assert.strictEqual(reason, call.error, 'the function is told the same');
    await until(() => pool.getVacancySnapshot().a.idle, 'the page is free');
  });

  QUnit.test('its signal ends the wait, and the run', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, renderSemaphore: new lib.AsyncSemaphore(1) });
    const lease = await kit().take(pool, 'a');
    const waiting = new AbortController();
    const queued = watch(pool.use('b', () => 1, { signal: waiting.signal }));
    await turns(3);
    waiting.abort('enough');
    await within(queued.settled, 'the queued one');
    assert.deepEqual([queued.error.code, queued.error.state, queued.error.reason], ['PRERENDER_CANCELLED', 'queued', 'enough']);
    lease.release();
    const running = new AbortController();
    const used = watch(pool.use('b', () => {
      running.abort();
      return new Promise((resolve) => setTimeout(resolve, 20));
    }, { signal: running.signal }));
    await within(used.settled, 'the running one');
    assert.deepEqual([used.error.code, used.error.state], ['PRERENDER_CANCELLED', 'rendering']);
    await until(() => pool.getVacancySnapshot().b.idle, 'the page is free when the function has ended');
  });

  QUnit.test('wrong arguments', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    await assert.rejects(pool.use('a'), invalid, 'no function');
    await assert.rejects(pool.use('', () => {}), invalid, 'no key');
    for (const options of [null, 5, { timeoutMs: 0 }, { timeoutMs: 'x' }, { signal: {} }, { queue: 'x' }, { timeout: 5 }]) {
      await assert.rejects(pool.use('a', () => {}, options), invalid, JSON.stringify(options));
    }
  });
});
