'use strict';

const { lib, poolModule } = require('./helpers/kit.js');
const { turns, until } = require('./helpers/wait.js');

const DYNAMIC = { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '4' };
const row = (pool, key) => pool.getQueueDepthSnapshot().affinities.find((a) => a.affinityKey === key);

poolModule('the lease', (kit) => {
  QUnit.test('a cold lease has its shape', async (assert) => {
    const { pool, fake } = await kit().warm();
    const lease = await pool.getPage('a');
    assert.deepEqual(Object.keys(lease).sort().filter((k) => typeof k === 'string'),
      ['launchMs', 'page', 'pageId', 'release', 'reused', 'waits'], 'its own properties');
    assert.deepEqual(Object.keys(lease.waits).sort(), ['admissionMs', 'semaphoreMs', 'tabProbeMs', 'tabQueueMs', 'tabStartupMs'], 'its waits');
    assert.strictEqual(lease.page, fake.pages[0], 'the page of the browser, unchanged');
    assert.ok(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(lease.pageId), `a UUID: ${lease.pageId}`);
    assert.strictEqual(lease.reused, false, 'not reused');
    for (const [name, ms] of Object.entries({ ...lease.waits, launchMs: lease.launchMs })) {
      assert.ok(Number.isInteger(ms) && ms >= 0, `${name} is an integer of milliseconds: ${ms}`);
    }
    lease.release();
  });

  QUnit.test('pageId stays with the page for life, and differs between pages', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const a1 = await kit().visit(pool, 'a');
    const b = await kit().visit(pool, 'b');
    const a2 = await kit().visit(pool, 'a');
    assert.strictEqual(a2.pageId, a1.pageId, 'the same page, the same id');
    assert.notStrictEqual(b.pageId, a1.pageId, 'another page, another id');
  });

  QUnit.test('a warm lease is reused and waits for nothing', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    const lease = await kit().visit(pool, 'a');
    assert.strictEqual(lease.reused, true, 'reused');
    const { tabProbeMs, ...others } = lease.waits;
    assert.deepEqual(others, { semaphoreMs: 0, admissionMs: 0, tabQueueMs: 0, tabStartupMs: 0 }, 'exactly 0 where nothing was waited for');
    assert.ok(tabProbeMs <= lease.launchMs, 'the probe is within the whole');
  });

  QUnit.test('it can be spread, and its release called detached', async (assert) => {
    const { pool } = await kit().warm();
    const { release, ...rest } = { ...await pool.getPage('a') };
    assert.ok(rest.page && rest.pageId && rest.waits, 'the copy has everything');
    assert.strictEqual(release(), undefined, 'release returns nothing');
    assert.true(pool.getVacancySnapshot().a.idle, 'and worked');
  });

  QUnit.test('a wait for a standby is startup, and only that', async (assert) => {
    const { pool, fake } = kit().make();
    const gate = fake.gate('goto');
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'the standby navigates');
    const since = Date.now();
    await until(() => Date.now() - since >= 15, 'some time passes');
    gate.open();
    await ask.settled;
    const { waits, launchMs } = ask.value;
    assert.ok(waits.tabStartupMs >= 10, `startup took ${waits.tabStartupMs}`);
    assert.deepEqual([waits.tabQueueMs, waits.semaphoreMs, waits.admissionMs, waits.tabProbeMs], [0, 0, 0, 0], 'nothing else did');
    assert.ok(waits.tabStartupMs <= launchMs, 'within the whole');
  });

  QUnit.test('a wait in the tab queue is tabQueueMs, and only that', async (assert) => {
    const { pool } = await kit().warm({ tabHealthProbeMs: 0 });
    const first = await kit().take(pool, 'a');
    const ask = kit().ask(pool, 'a', 'module');
    const since = Date.now();
    await until(() => Date.now() - since >= 15, 'some time passes');
    first.release();
    await ask.settled;
    const { waits } = ask.value;
    assert.ok(waits.tabQueueMs >= 10, `queued for ${waits.tabQueueMs}`);
    assert.deepEqual([waits.tabStartupMs, waits.semaphoreMs, waits.admissionMs, waits.tabProbeMs], [0, 0, 0, 0], 'nothing else');
  });

  QUnit.test('a wait for admission is admissionMs; for the semaphore semaphoreMs', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(9);
    const { pool } = await kit().warm({ maxPages: 2, renderSemaphore: semaphore, tabHealthProbeMs: 0 });
    const first = await kit().take(pool, 'a', 'file');
    const second = kit().ask(pool, 'a', 'file');
    const since = Date.now();
    await until(() => Date.now() - since >= 15, 'some time passes');
    first.release();
    await second.settled;
    assert.ok(second.value.waits.admissionMs >= 10, `admission ${second.value.waits.admissionMs}`);
    second.value.release();
    const [h1, h2] = await Promise.all([semaphore.acquire(), semaphore.acquire()]);
    const third = kit().ask(pool, 'a', 'module');
    const then = Date.now();
    await until(() => Date.now() - then >= 15, 'some time passes');
    h1();
    h2();
    await third.settled;
    assert.ok(third.value.waits.semaphoreMs >= 10, `semaphore ${third.value.waits.semaphoreMs}`);
    assert.strictEqual(third.value.waits.tabQueueMs, 0, 'the tab was free');
  });

  QUnit.test('a module or command render never waits for admission', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    await kit().take(pool, 'a', 'file');
    const m = await kit().take(pool, 'a', 'module');
    const c = await kit().take(pool, 'a', 'command');
    assert.deepEqual([m.waits.admissionMs, c.waits.admissionMs], [0, 0], 'admission is 0');
  });
});

