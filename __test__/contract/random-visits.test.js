'use strict';

const { AsyncSemaphore, bounded, contract, turns } = require('./helpers/harness.js');

/** A small seeded generator (mulberry32): a failure is repeated by its seed. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) % 1_000_000) % below;
  };
}

const slow =
  (pick) =>
  ({ next }) =>
    turnsOf(pick(3)).then(next);

async function turnsOf(count) {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Many visits at once, with what the contract says of each looked at when it is given and when it ends. */
async function visits(assert, t, { seed, options, semaphore, dispose = {}, check }) {
  const pick = random(seed);
  const { pool, browser } = t.make({ ...options, semaphore });
  for (const call of ['createBrowserContext', 'newPage', 'goto', 'closePage', 'closeContext', 'evaluate'])
    browser.on[call] = slow(pick);
  const held = new Map();
  const owner = new Map();
  const faults = [];
  const fault = (text) => {
    const line = `seed ${seed}: ${text}`;
    if (!faults.includes(line)) faults.push(line);
  };
  const enter = (key, lease) => {
    const context = lease.page.browserContext();
    if (held.has(lease.page)) fault(`page of ${key} is already held by ${held.get(lease.page)}`);
    if (lease.page.closed || context.closed) fault(`${key} was given a closed page`);
    if (owner.has(context) && owner.get(context) !== key)
      fault(`${key} sees what ${owner.get(context)} stored`);
    owner.set(context, key);
    held.set(lease.page, key);
    if (semaphore && semaphore.inUseCount > semaphore.capacity) fault('more leases than the semaphore has');
  };
  const leave = (key, lease) => {
    if (lease.page.closed || lease.page.browserContext().closed) fault(`a page was closed under ${key}`);
    held.delete(lease.page);
    lease.release();
    lease.release();
  };
  const limit = () => {
    const most = pool.currentMaxPages + 1;
    if (check && browser.alive.length > most) fault(`${browser.alive.length} contexts of at most ${most}`);
  };
  const one = async (key) => {
    const queue = ['file', 'file', 'module', 'command'][pick(4)];
    const controller = new AbortController();
    const asked = pool.getPage(key, queue, { priority: pick(3), signal: controller.signal });
    if (pick(6) === 0) turnsOf(pick(4)).then(() => controller.abort());
    try {
      const lease = await asked;
      enter(key, lease);
      limit();
      await turnsOf(pick(5));
      leave(key, lease);
    } catch (error) {
      if (error.code !== 'PRERENDER_CANCELLED') fault(`${key} was rejected: ${error.message}`);
    }
    limit();
  };
  const all = [];
  for (let i = 0; i < 120; i++) {
    all.push(one(`k${pick(7)}`));
    if (pick(12) === 0)
      all.push(pool.disposeAffinity(`k${pick(7)}`, { awaitIdle: pick(2) === 0, ...dispose }));
    if (pick(3) === 0) await turnsOf(pick(6));
    limit();
  }
  await bounded(Promise.all(all), `SPEC 4: every call settles (seed ${seed})`, 40_000);
  await bounded(pool.warmStandbys(), 'warmStandbys');
  await turns(2);
  const depth = pool.getQueueDepthSnapshot();
  if (depth.totalPending !== 0) fault(`${depth.totalPending} are still pending`);
  for (const row of depth.affinities)
    if (!row.idle || row.admission.pending !== 0)
      fault(`${row.affinityKey} is not idle: ${JSON.stringify(row)}`);
  if (semaphore && semaphore.inUseCount !== 0) fault(`${semaphore.inUseCount} permits are still out`);
  await bounded(pool.closeAll(), 'closeAll');
  if (browser.alive.length > 0) fault(`${browser.alive.length} contexts are left`);
  for (const context of browser.contexts)
    if (context.closeCalls !== 1) fault(`context ${context.number} was closed ${context.closeCalls} times`);
  return faults;
}

const SEEDS = [1, 2, 3];
const FIXED = { maxPages: 3 };
const SINGLE = { maxPages: 1 };
const DYNAMIC = { env: { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '5' } };
const ORPHANS = { maxPages: 2, env: { PRERENDER_SHARED_CONTEXT_CAP: '3' } };

contract('SPEC 4 to 7: many visits at once', (test) => {
  async function all(assert, t, first, what, make) {
    for (const seed of SEEDS) {
      const faults = await visits(assert, t, { seed: first + seed, ...make() });
      assert.deepEqual(faults, [], what);
    }
  }

  test('a fixed pool', async (assert, t) => {
    const what = 'SPEC 4, 6, 7: leases are exclusive, contexts of one tenant and closed once';
    await all(assert, t, 0, what, () => ({ options: FIXED }));
  });

  test('a dynamic pool with a semaphore', async (assert, t) => {
    const what = 'SPEC 4, 6, 7, 9: the same while it expands';
    await all(assert, t, 100, what, () => ({ options: DYNAMIC, semaphore: new AsyncSemaphore(1) }));
  });

  test('with orphans and a small cap', async (assert, t) => {
    const what = 'SPEC 6: each context is closed exactly once, whoever keeps it';
    await all(assert, t, 200, what, () => ({
      options: ORPHANS,
      semaphore: new AsyncSemaphore(2),
      dispose: { retainSharedContext: true },
    }));
  });

  test('a single page', async (assert, t) => {
    const what = 'SPEC 4d: everybody is served by whichever slot frees first';
    await all(assert, t, 300, what, () => ({ options: SINGLE }));
  });

  test('contexts alive, of a fixed pool', async (assert, t) => {
    const what = 'SPEC 5: never exceed current pages + 1';
    await all(assert, t, 0, what, () => ({ options: FIXED, check: true }));
    await all(assert, t, 300, what, () => ({ options: SINGLE, check: true }));
  });

  test('contexts alive, of a dynamic pool', async (assert, t) => {
    const what = 'SPEC 5: never exceed current pages + 1';
    await all(assert, t, 100, what, () => ({
      options: DYNAMIC,
      semaphore: new AsyncSemaphore(1),
      check: true,
    }));
  });
});
