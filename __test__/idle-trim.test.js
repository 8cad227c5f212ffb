'use strict';

// A tab that nobody has is trimmed after `idleTrimMs`: its garbage is collected, and nothing else. On a real Chrome.

const lib = require('..');
const { chromeModule, rendererOf, residentBytes } = require('./helpers/real-chrome.js');
const { FakeBrowserManager } = require('./helpers/fake-browser.js');
const { within } = require('./helpers/wait.js');

const ACME = 'realm:https://acme.example/';
const GLOBEX = 'realm:https://globex.example/';

/** Resolves once the condition, which asks Chrome, holds. */
async function until(condition, what, limitMs) {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) {
      throw new Error(`never happened: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Makes what nobody will refer to any more: objects, and elements. */
const litter = () => {
  const rows = [];
  for (let i = 0; i < 400_000; i++) {
    rows.push({ i, text: `row ${i}`, list: [i, i + 1] });
  }
  const table = document.createElement('table');
  for (let i = 0; i < 20_000; i++) {
    table.appendChild(document.createElement('tr')).textContent = rows[i].text;
  }
  globalThis.kept = rows.length + table.children.length;
  globalThis.litter = [rows, table];
};
/** Lets go of it. Making so much has Chrome collect by itself, but letting go of it has not. */
const drop = () => {
  globalThis.litter = undefined;
};

chromeModule('idle trim', (kit, test) => {
  /**
   * A page after a visit that left garbage, and a session that looks at it although the lease has ended. Chrome collects
   * garbage by itself too; that it keeps no console messages any more is the trim's doing alone.
   */
  async function littered(pool, key) {
    const lease = await kit().take(pool, key);
    const session = await lease.page.createCDPSession();
    await lease.page.evaluate(litter);
    await lease.page.evaluate(drop);
    await lease.page.evaluate(() => console.log('said in the lease'));
    const used = async () => (await session.send('Runtime.getHeapUsage')).usedSize;
    let messages = 0;
    session.on('Runtime.consoleAPICalled', () => (messages += 1));
    /** Whether none is told of who turns to the page now. */
    const isTrimmed = async () => {
      messages = 0;
      await session.send('Runtime.disable');
      await session.send('Runtime.enable');
      return messages === 0;
    };
    return { lease, session, used, isTrimmed, full: await used() };
  }

  test('a page that idles gives its garbage back, and one that does not idle for so long is left alone', async (assert) => {
    const manager = kit().manager();
    const trimming = await littered(kit().pool({ manager, idleTrimMs: 50 }).pool, ACME);
    const keeping = await littered(kit().pool({ manager, idleTrimMs: 0 }).pool, ACME);
    const leased = await littered(kit().pool({ manager, idleTrimMs: 50 }).pool, ACME);
    assert.false(await trimming.isTrimmed(), 'it is leased yet');
    trimming.lease.release();
    keeping.lease.release();
    await until(trimming.isTrimmed, 'the idle page is trimmed', 30_000);
    await until(async () => (await trimming.used()) < trimming.full / 2, 'its heap is below half', 30_000);
    assert.false(await keeping.isTrimmed(), 'idleTrimMs: 0 trims nothing');
    assert.false(await leased.isTrimmed(), 'a page that is leased is left alone');
  });

  test('the memory of its process goes with it', async (assert) => {
    const { pool } = kit().pool({ idleTrimMs: 50, maxPages: 1 });
    const first = await kit().take(pool, ACME);
    const renderer = await rendererOf(first.page);
    await first.page.evaluate(litter);
    await first.page.evaluate(drop);
    const full = residentBytes(renderer);
    first.release();
    await until(() => residentBytes(renderer) < full * 0.75, `the process holds less than ${full} bytes by far`, 30_000);
    assert.ok(true);
  });

  test('the page is as it was', async (assert) => {
    const { pool } = kit().pool({ idleTrimMs: 50 });
    const at = await littered(pool, ACME);
    const { page } = at.lease;
    await page.evaluate(() => {
      globalThis.map = new Map([[document.body, 'weakly']]);
      globalThis.weak = new WeakMap([[globalThis.map, 'held']]);
      localStorage.setItem('key', 'kept');
      sessionStorage.setItem('key', 'kept');
      document.cookie = 'cookie=kept';
      document.body.dataset.mark = 'kept';
      globalThis.events = [];
      for (const type of ['freeze', 'visibilitychange', 'pagehide', 'beforeunload', 'blur']) {
        addEventListener(type, () => globalThis.events.push(type), true);
      }
      new MutationObserver(() => globalThis.events.push('mutation')).observe(document, {
        subtree: true, childList: true, attributes: true, characterData: true,
      });
      globalThis.ticks = 0;
      setInterval(() => (globalThis.ticks += 1), 5);
    });
    const handle = await page.evaluateHandle(() => ({ of: 'a handle' }));
    await at.session.send('Runtime.evaluate', { expression: '0' });
    at.lease.release();
    await until(at.isTrimmed, 'it is trimmed', 30_000);
    const next = await kit().take(pool, ACME);
    assert.strictEqual(next.page, page, 'the tenant has its page');
    assert.true(next.reused, 'and it is warm');
    const state = await page.evaluate(() => ({
      kept: globalThis.kept,
      map: globalThis.map.get(document.body),
      weak: globalThis.weak.get(globalThis.map),
      local: localStorage.getItem('key'),
      session: sessionStorage.getItem('key'),
      cookie: document.cookie,
      mark: document.body.dataset.mark,
      standby: document.querySelector('#standby-ready') !== null,
      events: globalThis.events,
    }));
    assert.deepEqual(state, {
      kept: 420_000, map: 'weakly', weak: 'held', local: 'kept', session: 'kept', cookie: 'cookie=kept', mark: 'kept',
      standby: true, events: [],
    }, 'its globals, storage and document are there, and it has noticed nothing');
    assert.deepEqual(await handle.jsonValue(), { of: 'a handle' }, 'a handle of before is good');
    const ticks = await page.evaluate(() => globalThis.ticks);
    await until(async () => (await page.evaluate(() => globalThis.ticks)) > ticks, 'its timers run', 20_000);
    next.release();
  });

  test('nothing is trimmed while a call waits', async (assert) => {
    const { pool } = kit().pool({ idleTrimMs: 50, maxPages: 3, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } });
    const at = await littered(pool, ACME);
    const held = await kit().take(pool, GLOBEX);
    const waiting = pool.getPage(GLOBEX);
    at.lease.release();
    const other = await littered(kit().pool({ idleTrimMs: 50 }).pool, ACME);
    other.lease.release();
    await until(other.isTrimmed, 'another pool trims a page that was released later', 30_000);
    assert.false(await at.isTrimmed(), 'a call waits');
    held.release();
    const next = await within(waiting, 'the next lease', 20_000);
    next.release();
    await until(at.isTrimmed, 'it is trimmed when nobody waits any more', 30_000);
  });

  test('a page that gets stuck before its trim costs nobody else anything, and is found by its next visit', async (assert) => {
    const { pool } = kit().pool({ idleTrimMs: 400, maxPages: 3, tabHealthProbeMs: 1000, tabProofOfLifeMs: 100 });
    await pool.warmStandbys();
    const stuck = await kit().take(pool, ACME);
    const { pageId } = stuck;
    await stuck.page.evaluate(() => {
      setTimeout(() => {
        for (;;);
      }, 300);
    });
    stuck.release();
    const at = await littered(pool, GLOBEX);
    at.lease.release();
    assert.strictEqual(typeof (await kit().visit(pool, GLOBEX)), 'string', 'another tenant has its page meanwhile');
    await until(at.isTrimmed, 'and the page of another tenant is trimmed', 60_000);
    const next = await kit().take(pool, ACME);
    assert.notStrictEqual(next.pageId, pageId, 'the stuck page is replaced, as it is without a trim');
    next.release();
  });

  test('console messages that nobody has asked for are let go, and those that the pool keeps are not', async (assert) => {
    const { pool } = kit().pool({ idleTrimMs: 50 });
    const lease = await kit().take(pool, ACME);
    pool.resetConsoleErrors(lease.pageId);
    const session = await lease.page.createCDPSession();
    await lease.page.evaluate(() => {
      for (let i = 0; i < 200; i++) {
        console.log({ i, list: new Array(20_000).fill(i) });
      }
      console.error('kept');
    });
    const used = async () => (await session.send('Runtime.getHeapUsage')).usedSize;
    const full = await used();
    lease.release();
    await until(async () => (await used()) < full / 2, 'what the messages hold is collected', 30_000);
    assert.deepEqual(pool.takeConsoleErrors(lease.pageId).map(({ text }) => text), ['kept'], 'the errors are listed');
  });

  test('closeAll waits for no trim', async (assert) => {
    const { pool } = kit().pool({ idleTrimMs: 1, maxPages: 3, tabProofOfLifeMs: 100 });
    await pool.warmStandbys();
    const stuck = await kit().take(pool, ACME);
    await stuck.page.evaluate(() => {
      setTimeout(() => {
        for (;;);
      }, 100);
    });
    stuck.release();
    await within(pool.closeAll(), 'closeAll', 30_000);
    assert.deepEqual(pool.getWarmAffinities(), []);
  });
});

QUnit.module('idleTrimMs', () => {
  const build = (idleTrimMs, browserManager = new FakeBrowserManager()) => new lib.PagePool({
    maxPages: 1, serverURL: 'http://server.test', boxelHostURL: 'http://host.test', browserManager, idleTrimMs,
  });

  QUnit.test('takes milliseconds, and nothing else', (assert) => {
    for (const good of [undefined, 0, 1, 2000, 0.5, 1e9]) {
      build(good);
      build(good, new lib.BrowserManager());
    }
    assert.ok(build(2000), 'also with a browser manager from JavaScript, whose pages are left alone');
    for (const bad of [null, '2000', -1, NaN, {}, true, 10n]) {
      assert.throws(() => build(bad), (error) => (
        error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && error.message.includes('idleTrimMs')
      ), `${String(bad)} is refused by name`);
    }
  });
});