poolModule('4a: an idle live tab of the affinity', (kit) => {
  QUnit.test('is reused', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const first = await kit().visit(pool, 'a');
    const second = await kit().visit(pool, 'a');
    assert.strictEqual(second.page, first.page, 'the same page');
    assert.strictEqual(fake.contexts.length, 2, 'no new context was needed');
  });

  QUnit.test('the least recently used one first', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    const first = await kit().take(pool, 'a', 'module');
    const second = await kit().take(pool, 'a', 'module');
    assert.notStrictEqual(first.page, second.page, 'two tabs');
    second.release();
    const mark = Date.now();
    await until(() => Date.now() > mark, 'the clock moves');
    first.release();
    const third = await kit().take(pool, 'a', 'module');
    assert.strictEqual(third.page, second.page, 'the one given back earlier');
  });

  QUnit.test('ties go to the older tab', async (assert) => {
    const realNow = Date.now;
    Date.now = () => 1_000_000;
    try {
      const { pool } = await kit().warm({ maxPages: 3 });
      const first = await kit().take(pool, 'a', 'module');
      const second = await kit().take(pool, 'a', 'module');
      second.release();
      first.release();
      const third = await kit().take(pool, 'a', 'module');
      assert.strictEqual(third.page, first.page, 'the tab that was bound first');
    } finally {
      Date.now = realNow;
    }
  });

  QUnit.test('never waits for a standby that somebody else needs', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    await kit().visit(pool, 'a');
    const gate = fake.gate('goto');
    const b = await kit().take(pool, 'b');
    const c = kit().ask(pool, 'c');
    await until(() => gate.count === 1, 'a standby is being made');
    const a = await kit().take(pool, 'a');
    assert.true(a.reused, 'the warm affinity goes on at once');
    assert.strictEqual(c.state, 'pending', 'while the newcomer waits for the standby');
    gate.open();
    await c.settled;
    assert.strictEqual(c.state, 'fulfilled', 'and gets it');
    assert.ok(b.page, 'b kept its page');
  });
});

