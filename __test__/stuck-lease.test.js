'use strict';

// Pages that get stuck while somebody holds their lease, on a real Chrome: whoever holds it, they cost the pool no more
// than the time that a page has for an answer.

const lib = require('..');
const { chromeModule, rendererOf } = require('./helpers/real-chrome.js');
const { watch, within } = require('./helpers/wait.js');

const CLOSE_TIMEOUT_MS = 2000;

/** A pool for one render at a time, as a prerender server has it. */
const oneAtATime = (kit, options) => kit().pool({
  maxPages: 1, renderSemaphore: new lib.AsyncSemaphore(1), closeTimeoutMs: CLOSE_TIMEOUT_MS, ...options,
});

/** What cards do that never end. Each resolves with its call, which waits for ever by itself. */
const cards = {
  'an endless loop': async (page) => [page.evaluate(() => {
    for (;;);
  })],
  'an endless chain of microtasks': async (page) => [page.evaluate(async () => {
    for (;;) await null;
  })],
  'a synchronous request that is not answered': async (page) => [page.evaluate(() => {
    const request = new XMLHttpRequest();
    request.open('GET', '/hang', false);
    request.send();
  })],
  'a renderer that was stopped': async (page) => {
    process.kill(await rendererOf(page), 'SIGSTOP');
    return [page.evaluate(() => 1)];
  },
};

/** A renderer that has no timeout of its own, and releases when its call has settled. */
async function render(pool, key, card, options) {
  const lease = await pool.getPage(key, 'file', options);
  const [call] = await card(lease.page);
  return { lease, render: watch(call.finally(() => lease.release())) };
}

