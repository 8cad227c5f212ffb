'use strict';

// pool.on and its like: what happens in a pool, told as it happens.

const { once } = require('node:events');
const { poolModule } = require('./helpers/kit.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { turns, until } = require('./helpers/wait.js');

const EVENTS = ['lease', 'release', 'reject', 'standby', 'evict', 'retire', 'migrate', 'expand', 'contract', 'browser'];

/** Every event of the pool from now on, in order: its name and what came with it. */
function record(pool) {
  const told = [];
  for (const name of EVENTS) {
    pool.on(name, (event) => told.push([name, event]));
  }
  return told;
}

const of = (told, name) => told.filter(([other]) => other === name).map(([, event]) => event);

poolModule('events of a pool', (kit) => {
  QUnit.test('a visit is a lease and a release, each told before its call has returned to the caller', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const told = record(pool);
    const lease = await kit().take(pool, 'a', 'module', { priority: 3 });
    assert.deepEqual(of(told, 'lease'), [{
      affinityKey: 'a', pageId: lease.pageId, queue: 'module', priority: 3, reused: false, launchMs: lease.launchMs, waits: lease.waits,
    }], 'as the lease has it');
    lease.release();
    const [released] = of(told, 'release');
    assert.deepEqual({ ...released, leaseMs: 0 }, { affinityKey: 'a', pageId: lease.pageId, queue: 'module', leaseMs: 0, revoked: null }, 'the release');
    assert.true(Number.isInteger(released.leaseMs), 'with its length in whole milliseconds');
    lease.release();
    assert.strictEqual(of(told, 'release').length, 1, 'once');
    assert.true(told.every(([, event]) => Object.isFrozen(event)), 'no listener can change what others hear');
    assert.true(Object.isFrozen(of(told, 'lease')[0].waits), 'nor its parts');
  });

  QUnit.test('standbys: made, and failed with why', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 1 });
    const told = record(pool);
    let attempts = 0;
    const failing = fake.gate('goto', () => attempts++ === 0);
    const warm = pool.warmStandbys();
    await until(() => failing.count === 1, 'the first attempt');
    failing.fail(new Error('no such host'));
    await warm;
    const standbys = of(told, 'standby');
    assert.deepEqual(standbys.slice(0, 2).map(({ ready, attempt }) => ({ ready, attempt })), [{ ready: false, attempt: 1 }, { ready: true, attempt: 2 }], 'two attempts');
    assert.strictEqual(standbys[0].error.message, 'no such host', 'the very error');
    assert.false('error' in standbys[1], 'none where it went well');
    assert.strictEqual(typeof standbys[1].pageId, 'string', 'the page');
  });

  QUnit.test('rejections, evictions and migrations', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, disableStandbyRefill: true });
    const told = record(pool);
    const a = await kit().visit(pool, 'a');
    const b = await kit().take(pool, 'b');
    assert.deepEqual(of(told, 'migrate'), [{ affinityKey: 'b', from: 'a', pageId: a.pageId }], 'the tab moved');
    const controller = new AbortController();
    const waiting = pool.getPage('b', 'command', { signal: controller.signal });
    controller.abort();
    await assert.rejects(waiting, 'called off');
    assert.deepEqual(of(told, 'reject'), [{ affinityKey: 'b', queue: 'command', code: 'PRERENDER_CANCELLED' }], 'the rejection');
    b.release();
    await turns();
    const before = Date.now();
    await until(() => Date.now() > before + 2, 'it has been idle');
    await pool.evictIdleAffinities(1);
    assert.deepEqual(of(told, 'evict'), [{ affinityKey: 'b', tabs: 1, reason: 'idle' }], 'the eviction');
  });

  QUnit.test('a pool that grows', async (assert) => {
    const { AsyncSemaphore } = require('..');
    const { pool } = await kit().warm({ env: { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '2' }, renderSemaphore: new AsyncSemaphore(1) });
    const told = record(pool);
    await kit().take(pool, 'a');
    await kit().take(pool, 'b');
    const [{ reason, ...sizes }] = of(told, 'expand');
    assert.deepEqual(sizes, { from: 1, to: 2, priority: 0 }, 'by one page');
    assert.strictEqual(typeof reason, 'string', 'with why');
  });

  QUnit.test('a listener that throws or rejects is logged, and neither the pool nor the others notice', async (assert) => {
    const { pool, logs } = await kit().warm({ maxPages: 1 });
    const heard = [];
    pool.on('lease', () => {
      throw new Error('out of order');
    });
    pool.on('lease', async () => {
      throw new Error('later');
    });
    pool.on('lease', ({ affinityKey }) => heard.push(affinityKey));
    pool.on('release', () => {
      throw new TypeError('at the release');
    });
    const lease = await kit().take(pool, 'a');
    lease.release();
    await turns();
    assert.deepEqual(heard, ['a'], 'who listens after them hears it');
    const told = logs.find('error', /a listener of the pool's '\w+' event threw/).map(({ text }) => text.split(': ').at(-1));
    assert.deepEqual(told.sort(), ['at the release', 'later', 'out of order'], 'each is an error in the log');
    assert.strictEqual((await kit().visit(pool, 'a')).pageId, lease.pageId, 'the pool goes on');
  });

  QUnit.test('a listener may call the pool', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const seen = [];
    let next;
    pool.once('release', () => {
      seen.push(pool.stats().totals.leases.cold);
      next = pool.getPage('a');
    });
    await kit().visit(pool, 'a');
    const lease = kit().keep(await next, 'a');
    assert.deepEqual(seen, [1], 'it read the numbers');
    assert.true(lease.reused, 'and took the tab');
    lease.release();
  });

  QUnit.test('on, once, off, addListener, removeListener and listenerCount are those of an EventEmitter', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const heard = [];
    const listener = ({ affinityKey }) => heard.push(affinityKey);
    assert.strictEqual(pool.on('lease', listener), pool, 'on gives the pool');
    assert.strictEqual(pool.once('lease', listener), pool, 'once too');
    assert.strictEqual(pool.addListener('lease', listener), pool, 'addListener too');
    assert.strictEqual(pool.listenerCount('lease'), 3, 'three listen');
    await kit().visit(pool, 'a');
    assert.deepEqual(heard, ['a', 'a', 'a'], 'each heard it');
    assert.strictEqual(pool.listenerCount('lease'), 2, 'once was once');
    assert.strictEqual(pool.off('lease', listener), pool, 'off');
    assert.strictEqual(pool.removeListener('lease', listener), pool, 'removeListener');
    await kit().visit(pool, 'a');
    assert.strictEqual(heard.length, 3, 'nobody listens any more');
    assert.throws(() => pool.on('lease', 'no function'), (error) => error.code === 'ERR_INVALID_ARG_TYPE', 'a listener is a function');
    const next = once(pool, 'release');
    await kit().visit(pool, 'a');
    assert.strictEqual((await next)[0].affinityKey, 'a', 'events.once works with a pool');
  });

  QUnit.test('two pools have listeners of their own', async (assert) => {
    const [first, second] = [await kit().warm(), await kit().warm()];
    const heard = [];
    first.pool.on('lease', () => heard.push('first'));
    second.pool.on('lease', () => heard.push('second'));
    await kit().visit(second.pool, 'a');
    assert.deepEqual(heard, ['second'], 'each hears its own');
  });
});