poolModule('4b: below the tab cap', (kit) => {
  QUnit.test('a busy affinity takes a standby for its second render', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, disableFileAdmission: true });
    const first = await kit().take(pool, 'a', 'file');
    const second = await kit().take(pool, 'a', 'file');
    assert.notStrictEqual(second.page, first.page, 'another tab');
    assert.strictEqual(second.reused, false, 'not reused');
    assert.strictEqual(row(pool, 'a').tabCount, 2, 'two tabs now');
  });

  QUnit.test('the standby created first is adopted first', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    const a = await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    const c = await kit().take(pool, 'c');
    assert.deepEqual([a.page, b.page, c.page], fake.pages.slice(0, 3), 'in the order of their creation');
  });

  QUnit.test('a file render with no standby ready queues on a live tab instead of waiting', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1, disableFileAdmission: true, env: { PRERENDER_AFFINITY_TAB_MAX: '5', ...DYNAMIC } });
    const gate = fake.gate('goto');
    const first = await kit().take(pool, 'a', 'file');
    const second = kit().ask(pool, 'a', 'file');
    await turns();
    assert.strictEqual(row(pool, 'a').maxPending, 2, 'queued behind the first');
    first.release();
    await second.settled;
    assert.strictEqual(second.value.page, first.page, 'on the same tab');
    assert.true(second.value.reused, 'reused');
    gate.open();
  });

  for (const kind of ['module', 'command']) {
    QUnit.test(`a ${kind} render under the cap waits for the refill and takes a standby`, async (assert) => {
      const { pool, fake } = await kit().warm({ maxPages: 2 });
      const gate = fake.gate('goto');
      const first = await kit().take(pool, 'a', 'file');
      const other = await kit().take(pool, 'b', 'file');
      await until(() => gate.count === 1, 'a refill is under way');
      const ask = kit().ask(pool, 'a', kind);
      await turns();
      assert.strictEqual(ask.state, 'pending', 'it waits');
      assert.strictEqual(row(pool, 'a').maxPending, 1, 'not on the tab of the file render');
      gate.open();
      await ask.settled;
      assert.strictEqual(ask.state, 'fulfilled', 'it has a page');
      assert.notStrictEqual(ask.value.page, first.page, 'of its own');
      assert.false(ask.value.reused, 'fresh');
      void other;
    });

    QUnit.test(`a ${kind} render past the cap expands, waits and takes a standby`, async (assert) => {
      const semaphore = new lib.AsyncSemaphore(1);
      const { pool } = await kit().warm({ renderSemaphore: semaphore, env: { ...DYNAMIC, PRERENDER_AFFINITY_TAB_MAX: '1' } });
      const first = await kit().take(pool, 'a', 'file');
      const second = await kit().take(pool, 'a', kind);
      assert.notStrictEqual(second.page, first.page, 'a tab past the cap of 1');
      assert.strictEqual(row(pool, 'a').tabCount, 2, 'two tabs');
      assert.ok(pool.currentMaxPages >= 2, `a page more: ${pool.currentMaxPages}`);
    });

    QUnit.test(`a ${kind} render past the cap in a fixed pool queues`, async (assert) => {
      const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
      const first = await kit().take(pool, 'a', 'file');
      const second = kit().ask(pool, 'a', kind);
      await turns();
      assert.strictEqual(second.state, 'pending', 'waits');
      assert.strictEqual(row(pool, 'a').tabCount, 1, 'no second tab');
      first.release();
      await second.settled;
      assert.strictEqual(second.value.page, first.page, 'for the tab');
    });
  }

  QUnit.test('a file render never goes past the cap, standbys or not', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(9);
    const { pool } = await kit().warm({ renderSemaphore: semaphore, disableFileAdmission: true, env: { ...DYNAMIC, PRERENDER_PAGE_POOL_INITIAL: '4', PRERENDER_AFFINITY_TAB_MAX: '2' } });
    await kit().take(pool, 'a', 'file');
    await kit().take(pool, 'a', 'file');
    const third = kit().ask(pool, 'a', 'file');
    await turns();
    assert.strictEqual(third.state, 'pending', 'the third waits');
    assert.strictEqual(row(pool, 'a').tabCount, 2, 'two tabs at most');
  });

  QUnit.test('callers that waited for standbys together stop at the cap', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 5, disableFileAdmission: true, env: { PRERENDER_AFFINITY_TAB_MAX: '2' } });
    const gate = fake.gate('goto');
    const asks = ['file', 'module', 'file', 'command'].map((kind) => kit().ask(pool, 'a', kind));
    await until(() => gate.count === 1, 'the first standby navigates');
    gate.open();
    await pool.warmStandbys();
    assert.deepEqual(asks.map((a) => a.state), ['fulfilled', 'fulfilled', 'pending', 'pending'], 'two have a tab each');
    assert.deepEqual([row(pool, 'a').tabCount, row(pool, 'a').pendingTotal], [2, 4], 'the others queue on these');
    asks[1].value.release();
    asks[0].value.release();
    await Promise.all([asks[2].settled, asks[3].settled]);
    assert.true(asks[2].value.reused && asks[3].value.reused, 'and get them');
  });

  QUnit.test('its orphan comes before a standby', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    const first = await kit().visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    const again = await kit().take(pool, 'a');
    assert.strictEqual(again.page.context, first.page.context, 'a page in the orphan context');
    assert.notStrictEqual(again.page, first.page, 'a new page');
    assert.false(again.reused, 'not a reused tab');
    assert.strictEqual(again.page.url, 'http://host.test:4200/_standby', 'loaded like a standby');
    assert.deepEqual(fake.contexts.filter((c) => c.closeCalls), [], 'no context was closed for it');
  });
});