chromeModule('a page that gets stuck under its lease', (kit, test) => {
  for (const [name, card] of Object.entries(cards)) {
    test(`${name}: its client gives up, and the next tenant is served in time`, async (assert) => {
      const { pool } = oneAtATime(kit);
      await within(pool.warmStandbys(), 'warmStandbys', 30_000);
      const client = new AbortController();
      const stuck = await within(render(pool, 'stuck', card, { signal: client.signal }), 'the lease', 30_000);
      await within(pool.warmStandbys(), 'a standby for the next', 30_000);
      const next = watch(pool.getPage('next'));

      const from = performance.now();
      client.abort();
      const disposed = watch(pool.disposeAffinity('stuck'));
      await within(next.settled, 'the next tenant', 30_000);
      const after = performance.now() - from;
      assert.strictEqual(next.state, 'fulfilled', `the next tenant is served: ${next.error}`);
      assert.true(after <= CLOSE_TIMEOUT_MS + 1000, `within closeTimeoutMs + 1 s of the abort: ${Math.round(after)} ms`);
      assert.strictEqual(await next.value.page.evaluate(() => 6 * 7), 42, 'with a page that works');

      await within(stuck.render.settled, 'the call of the stuck renderer', 10_000);
      assert.strictEqual(stuck.render.state, 'rejected', 'which rejects');
      await within(disposed.settled, 'the disposal', 10_000);
      stuck.lease.release();
      const other = watch(pool.getPage('other'));
      next.value.release();
      await within(other.settled, 'the one after', 30_000);
      assert.strictEqual(other.state, 'fulfilled', 'a release that comes late gives back nothing twice');
      other.value.release();
    });
  }

  test('calls of a lease that was revoked reject with the cause', async (assert) => {
    const { pool, logs } = oneAtATime(kit);
    const lease = await kit().take(pool, 'stuck');
    process.kill(await rendererOf(lease.page), 'SIGSTOP');
    const call = watch(lease.page.evaluate(() => 1));
    await within(pool.disposeAffinity('stuck'), 'the disposal', 20_000);
    await within(call.settled, 'the call', 5000);
    const { error } = call;
    assert.strictEqual(error.code, 'PAGE_CLOSED', `the page is closed: ${error}`);
    assert.strictEqual(error.name, 'TargetCloseError', 'as puppeteer says it');
    assert.ok(/revoked: its page does not answer/.test(error.cause?.message), `and the cause says why: ${error.cause}`);
    assert.ok(logs.find('warn', /lease of stuck is revoked/).length === 1, 'the log tells of it once');
  });

  test('revokeOnAbort ends a lease whose page is stuck, without a disposal', async (assert) => {
    const { pool } = oneAtATime(kit);
    const client = new AbortController();
    const options = { signal: client.signal, revokeOnAbort: true };
    const stuck = await within(render(pool, 'stuck', cards['a synchronous request that is not answered'], options), 'the lease', 30_000);
    await within(pool.warmStandbys(), 'a standby for the next', 30_000);
    const next = watch(pool.getPage('next'));
    const from = performance.now();
    client.abort();
    await within(next.settled, 'the next tenant', 30_000);
    const after = performance.now() - from;
    assert.true(after <= CLOSE_TIMEOUT_MS + 1000, `within closeTimeoutMs + 1 s of the abort: ${Math.round(after)} ms`);
    await within(stuck.render.settled, 'the call of the stuck renderer', 10_000);
    next.value.release();
  });

  test('without revokeOnAbort an abort leaves the lease alone', async (assert) => {
    const { pool } = oneAtATime(kit, { closeTimeoutMs: 200 });
    const client = new AbortController();
    const lease = await kit().take(pool, 'a', 'file', { signal: client.signal });
    const call = watch(lease.page.evaluate(() => new Promise((resolve) => setTimeout(() => resolve('done'), 1000))));
    client.abort();
    await within(call.settled, 'the call', 20_000);
    assert.strictEqual(call.value, 'done', 'its render ends as if nothing had happened');
  });

  test('a page that answers goes on to its release, and a call that outlives the grace time rejects', async (assert) => {
    const { pool } = oneAtATime(kit, { leaseGraceMs: 6000 });
    const healthy = await kit().take(pool, 'a');
    const disposed = watch(pool.disposeAffinity('a'));
    const slow = await within(healthy.page.evaluate(() => new Promise((resolve) => setTimeout(() => resolve(1), 3500))), 'a slow render', 20_000);
    assert.strictEqual(slow, 1, 'a render that takes longer than closeTimeoutMs, but answers, is let end');
    assert.strictEqual(disposed.state, 'pending', 'the disposal waits for the release');
    healthy.release();
    await within(disposed.settled, 'the disposal', 20_000);

    const hung = await kit().take(pool, 'b');
    const call = watch(hung.page.evaluate(() => new Promise(() => {})));
    const from = performance.now();
    await within(pool.disposeAffinity('b'), 'the disposal of a lease that is not released', 30_000);
    assert.true(performance.now() - from >= 5900, 'not before the grace time is over');
    await within(call.settled, 'the call', 5000);
    assert.ok(/not released within 6000 ms/.test(call.error?.cause?.message), `${call.error?.cause}`);
  });

  test('a page whose script could be ended answers again, and keeps its lease', async (assert) => {
    const { pool } = oneAtATime(kit);
    const lease = await kit().take(pool, 'a');
    await lease.page.evaluate(() => {
      setTimeout(() => {
        for (;;);
      }, 0);
    });
    const disposed = watch(pool.disposeAffinity('a'));
    const answer = await within(lease.page.evaluate(() => 6 * 7), 'an answer once the loop is ended', 20_000);
    assert.strictEqual(answer, 42, 'the same page answers');
    assert.strictEqual(disposed.state, 'pending', 'under the same lease');
    lease.release();
    await within(disposed.settled, 'the disposal', 20_000);
  });

  test('closeAll ends a stuck lease and waits for a healthy one', async (assert) => {
    const { pool } = kit().pool({ maxPages: 2, closeTimeoutMs: CLOSE_TIMEOUT_MS });
    const [stuck, healthy] = [await kit().take(pool, 'stuck'), await kit().take(pool, 'healthy')];
    process.kill(await rendererOf(stuck.page), 'SIGSTOP');
    const call = watch(stuck.page.evaluate(() => 1));
    const closed = watch(pool.closeAll());
    await within(call.settled, 'the call of the stuck lease', 20_000);
    assert.strictEqual(await healthy.page.evaluate(() => 1), 1, 'the healthy page is still there');
    assert.strictEqual(closed.state, 'pending', 'closeAll waits for its release');
    healthy.release();
    await within(closed.settled, 'closeAll', 20_000);
    assert.strictEqual(closed.state, 'fulfilled', 'and ends with it');
  });
});