chromeModule('events of a pool on our own Chrome', (kit, test) => {
  test('Chrome: started, lost, and stopped', async (assert) => {
    const { pool, manager } = kit().pool();
    const told = record(pool);
    await kit().visit(pool, 'a');
    const browser = await manager.getBrowser();
    const { pid } = browser.process();
    const version = await browser.version();
    assert.deepEqual(of(told, 'browser'), [{ state: 'started', pid, version }], 'it runs');
    process.kill(pid, 'SIGKILL');
    await until(() => of(told, 'browser').some(({ state }) => state === 'lost'), 'its death is told');
    const lost = of(told, 'browser').find(({ state }) => state === 'lost');
    assert.deepEqual({ ...lost, contexts: 0 }, { state: 'lost', contexts: 0, pid, version }, 'which it was');
    assert.true(lost.contexts >= 1, 'and that contexts are gone');
    await kit().visit(pool, 'a');
    await manager.stop();
    await until(() => of(told, 'browser').some(({ state }) => state === 'stopped'), 'that it was stopped is told');
    assert.deepEqual(of(told, 'browser').map(({ state }) => state), ['started', 'lost', 'started', 'stopped'], 'in this order');
  });

  test('a lease whose page does not answer is revoked, and its tab retired', async (assert) => {
    const { pool } = kit().pool({ closeTimeoutMs: 500 });
    const told = record(pool);
    await pool.warmStandbys();
    const lease = await kit().take(pool, 'a', 'file', { leaseTimeoutMs: 100 });
    await until(() => lease.signal.aborted, 'its deadline has passed');
    assert.deepEqual(of(told, 'release').map(({ revoked, pageId }) => ({ revoked, pageId })), [{ revoked: 'LEASE_TIMEOUT', pageId: lease.pageId }], 'the release');
    assert.deepEqual(of(told, 'retire'), [{ affinityKey: 'a', pageId: lease.pageId, reason: 'lease-timeout' }], 'the tab goes');
  });
});
