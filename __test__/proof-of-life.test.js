'use strict';

// An answer that a page gives after its lease counts for the next one (SPEC 8), on a real Chrome.

const { chromeModule } = require('./helpers/real-chrome.js');
const { microtasks, until, watch, within } = require('./helpers/wait.js');

const KEY = 'realm:https://acme.example/';

chromeModule('proof of life', (kit, test) => {
  /** Visits until one of them has its lease before anything could have come from Chrome. */
  async function unasked(pool, rounds) {
    for (let round = 0; round < rounds; round++) {
      const visit = watch(pool.getPage(KEY));
      await microtasks(10);
      const atOnce = visit.state === 'fulfilled';
      const lease = await visit.promise;
      lease.release();
      if (atOnce) {
        return lease;
      }
      // Chrome's answer to the question asked at the release comes meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return undefined;
  }

  test('a warm visit waits for no question where the page has answered since its last lease', async (assert) => {
    const { pool } = kit().pool({ tabProofOfLifeMs: 60_000 });
    await kit().visit(pool, KEY);
    const lease = await unasked(pool, 200);
    assert.ok(lease, 'SPEC 8: the pool asks at release, so a warm visit needs no round trip to Chrome');
    assert.true(lease.reused);
    assert.strictEqual(lease.waits.tabProbeMs, 0, 'nothing was waited for');
  });

  test('with 0 the page is asked each time', async (assert) => {
    const { pool } = kit().pool({ tabProofOfLifeMs: 0 });
    await kit().visit(pool, KEY);
    assert.strictEqual(await unasked(pool, 20), undefined, 'SPEC 8: 0 = always ask');
  });

  test('a page that was frozen since its answer is thawed when it is handed out', async (assert) => {
    const { pool } = kit().pool({ tabProofOfLifeMs: 60_000 });
    await kit().visit(pool, KEY);
    const before = await unasked(pool, 200);
    assert.ok(before, 'the page has answered');
    const session = await before.page.createCDPSession();
    // Its answer of before counts, so nobody asks it.
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    const next = await kit().take(pool, KEY);
    assert.strictEqual(next.page, before.page, 'it is the same page');
    const ran = next.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 0, 'ran')));
    assert.strictEqual(await within(ran, 'a timer', 20_000), 'ran', 'SPEC 8: a page that was frozen is thawed before it is handed out');
    next.release();
  });

  test('a page that gets stuck between two leases is found by the next one', async (assert) => {
    const { pool, logs } = kit().pool({ tabProofOfLifeMs: 100, tabHealthProbeMs: 300 });
    await pool.warmStandbys();
    const first = await kit().take(pool, KEY);
    await first.page.evaluate(() => {
      setTimeout(() => {
        for (;;);
      }, 50);
    });
    first.release();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const next = await kit().take(pool, KEY);
    assert.notStrictEqual(next.pageId, first.pageId, 'SPEC 8: an old answer does not count, and the stuck page is retired');
    assert.strictEqual(await next.page.evaluate(() => 1 + 1), 2, 'what comes in its place works');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { [KEY]: 1 }, 'SPEC 8: the retirement is counted');
    await until(() => logs.lines.some((line) => line.level === 'warn'), 'the retirement is logged');
    next.release();
  });
});
