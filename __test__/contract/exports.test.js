'use strict';

const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { getEventListeners } = require('node:events');
const path = require('node:path');
const {
  AsyncSemaphore,
  PagePool,
  PrerenderCancelledError,
  TabQueue,
  abortable,
  contract,
  isPrerenderCancellation,
  microtasks,
  pagepool,
  throwIfAborted,
  turns,
} = require('./helpers/harness.js');

const NAMES = [
  'AsyncSemaphore',
  'BrowserManager',
  'PagePool',
  'PrerenderCancelledError',
  'StandbyTargetNotReadyError',
  'TabQueue',
  'abortable',
  'getPendingNetworkRequests',
  'isPrerenderCancellation',
  'throwIfAborted',
];

contract('SPEC 2: exports', (test) => {
  test('require and import give the same things', async (assert) => {
    const imported = await import('../../index.mjs');
    for (const name of NAMES) {
      assert.strictEqual(typeof pagepool[name], 'function', `SPEC 2: require exports ${name}`);
      assert.strictEqual(imported[name], pagepool[name], `SPEC 2: import exports the same ${name}`);
    }
  });

  test('classes can be subclassed, methods wrapped, instances extended', async (assert, t) => {
    const { pool, browser } = t.make();
    class Sub extends PagePool {
      more() {
        return this.minPages + 1;
      }
    }
    const sub = new Sub(t.options(browser, { maxPages: 3 }));
    t.pools.push(sub);
    assert.true(sub instanceof Sub && sub instanceof PagePool, 'SPEC 2: PagePool can be subclassed');
    assert.strictEqual(sub.more(), 4, 'SPEC 2: methods of a subclass see the getters');
    class Sem extends AsyncSemaphore {}
    class Queue extends TabQueue {}
    assert.true(new Sem(2) instanceof Sem, 'SPEC 2: AsyncSemaphore can be subclassed');
    assert.true(new Queue() instanceof Queue, 'SPEC 2: TabQueue can be subclassed');

    const original = PagePool.prototype.getPage;
    const seen = [];
    PagePool.prototype.getPage = function (...args) {
      seen.push(args[0]);
      return original.apply(this, args);
    };
    try {
      const lease = await t.get(pool, 'a');
      assert.true(typeof lease.pageId === 'string', 'SPEC 2: a wrapped getPage still works');
    } finally {
      PagePool.prototype.getPage = original;
    }
    assert.deepEqual(seen, ['a'], 'SPEC 2: prototype methods are writable');
    pool.extra = 1;
    assert.strictEqual(pool.extra, 1, 'SPEC 2: instances are extensible');
  });

  test('one tab always hands out the same page object', async (assert, t) => {
    const { pool, browser } = await t.warm();
    const one = await t.visit(pool, 'a');
    const replacement = async () => 'replaced';
    one.page.evaluate = replacement;
    const two = await t.get(pool, 'a');
    assert.strictEqual(two.page, one.page, 'SPEC 2: the same page object for one tab');
    assert.strictEqual(two.page.evaluate, replacement, 'SPEC 2: what a caller put on it is still there');
    assert.true(browser.pages.includes(two.page), "SPEC 12: it is the browser's own page, unchanged");
  });

  test('getPage.call(pool, key) with one argument', async (assert, t) => {
    const { pool } = await t.warm();
    const lease = await PagePool.prototype.getPage.call(pool, 'a');
    assert.strictEqual(typeof lease.pageId, 'string', 'SPEC 13: one argument is enough');
    lease.release();
  });
});

