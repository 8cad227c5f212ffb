'use strict';

const http = require('node:http');
const { poolModule } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { turns, until, watch, within } = require('./helpers/wait.js');

const MANAGER = 'http://manager.test:4222';

/** Replaces the global fetch for a test; every call is recorded, `answer` says what comes of it. */
function patchFetch(answer = () => Promise.resolve(new Response(null, { status: 204 }))) {
  const original = globalThis.fetch;
  const calls = [];
  globalThis.fetch = (url, init) => {
    calls.push({ url: String(url), method: init?.method, init });
    return answer(url, init);
  };
  return { calls, restore: () => {
    globalThis.fetch = original;
  } };
}

function managerModule(name, define) {
  poolModule(name, (kit) => {
    let patched;
    const start = (answer, url = MANAGER) => {
      patched?.restore();
      patched = patchFetch(answer);
      if (url === undefined) {
        delete process.env.PRERENDER_MANAGER_URL;
      } else {
        process.env.PRERENDER_MANAGER_URL = url;
      }
      return patched.calls;
    };
    QUnit.module('', { afterEach() {
      patched?.restore();
      patched = undefined;
      process.env.PRERENDER_MANAGER_URL = '';
    } }, () => define(kit, start));
  });
}

managerModule('telling the manager', (kit, start) => {
  QUnit.test('a DELETE with the key and this server’s URL', async (assert) => {
    const calls = start();
    const { pool } = await kit().warm({ serverURL: 'http://me.test:4221/?x=1&y' });
    await kit().visit(pool, 'realm:https://app.example/acme/');
    await pool.disposeAffinity('realm:https://app.example/acme/');
    assert.strictEqual(calls.length, 1, 'one call');
    assert.strictEqual(calls[0].method, 'DELETE', 'DELETE');
    const url = new URL(calls[0].url);
    assert.strictEqual(url.origin, MANAGER, 'to the manager');
    assert.strictEqual(url.pathname, `/prerender-servers/affinities/${encodeURIComponent('realm:https://app.example/acme/')}`, 'the key as encodeURIComponent encodes it');
    assert.strictEqual(url.searchParams.get('url'), 'http://me.test:4221/?x=1&y', 'the server’s URL survives its query');
  });

  QUnit.test('keys are encoded as encodeURIComponent does, to the letter', async (assert) => {
    const calls = start();
    const { pool } = await kit().warm();
    const key = "a b/c?d=e&f#g%h'(i)!*~-_.ключ@:+";
    await kit().visit(pool, key);
    await pool.disposeAffinity(key);
    assert.ok(calls[0].url.startsWith(`${MANAGER}/prerender-servers/affinities/${encodeURIComponent(key)}?url=`), calls[0].url);
  });

  QUnit.test('serverURL as it was set last', async (assert) => {
    const calls = start();
    const { pool } = await kit().warm();
    pool.serverURL = 'http://moved.test';
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    assert.strictEqual(new URL(calls[0].url).searchParams.get('url'), 'http://moved.test', 'the new one');
  });

  QUnit.test('its URL is read at each notification; the trailing slash goes', async (assert) => {
    const calls = start(undefined, 'http://one.test/base/');
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    process.env.PRERENDER_MANAGER_URL = 'http://two.test';
    await kit().visit(pool, 'b');
    await pool.disposeAffinity('b');
    assert.ok(calls[0].url.startsWith('http://one.test/base/prerender-servers/'), calls[0].url);
    assert.ok(calls[1].url.startsWith('http://two.test/prerender-servers/'), calls[1].url);
  });

  QUnit.test('unset: http://localhost:4222', async (assert) => {
    const calls = start(undefined, undefined);
    const { pool } = await kit().warm();
    delete process.env.PRERENDER_MANAGER_URL;
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    assert.ok(calls[0]?.url.startsWith('http://localhost:4222/prerender-servers/'), calls[0]?.url);
  });

  QUnit.test('empty: nobody is told', async (assert) => {
    const calls = start(undefined, '');
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    assert.deepEqual(calls, [], 'no call');
  });

  QUnit.test('fetch as it is at the time of the call', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    const calls = start();
    await pool.disposeAffinity('a');
    assert.strictEqual(calls.length, 1, 'the patch made after the pool');
  });

  QUnit.test('disposal with awaitIdle waits for the answer, then calls back, then resolves', async (assert) => {
    let answer;
    const calls = start(() => new Promise((resolve) => {
      answer = resolve;
    }));
    const { pool, disposed } = await kit().warm();
    const a = await kit().visit(pool, 'a');
    const done = watch(pool.disposeAffinity('a'));
    await until(() => calls.length === 1, 'told');
    assert.true(a.page.context.closed, 'after the close');
    await turns();
    assert.strictEqual(done.state, 'pending', 'waits for the answer');
    assert.deepEqual(disposed, [], 'before the callback');
    answer(new Response(null));
    await done.settled;
    assert.deepEqual(disposed, ['a'], 'then the callback');
  });

  QUnit.test('but no longer than 2 s', async (assert) => {
    const calls = start(() => NEVER);
    const { pool, disposed } = await kit().warm();
    await kit().visit(pool, 'a');
    await within(pool.disposeAffinity('a'), 'a disposal whose manager never answers', 6000);
    assert.strictEqual(calls.length, 1, 'told');
    assert.deepEqual(disposed, ['a'], 'and went on');
  });

  for (const [name, answer] of [['rejects', () => Promise.reject(new TypeError('fetch failed'))], ['throws', () => {
    throw new TypeError('fetch failed');
  }], ['answers 500', () => Promise.resolve(new Response('no', { status: 500 }))]]) {
    QUnit.test(`a fetch that ${name} is a line at debug`, async (assert) => {
      start(answer);
      const { pool, logs, disposed } = await kit().warm();
      await kit().visit(pool, 'a');
      await pool.disposeAffinity('a');
      assert.deepEqual(disposed, ['a'], 'the disposal went on');
      assert.deepEqual(logs.lines.filter((l) => l.level === 'warn' || l.level === 'error').filter((l) => /manager|fetch/i.test(l.text)), [], 'nothing louder');
      if (name !== 'answers 500') {
        assert.ok(logs.find('debug', /fetch failed/).length >= 1, 'a debug line');
      }
    });
  }

  QUnit.test('a missing fetch is a line at debug', async (assert) => {
    const { pool, disposed } = await kit().warm();
    await kit().visit(pool, 'a');
    start();
    globalThis.fetch = undefined;
    await pool.disposeAffinity('a');
    assert.deepEqual(disposed, ['a'], 'the disposal went on');
  });

  QUnit.test('awaitIdle false: the callback at once, the manager when the teardown has ended', async (assert) => {
    const calls = start();
    const { pool, fake, disposed } = await kit().warm({ maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', ({ context }) => context === a.page.context);
    await pool.disposeAffinity('a', { awaitIdle: false });
    assert.deepEqual(disposed, ['a'], 'called back');
    await until(() => gate.count === 1, 'it closes');
    await turns();
    assert.strictEqual(calls.length, 0, 'not told yet');
    gate.open();
    await until(() => calls.length === 1, 'told when it has closed');
  });

  QUnit.test('not told when the affinity has been taken into use again', async (assert) => {
    const calls = start();
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const a = await kit().visit(pool, 'a');
    const gate = fake.gate('contextClose', ({ context }) => context === a.page.context);
    const done = pool.disposeAffinity('a');
    const again = await kit().take(pool, 'a');
    gate.open();
    await done;
    await turns();
    assert.strictEqual(calls.length, 0, 'it would forget a live affinity');
    assert.ok(again.page, 'which is leased');
  });

  QUnit.test('told once for two disposals that share a teardown', async (assert) => {
    const calls = start();
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    await Promise.all([pool.disposeAffinity('a'), pool.disposeAffinity('a')]);
    assert.strictEqual(calls.length, 1, 'once');
  });

  QUnit.test('told of an affinity whose tab gave way to another', async (assert) => {
    const calls = start();
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'b');
    await kit().visit(pool, 'c');
    await until(() => calls.some((c) => c.url.includes('/affinities/a?')), 'a lost its last tab');
    assert.ok(true, 'told');
  });

  QUnit.test('not told while another tab of the affinity lives', async (assert) => {
    const calls = start();
    const { pool, fake } = await kit().warm({ maxPages: 3, tabHealthProbeMs: 250 });
    const one = await kit().take(pool, 'a', 'module');
    const two = await kit().take(pool, 'a', 'module');
    one.release();
    two.release();
    fake.rule('evaluate', () => Promise.reject(new Error('dead')), ({ page }) => page === one.page);
    await kit().visit(pool, 'a', 'module');
    await until(() => one.page.closeCalls + one.page.context.closeCalls > 0, 'one is retired');
    await turns();
    assert.deepEqual(calls, [], 'a is still here');
  });

  QUnit.test('told of a donor whose last tab migrated', async (assert) => {
    const calls = start();
    const { pool } = await kit().warm({ disableStandbyRefill: true });
    await kit().visit(pool, 'donor');
    await kit().visit(pool, 'receiver');
    await until(() => calls.some((c) => c.url.includes('/affinities/donor?')), 'told of the donor');
    assert.notOk(calls.some((c) => c.url.includes('/affinities/receiver?')), 'not of the receiver');
  });

  QUnit.test('over a real server', async (assert) => {
    const seen = [];
    const server = http.createServer((request, response) => {
      seen.push([request.method, request.url]);
      response.writeHead(204).end();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env.PRERENDER_MANAGER_URL = `http://127.0.0.1:${server.address().port}/`;
    try {
      const { pool } = await kit().warm();
      await kit().visit(pool, 'user:@ann:example');
      await pool.disposeAffinity('user:@ann:example');
      assert.strictEqual(seen.length, 1, 'one request arrived');
      const [[method, path]] = seen;
      assert.strictEqual(method, 'DELETE', 'its method');
      assert.ok(path.startsWith(`/prerender-servers/affinities/${encodeURIComponent('user:@ann:example')}?url=`), `its path: ${path}`);
      assert.strictEqual(new URL(path, 'http://x').searchParams.get('url'), 'http://server.test:4221', 'the server’s URL');
    } finally {
      process.env.PRERENDER_MANAGER_URL = '';
      server.closeAllConnections();
      server.close();
    }
  });
});
