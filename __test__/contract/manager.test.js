'use strict';

const { MANAGER, SERVER, Watched, bounded, contract, turns, until } = require('./helpers/harness.js');

contract('SPEC 10: the manager is told', (test) => {
  test('DELETE with the key and the server, when an affinity has lost its last tab', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 3 });
    const key = 'realm:https://app.example/acme/?x=1&y= ü';
    const one = await t.get(pool, key);
    const two = await t.get(pool, key);
    one.release();
    two.release();
    await pool.disposeAffinity(key);
    assert.strictEqual(t.fetches.length, 1, 'SPEC 10: once, when it has lost its last tab');
    const [{ url, method }] = t.fetches;
    assert.strictEqual(method, 'DELETE', 'SPEC 10: DELETE');
    const [path, query] = url.split('?url=');
    assert.strictEqual(
      path,
      `${MANAGER}/prerender-servers/affinities/${encodeURIComponent(key)}`,
      'SPEC 10: the address, with encodeURIComponent(key)',
    );
    assert.strictEqual(decodeURIComponent(query), SERVER, 'SPEC 10: ?url={serverURL}');
  });

  test('at every way to lose the last tab', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 1 });
    const told = () => t.fetches.map(({ url }) => decodeURIComponent(/affinities\/([^?]*)/.exec(url)[1]));
    await t.visit(pool, 'evicted');
    clock.now += 10_000;
    await pool.evictIdleAffinities(100);
    assert.deepEqual(
      told(),
      ['evicted'],
      'SPEC 13: when evictIdleAffinities resolves, the manager has answered',
    );
    for (const key of ['first', 'second', 'third']) {
      clock.now += 10;
      await t.visit(pool, key);
    }
    await until(() => told().includes('first'), 'SPEC 10: room was made for another');
    await pool.disposeAffinity('third', { awaitIdle: false });
    await until(
      () => told().includes('third'),
      'SPEC 7: awaitIdle: false tells it when the teardown has ended',
    );
  });

  test('also when its context is retained', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1 });
    await t.visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    assert.strictEqual(t.fetches.length, 1, 'SPEC 10: it has lost its last tab');
  });

  test('of an affinity whose only tab moved away', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1, disableStandbyRefill: true });
    await t.visit(pool, 'donor');
    await t.visit(pool, 'receiver');
    await until(() => t.fetches.length > 0, 'SPEC 10: the donor has lost its last tab');
    assert.true(t.fetches[0].url.includes('/affinities/donor?'), 'SPEC 10: of the donor');
  });

  test('PRERENDER_MANAGER_URL is read at each notification', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1 });
    const dispose = async () => {
      await t.visit(pool, 'a');
      t.fetches.length = 0;
      await pool.disposeAffinity('a');
      return t.fetches.map(({ url }) => url.split('/prerender-servers')[0]);
    };
    process.env.PRERENDER_MANAGER_URL = 'http://other.example:1/base/';
    assert.deepEqual(await dispose(), ['http://other.example:1/base'], 'SPEC 3: trailing slash dropped');
    process.env.PRERENDER_MANAGER_URL = '';
    assert.deepEqual(await dispose(), [], 'SPEC 3: empty: no notification');
    delete process.env.PRERENDER_MANAGER_URL;
    assert.deepEqual(await dispose(), ['http://localhost:4222'], 'SPEC 3: the default');
  });

  test('best effort: failures at debug', async (assert, t) => {
    for (const how of [
      async () => {
        throw new Error('manager is down');
      },
      () => {
        throw new Error('manager is down');
      },
      async () => new Response('manager is down', { status: 500 }),
      async () => undefined,
    ]) {
      const { pool } = await t.warm({ maxPages: 1 });
      await t.visit(pool, 'a');
      t.log.length = 0;
      globalThis.fetch = how;
      await bounded(pool.disposeAffinity('a'), 'SPEC 10: best effort');
      assert.deepEqual(
        t.log.filter((line) => line.level === 'warn' || line.level === 'error').map((line) => line.text),
        [],
        'SPEC 10: failures at debug',
      );
    }
    t.log.length = 0;
    const { pool } = await t.warm({ maxPages: 1 });
    await t.visit(pool, 'a');
    globalThis.fetch = async () => {
      throw new Error('manager is down');
    };
    await pool.disposeAffinity('a');
    assert.true(
      t.lines('debug').some((line) => line.includes('manager is down')),
      'SPEC 10: a failure is a debug line',
    );
  });

  test('only awaitIdle waits for it, 2 s at most', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2 });
    await t.visit(pool, 'a');
    await t.visit(pool, 'b');
    const gate = t.gate();
    let asked = 0;
    globalThis.fetch = () => {
      asked += 1;
      return gate.promise;
    };
    await bounded(pool.disposeAffinity('a', { awaitIdle: false }), 'SPEC 10: awaitIdle: false does not wait');
    await until(() => asked === 1, 'it is told');
    const started = performance.now();
    const gone = new Watched(pool.disposeAffinity('b'), 'disposeAffinity');
    await until(() => asked === 2, 'it is told of b');
    assert.true((await t.visit(pool, 'c')).launchMs >= 0, 'SPEC 13: everybody else goes on');
    assert.strictEqual(gone.state, 'pending', 'SPEC 10: it waits for the answer');
    await gone.end();
    const took = performance.now() - started;
    assert.true(took >= 1900 && took < 12_000, `SPEC 10: 2 s at most (${Math.round(took)} ms)`);
    gate.open(new Response(null, { status: 204 }));
    await turns();
  });

  test('the global fetch as it is at the time of the call', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1 });
    await t.visit(pool, 'a');
    let late = 0;
    globalThis.fetch = async () => {
      late += 1;
      return new Response(null, { status: 204 });
    };
    await pool.disposeAffinity('a');
    assert.strictEqual(late, 1, 'SPEC 10: looked up at the call');
    await t.visit(pool, 'a');
    globalThis.fetch = undefined;
    await bounded(pool.disposeAffinity('a'), 'SPEC 10: no fetch at all');
  });
});