poolModule('4c: queue on a live tab', (kit) => {
  QUnit.test('the one with the fewest pending, then least recently used', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, disableFileAdmission: true, env: { PRERENDER_AFFINITY_TAB_MAX: '2' } });
    const first = await kit().take(pool, 'a', 'file');
    const mark = Date.now();
    await until(() => Date.now() > mark, 'the clock moves');
    const second = await kit().take(pool, 'a', 'file');
    const third = kit().ask(pool, 'a', 'file');
    const fourth = kit().ask(pool, 'a', 'file');
    await turns();
    first.release();
    await third.settled;
    assert.strictEqual(third.value.page, first.page, 'the third went to the least recently used');
    assert.strictEqual(fourth.state, 'pending', 'the fourth to the other, which had fewer pending');
    second.release();
    await fourth.settled;
    assert.strictEqual(fourth.value.page, second.page, 'and got it');
    assert.true(third.value.reused && fourth.value.reused, 'both reused');
  });
});

poolModule('4d: an affinity with no tab', (kit) => {
  QUnit.test('waits for the refill and takes the standby', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 3 });
    const gate = fake.gate('goto');
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'the first standby navigates');
    gate.next();
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'the first standby that is ready');
    assert.strictEqual(fake.pages.length, 2, 'it did not wait for the whole pool to be warm');
  });

  QUnit.test('expands where no standby can come', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    const { pool } = await kit().warm({ renderSemaphore: semaphore, env: DYNAMIC });
    await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    assert.ok(b.page, 'b has a page');
    assert.ok(pool.currentMaxPages >= 2, `expanded to ${pool.currentMaxPages}`);
  });

  QUnit.test('frees the least recently used idle tab when all slots are taken', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1 });
    const a = await kit().visit(pool, 'a');
    await pool.warmStandbys();
    await kit().visit(pool, 'b');
    await pool.warmStandbys();
    const c = await kit().visit(pool, 'c');
    assert.false(c.reused, 'a fresh tab');
    assert.notStrictEqual(c.page.context, a.page.context, 'in a fresh context: no migration');
    assert.strictEqual(a.page.context.closeCalls + (a.page.closeCalls ? 1 : 0) > 0, true, 'the least recently used gave way');
    assert.ok(fake.maxTaken <= 2, `never more than current + 1 contexts: ${fake.maxTaken}`);
  });

  QUnit.test('waits in the queue of the pool while every slot is leased, and takes the slot that frees first', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const leases = [];
    for (const key of ['a', 'b', 'c']) {
      leases.push(await kit().take(pool, key));
    }
    const d = kit().ask(pool, 'd');
    await turns();
    assert.strictEqual(d.state, 'pending', 'every slot is leased');
    leases[1].release();
    await d.settled;
    assert.strictEqual(d.state, 'fulfilled', 'served by the slot of b');
    assert.false(pool.getWarmAffinities().includes('b'), 'b gave way');
    assert.notStrictEqual(d.value.page.context, leases[1].page.context, 'in a fresh context');
    assert.false(d.value.reused, 'not reused');
  });

  QUnit.test('those who wait in it are served by priority, then by arrival', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const held = [await kit().take(pool, 'a'), await kit().take(pool, 'b')];
    const order = [];
    const ask = (key, priority) => {
      const asked = kit().ask(pool, key, 'file', { priority });
      asked.settled.then(() => order.push(key));
      return asked;
    };
    const asks = { low: ask('low', 0), high: ask('high', 5), high2: ask('high2', 5), middle: ask('middle', 3) };
    await turns();
    assert.deepEqual(order, [], 'all wait');
    held[0].release();
    for (const key of ['high', 'high2', 'middle', 'low']) {
      await asks[key].settled;
      asks[key].value.release();
    }
    assert.deepEqual(order, ['high', 'high2', 'middle', 'low'], 'in the order of priority, then arrival');
  });
});