contract('SPEC 2: PrerenderCancelledError', (test) => {
  test('its fields and message', async (assert) => {
    const bare = new PrerenderCancelledError();
    assert.true(bare instanceof Error, 'SPEC 2: extends Error');
    assert.strictEqual(bare.name, 'PrerenderCancelledError', 'SPEC 2: name');
    assert.strictEqual(bare.state, 'queued', "SPEC 2: state defaults to 'queued'");
    assert.strictEqual(bare.reason, undefined, 'SPEC 2: no reason');
    assert.strictEqual(bare.message, 'prerender cancelled', 'SPEC 2: message without a reason');
    assert.strictEqual(bare.code, 'PRERENDER_CANCELLED', 'SPEC 14: code');

    const string = new PrerenderCancelledError('gone');
    assert.strictEqual(string.message, 'prerender cancelled: gone', 'SPEC 2: message with a reason');
    assert.strictEqual(string.reason, 'gone', 'SPEC 2: a reason string');
    assert.strictEqual(string.state, 'queued', 'SPEC 2: state beside a reason string');

    for (const state of ['queued', 'rendering', 'releasing']) {
      const error = new PrerenderCancelledError({ state, reason: 'why' });
      assert.deepEqual(
        [error.state, error.reason, error.message],
        [state, 'why', 'prerender cancelled: why'],
        `SPEC 2: { state: '${state}', reason }`,
      );
    }
    const stateOnly = new PrerenderCancelledError({ state: 'rendering' });
    assert.strictEqual(stateOnly.message, 'prerender cancelled', 'SPEC 2: { state } alone');
    const reasonOnly = new PrerenderCancelledError({ reason: 'r' });
    assert.strictEqual(reasonOnly.state, 'queued', 'SPEC 2: { reason } alone');
  });

  test('isPrerenderCancellation', async (assert) => {
    assert.true(isPrerenderCancellation(new PrerenderCancelledError()), 'SPEC 2: of its own kind');
    class Sub extends PrerenderCancelledError {}
    assert.true(isPrerenderCancellation(new Sub('x')), 'SPEC 2: of a subclass');
    for (const other of [new Error('prerender cancelled'), undefined, null, 'x', {}])
      assert.false(isPrerenderCancellation(other), `SPEC 2: not ${String(other)}`);
  });

  test('throwIfAborted', async (assert) => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    assert.throws(
      () => throwIfAborted(AbortSignal.abort('stop')),
      (e) => isPrerenderCancellation(e) && e.reason === 'stop' && e.state === 'queued',
      'SPEC 2: a string reason is taken, state is queued',
    );
    assert.throws(
      () => throwIfAborted(AbortSignal.abort('stop'), 'rendering'),
      (e) => e.state === 'rendering',
      'SPEC 2: the state given',
    );
    assert.throws(
      () => throwIfAborted(AbortSignal.abort()),
      (e) => isPrerenderCancellation(e) && e.reason === undefined && e.message === 'prerender cancelled',
      'SPEC 2: a reason that is no string is none',
    );
  });

  test('abortable', async (assert) => {
    const free = await abortable(undefined, async () => 5);
    assert.strictEqual(free, 5, 'SPEC 2: without a signal, what run gives');
    const idle = new AbortController();
    assert.strictEqual(await abortable(idle.signal, async () => 6), 6, 'SPEC 2: with one, too');
    assert.strictEqual(getEventListeners(idle.signal, 'abort').length, 0, 'SPEC 2: its listener is detached');
    await assert.rejects(
      abortable(idle.signal, async () => {
        throw new Error('own');
      }),
      /own/,
      'SPEC 2: a failure of run passes',
    );
    assert.strictEqual(getEventListeners(idle.signal, 'abort').length, 0, 'SPEC 2: detached after a failure');

    let fail;
    const hanging = new AbortController();
    const raced = abortable(
      hanging.signal,
      () =>
        new Promise((_, reject) => {
          fail = reject;
        }),
    );
    hanging.abort('now');
    await assert.rejects(
      raced,
      (e) => isPrerenderCancellation(e) && e.state === 'rendering' && e.reason === 'now',
      "SPEC 2: the signal wins, state 'rendering'",
    );
    assert.strictEqual(
      getEventListeners(hanging.signal, 'abort').length,
      0,
      'SPEC 2: detached after an abort',
    );
    fail(new Error('the loser'));
    await turns();

    await assert.rejects(
      abortable(AbortSignal.abort('before'), async () => 1, 'releasing'),
      (e) => e.state === 'releasing' && e.reason === 'before',
      'SPEC 2: an aborted signal, with the state given',
    );
    await assert.rejects(
      abortable(AbortSignal.abort('before'), async () => {
        throw new Error('loser');
      }),
      (e) => isPrerenderCancellation(e),
      'SPEC 2: an aborted signal wins over a failing run',
    );
    await turns();
    await microtasks(1);
  });
});

contract('SPEC 3: the process', (test) => {
  test('an idle pool keeps no process alive', async (assert) => {
    const script = `
      const { PagePool, AsyncSemaphore } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
      const { FakeBrowser } = require(${JSON.stringify(path.join(__dirname, 'helpers/fake-browser.js'))});
      const browser = new FakeBrowser();
      globalThis.fetch = async () => new Response(null, { status: 204 });
      const pool = new PagePool({ maxPages: 2, serverURL: 'http://s.example', boxelHostURL: 'http://h.example',
        browserManager: browser.manager, renderSemaphore: new AsyncSemaphore(2) });
      pool.getPage('a').then((lease) => { lease.release(); return pool.warmStandbys(); })
        .then(() => console.log('idle with', browser.alive.length > 0 ? 'contexts' : 'nothing'));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
      timeout: 20_000,
      env: { ...process.env, PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '4' },
    });
    assert.strictEqual(
      stdout.trim(),
      'idle with contexts',
      'SPEC 3: no timer of the pool, and no idle pool, keeps the process alive',
    );
  });

  test('awaitIdle: false as the first call of the process returns at once', async (assert) => {
    const script = `
      const { PagePool } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
      const { FakeBrowser } = require(${JSON.stringify(path.join(__dirname, 'helpers/fake-browser.js'))});
      const pool = new PagePool({ maxPages: 1, serverURL: 'http://s.example', boxelHostURL: 'http://h.example',
        browserManager: new FakeBrowser().manager });
      pool.disposeAffinity('a', { awaitIdle: false }).then(() => console.log('returned'));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 20_000 });
    assert.strictEqual(stdout.trim(), 'returned', 'SPEC 13: awaitIdle: false returns at once');
  });
});