contract('SPEC 10: the pool’s log', (test) => {
  test('a page whose close fails is a warning, unless its target is gone', async (assert, t) => {
    const warnings = async (error) => {
      const { pool, browser } = await t.warm({ maxPages: 1 });
      await t.visit(pool, 'a');
      t.log.length = 0;
      browser.on.closePage = () => Promise.reject(error);
      await pool.disposeAffinity('a');
      await turns();
      return t.lines('warn');
    };
    const failed = await warnings(new Error('the close went wrong'));
    assert.true(
      failed.some((line) => line.includes('the close went wrong')),
      'SPEC 10: a warning',
    );
    for (const text of [
      'Protocol error (Target.closeTarget): No target with given id found',
      'Protocol error: Connection closed. Most likely the page has been closed.',
      'Protocol error (Target.closeTarget): Target closed',
    ])
      assert.deepEqual(await warnings(new Error(text)), [], `SPEC 10: its target is gone already: ${text}`);
  });

  test('a standby that fails is an error of the log prerenderer', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    browser.on.goto = ({ nth, next }) => (nth === 1 ? Promise.reject(new Error('broken host')) : next());
    await pool.warmStandbys();
    assert.deepEqual(
      t.log
        .filter((line) => line.level === 'error')
        .map((line) => [line.name, line.text.includes('broken host')]),
      [['prerenderer', true]],
      'SPEC 5: logged as an error, in the log named prerenderer',
    );
  });

  test('loggers that throw change nothing', async (assert, t) => {
    const broken = () => {
      throw new Error('logger broke');
    };
    const { pool } = await t.warm({
      maxPages: 1,
      disableStandbyRefill: true,
      logger: () => ({ debug: broken, info: broken, warn: broken, error: broken }),
    });
    await t.visit(pool, 'a');
    assert.strictEqual(
      (await t.visit(pool, 'b')).reused !== undefined,
      true,
      'SPEC 13: no unhandled rejection',
    );
  });
});