poolModule('4e: nothing can come', (kit) => {
  QUnit.test('a standby that could not be made with all its attempts rejects with the reason', async (assert) => {
    const { pool, fake } = kit().make();
    const why = new Error('net::ERR_NAME_NOT_RESOLVED');
    fake.rule('goto', () => Promise.reject(why));
    const ask = kit().ask(pool, 'a');
    await ask.settled;
    assert.strictEqual(ask.state, 'rejected', 'rejected');
    assert.strictEqual(ask.error.message, 'No standby page available for prerender', 'its message');
    assert.strictEqual(ask.error.code, 'STANDBY_UNAVAILABLE', 'its code');
    assert.ok(ask.error.cause === why || ask.error.cause?.cause === why || ask.error.cause?.message.includes('ERR_NAME_NOT_RESOLVED'), `why: ${ask.error.cause}`);
    assert.strictEqual(fake.count('goto'), 3, 'after three attempts');
    assert.ok(ask.error instanceof Error, 'an Error');
  });

  QUnit.test('refill disabled and no tab may migrate: rejects at once', async (assert) => {
    const { pool } = await kit().warm({ disableStandbyRefill: true });
    await kit().take(pool, 'a');
    kit().ask(pool, 'a', 'module');
    await turns();
    await assert.rejects(pool.getPage('b'), (e) => e.message === 'No standby page available for prerender' && e.code === 'STANDBY_UNAVAILABLE', 'no tab with at most its holder');
  });
});

poolModule('after winning a tab', (kit) => {
  QUnit.test('a waiter whose tab is disposed chooses again', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const first = await kit().take(pool, 'a', 'file');
    const second = await kit().take(pool, 'a', 'module');
    const waiter = kit().ask(pool, 'a', 'module', { priority: 1 });
    await turns();
    const done = pool.disposeAffinity('a');
    second.release();
    await turns();
    first.release();
    await waiter.settled;
    assert.strictEqual(waiter.state, 'fulfilled', 'served');
    assert.notStrictEqual(waiter.value.page, first.page, 'by neither of the disposed');
    assert.notStrictEqual(waiter.value.page, second.page, 'tabs');
    waiter.value.release();
    await done;
  });
});
