'use strict';

const { lib, poolModule } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { turns, until } = require('./helpers/wait.js');

const PROBE = { tabHealthProbeMs: 250 };
const row = (pool, key) => pool.getQueueDepthSnapshot().affinities.find((a) => a.affinityKey === key);

poolModule('liveness probe', (kit) => {
  QUnit.test('a fresh standby is not probed; a tab that served is, each time', async (assert) => {
    const { pool, fake } = await kit().warm(PROBE);
    await kit().visit(pool, 'a');
    assert.strictEqual(fake.count('evaluate'), 0, 'fresh');
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'a');
    assert.strictEqual(fake.count('evaluate'), 2, 'reused twice');
  });

  QUnit.test('any answer is an answer, whatever its value', async (assert) => {
    const { pool, fake } = await kit().warm({ ...PROBE, maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    for (const value of [undefined, null, false, 0, 'x', {}]) {
      fake.once('evaluate', () => Promise.resolve(value));
      assert.strictEqual((await kit().visit(pool, 'a')).page, a.page, `${String(value)} is an answer`);
    }
    fake.once('evaluate', () => 1);
    assert.strictEqual((await kit().visit(pool, 'a')).page, a.page, 'so is a plain value');
  });

  QUnit.test('the time goes to tabProbeMs', async (assert) => {
    const { pool, fake } = await kit().warm(PROBE);
    await kit().visit(pool, 'a');
    const gate = fake.gate('evaluate');
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'probed');
    const since = Date.now();
    await until(() => Date.now() - since >= 15, 'some time passes');
    gate.open();
    await ask.settled;
    assert.ok(ask.value.waits.tabProbeMs >= 10, `probe ${ask.value.waits.tabProbeMs}`);
    assert.strictEqual(ask.value.waits.tabQueueMs, 0, 'not to the queue');
  });

  const deaths = {
    'never answers': () => NEVER,
    'rejects': () => Promise.reject(new Error('Execution context was destroyed')),
    'throws': () => {
      throw new Error('Session closed');
    },
  };
  for (const [name, death] of Object.entries(deaths)) {
    QUnit.test(`a lone tab that ${name} is retired and replaced`, async (assert) => {
      const { pool, fake, logs } = await kit().warm({ ...PROBE, maxPages: 2 });
      const a = await kit().visit(pool, 'a');
      fake.rule('evaluate', death, ({ page }) => page === a.page);
      const again = await kit().take(pool, 'a');
      assert.notStrictEqual(again.page, a.page, 'another page');
      assert.false(again.reused, 'a fresh tab');
      assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 1 }, 'one retirement counted');
      assert.strictEqual(a.page.closeCalls, 1, 'the dead page is closed');
      assert.ok(logs.find('warn', /./).length >= 1, 'warned about');
    });
  }

  QUnit.test('one of several tabs is retired alone', async (assert) => {
    const { pool, fake, disposed } = await kit().warm({ ...PROBE, maxPages: 3 });
    const one = await kit().take(pool, 'a', 'module');
    const two = await kit().take(pool, 'a', 'module');
    one.release();
    const mark = Date.now();
    await until(() => Date.now() > mark, 'the clock moves');
    two.release();
    fake.rule('evaluate', () => Promise.reject(new Error('dead')), ({ page }) => page === one.page);
    const next = await kit().take(pool, 'a', 'module');
    assert.strictEqual(next.page, two.page, 'served by the other tab');
    assert.true(next.reused, 'which is warm');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 1 }, 'one retirement');
    assert.deepEqual(disposed, [], 'the affinity was not disposed of');
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'and is still warm');
  });

  QUnit.test('with nothing else to be had the tab is handed over with a warning', async (assert) => {
    const { pool, fake, logs } = await kit().warm({ ...PROBE, disableStandbyRefill: true });
    const a = await kit().visit(pool, 'a');
    fake.rule('evaluate', () => Promise.reject(new Error('dead')));
    const again = await kit().take(pool, 'a');
    assert.strictEqual(again.page, a.page, 'the same page');
    assert.true(again.reused, 'reused');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'no retirement');
    assert.ok(logs.find('warn', /./).length >= 1, 'a warning');
  });

  QUnit.test('room to expand for this priority counts as something else', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool, fake } = await kit().warm({ ...PROBE, renderSemaphore: semaphore, env: { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '2' } });
    const a = await kit().visit(pool, 'a');
    fake.rule('evaluate', () => Promise.reject(new Error('dead')), ({ page }) => page === a.page);
    const again = await kit().take(pool, 'a');
    assert.notStrictEqual(again.page, a.page, 'retired and replaced');
  });

  QUnit.test('the third choice is handed over with a warning, dead or not', async (assert) => {
    const { pool, fake, logs } = await kit().warm({ ...PROBE, maxPages: 5, env: { PRERENDER_AFFINITY_TAB_MAX: '5' } });
    const tabs = [];
    for (let i = 0; i < 5; i++) {
      tabs.push(await kit().take(pool, 'a', 'module'));
    }
    tabs.forEach((t) => t.release());
    fake.rule('evaluate', () => Promise.reject(new Error('dead')));
    const lease = await kit().take(pool, 'a', 'module');
    assert.ok(lease.page, 'a lease');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 2 }, 'two were retired, the third handed over');
    assert.true(lease.reused, 'a warm one');
    assert.ok(logs.find('warn', /./).length >= 1, 'with a warning');
  });

  QUnit.test('a slow answer within the budget is fine', async (assert) => {
    const { pool, fake } = await kit().warm({ tabHealthProbeMs: 5000, maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    fake.once('evaluate', () => new Promise((resolve) => setTimeout(resolve, 30)));
    assert.strictEqual((await kit().visit(pool, 'a')).page, a.page, 'the same tab');
  });

  QUnit.test('an answer after the budget changes nothing', async (assert) => {
    const { pool, fake } = await kit().warm({ ...PROBE, maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('evaluate', ({ page }) => page === a.page);
    const again = await kit().take(pool, 'a');
    assert.notStrictEqual(again.page, a.page, 'given up on');
    gate.open();
    await turns();
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { a: 1 }, 'still one');
    assert.strictEqual(again.page.closeCalls, 0, 'the new page is untouched');
  });

  QUnit.test('the page says nothing of it twice: a rejection after the budget is handled', async (assert) => {
    const { pool, fake } = await kit().warm({ ...PROBE, maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    let fail;
    fake.rule('evaluate', () => new Promise((_, reject) => {
      fail = reject;
    }), ({ page }) => page === a.page);
    await kit().take(pool, 'a');
    fail(new Error('Target closed'));
    await turns();
    assert.strictEqual(kit().unhandled.length, 0, 'no unhandled rejection');
  });

  QUnit.test('while one tab is being probed another caller of the affinity is not held up', async (assert) => {
    const { pool, fake } = await kit().warm({ ...PROBE, tabHealthProbeMs: 50_000, maxPages: 3 });
    const a = await kit().visit(pool, 'a', 'module');
    const gate = fake.gate('evaluate', ({ page }) => page === a.page);
    const probing = kit().ask(pool, 'a', 'module');
    await until(() => gate.count === 1, 'probed');
    const other = await kit().take(pool, 'a', 'module');
    assert.notStrictEqual(other.page, a.page, 'takes a standby');
    gate.open();
    await probing.settled;
    assert.strictEqual(probing.value.page, a.page, 'and the first has its tab');
  });

  QUnit.test('getUnresponsiveTabSwaps counts per affinity and is a plain object', async (assert) => {
    const { pool, fake } = await kit().warm({ ...PROBE, maxPages: 4 });
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'empty at first');
    const end = fake.rule('evaluate', () => Promise.reject(new Error('dead')));
    for (const key of ['a', 'b', 'a']) {
      await kit().visit(pool, key);
      await kit().visit(pool, key);
    }
    end();
    const swaps = pool.getUnresponsiveTabSwaps();
    assert.strictEqual(Object.getPrototypeOf(swaps), Object.prototype, 'a plain object');
    assert.ok(swaps.a >= 1 && swaps.b >= 1, `both counted: ${JSON.stringify(swaps)}`);
  });

  QUnit.test('waiters of a tab that is retired choose again', async (assert) => {
    const { pool, fake } = await kit().warm({ ...PROBE, maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    const a = await kit().visit(pool, 'a', 'module');
    fake.rule('evaluate', () => NEVER, ({ page }) => page === a.page);
    const first = kit().ask(pool, 'a', 'module');
    const second = kit().ask(pool, 'a', 'module');
    await turns();
    assert.strictEqual(row(pool, 'a').maxPending, 2, 'the second is queued behind the probe');
    await first.settled;
    first.value.release();
    await second.settled;
    assert.strictEqual(second.state, 'fulfilled', 'served');
    assert.notStrictEqual(second.value.page, a.page, 'by a living tab');
  });
});
