'use strict';

// What a user gets who gives something wrong, or calls at the wrong time: a clear error, or a clear rule.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const http = require('node:http');
const { lib, poolModule, Logs, withEnv } = require('./helpers/kit.js');
const { PuppeteerManager, findChrome } = require('./helpers/chrome.js');
const { turns, watch } = require('./helpers/wait.js');

void PuppeteerManager;

/** A Chrome that is none: it complains and ends. */
function brokenChrome(line, code) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
  const file = path.join(dir, 'chrome');
  fs.writeFileSync(file, `#!/bin/sh\necho '${line}' >&2\nexit ${code}\n`, { mode: 0o755 });
  return { file, remove: () => fs.rmSync(dir, { recursive: true }) };
}

poolModule('no Chrome, or a broken one', (kit) => {
  QUnit.test('PUPPETEER_EXECUTABLE_PATH that names nothing: BROWSER_NOT_FOUND, and where it looked', async (assert) => {
    const error = await withEnvAsync({ PUPPETEER_EXECUTABLE_PATH: '/nowhere/at/all/chrome' }, () => new lib.BrowserManager().getBrowser()).catch((e) => e);
    assert.ok(error instanceof Error, 'an error');
    assert.strictEqual(error.code, 'BROWSER_NOT_FOUND', `its code: ${error.message}`);
    assert.ok(error.message.includes('/nowhere/at/all/chrome'), `where it looked: ${error.message}`);
  });

  QUnit.test('a Chrome that exits at once: BROWSER_LAUNCH_FAILED, with what it said', async (assert) => {
    const broken = brokenChrome('chrome: cannot open shared object file libnss3.so', 127);
    try {
      const error = await withEnvAsync({ PUPPETEER_EXECUTABLE_PATH: broken.file }, () => new lib.BrowserManager().getBrowser()).catch((e) => e);
      assert.strictEqual(error.code, 'BROWSER_LAUNCH_FAILED', `its code: ${error.message}`);
      assert.ok(error.message.includes('libnss3.so'), `its stderr: ${error.message}`);
    } finally {
      broken.remove();
    }
  });

  QUnit.test('the pool passes it on as the cause', async (assert) => {
    const broken = brokenChrome('chrome says no', 1);
    const logs = new Logs();
    try {
      const error = await withEnvAsync({ PUPPETEER_EXECUTABLE_PATH: broken.file }, async () => {
        const pool = new lib.PagePool({
          maxPages: 1, serverURL: 'http://s', boxelHostURL: 'http://127.0.0.1:1', browserManager: new lib.BrowserManager(), logger: logs.factory,
        });
        kit().pools.push(pool);
        return pool.getPage('a').catch((e) => e);
      });
      assert.strictEqual(error.code, 'STANDBY_UNAVAILABLE', 'no standby');
      assert.ok(`${error.cause?.message}`.includes('chrome says no'), `because: ${error.cause?.message}`);
      assert.ok(logs.lines.some((l) => l.text.includes('chrome says no')), 'and the log says so');
    } finally {
      broken.remove();
    }
  });
});

async function withEnvAsync(env, run) {
  const before = {};
  for (const [name, value] of Object.entries(env)) {
    before[name] = process.env[name];
    process.env[name] = value;
  }
  try {
    return await run();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = value;
      }
    }
  }
}

const chrome = findChrome();

QUnit.module('a host app that is down, on real Chrome', () => {
  (chrome ? QUnit.test : QUnit.test.skip)('a refused connection is a host that is not there yet', async (assert) => {
    assert.timeout(60_000);
    const server = http.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    const manager = await withEnvAsync(process.getuid?.() === 0 ? { PUPPETEER_DISABLE_SANDBOX: 'true' } : {}, async () => {
      const made = new lib.BrowserManager();
      await made.getBrowser();
      return made;
    });
    const logs = new Logs();
    const pool = withEnv({}, () => new lib.PagePool({
      maxPages: 1, serverURL: 'http://s', boxelHostURL: `http://127.0.0.1:${port}`, browserManager: manager, logger: logs.factory,
    }));
    try {
      const error = await pool.getPage('a').catch((e) => e);
      assert.strictEqual(error.message, 'No standby page available for prerender', 'the message');
      assert.strictEqual(error.code, 'STANDBY_UNAVAILABLE', 'the code');
      assert.ok(error.cause instanceof lib.StandbyTargetNotReadyError, `the cause: ${error.cause}`);
      assert.ok(/ERR_CONNECTION_REFUSED/.test(error.cause.message), `which says why: ${error.cause.message}`);
      assert.deepEqual(logs.find('error', /standby/i), [], 'expected while it starts: no error in the log');
    } finally {
      await pool.closeAll();
      await manager.stop();
    }
  });
});

poolModule('calls at the wrong time', (kit) => {
  QUnit.test('a second release does nothing', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const lease = await kit().take(pool, 'a', 'module');
    lease.release();
    const next = await kit().take(pool, 'a', 'module');
    lease.release();
    assert.false(pool.getVacancySnapshot().a.idle, 'the lease of the next holder is not touched');
    next.release();
    assert.true(pool.getVacancySnapshot().a.idle, 'its own release is');
  });

  QUnit.test('calls after closeAll: the pool begins anew', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    await pool.closeAll();
    assert.deepEqual(pool.getWarmAffinities(), [], 'nothing is warm');
    assert.deepEqual(await pool.evictIdleAffinities(1), [], 'nothing to evict');
    await pool.disposeAffinity('a');
    await pool.closeAll();
    await pool.warmStandbys();
    assert.ok((await kit().visit(pool, 'a')).page, 'and serves');
  });

  QUnit.test('disposeAffinity, evictIdleAffinities and the console methods with nonsense reject or answer, and break nothing', async (assert) => {
    const { pool } = await kit().warm();
    const calls = [
      () => pool.disposeAffinity(), () => pool.disposeAffinity(5), () => pool.disposeAffinity(''), () => pool.disposeAffinity('a', null),
      () => pool.evictIdleAffinities(), () => pool.evictIdleAffinities('soon'),
      () => pool.takeConsoleErrors(), () => pool.resetConsoleErrors(5),
      () => pool.__test_tryExpand(NaN),
    ];
    for (const call of calls) {
      try {
        await watch(call()).settled;
      } catch (error) {
        assert.ok(error instanceof TypeError, `throws a TypeError if anything: ${error}`);
      }
    }
    await turns();
    assert.ok((await kit().visit(pool, 'a')).page, 'the pool goes on');
  });

  QUnit.test('options that throw while they are read reject', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    const broken = new Proxy({}, {
      get() {
        throw new RangeError('broken options');
      },
    });
    await assert.rejects(pool.disposeAffinity('a', broken), RangeError, 'disposeAffinity');
    await assert.rejects(pool.getPage('a', 'file', broken), RangeError, 'getPage');
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'and change nothing');
    assert.true(pool.getVacancySnapshot().a.idle, 'nor take anything');
  });

  QUnit.test('methods on something that is no pool throw, and do not crash', async (assert) => {
    for (const name of ['getPage', 'disposeAffinity', 'closeAll', 'getWarmAffinities', 'getQueueDepthSnapshot']) {
      let outcome;
      try {
        outcome = await lib.PagePool.prototype[name].call({}, 'a');
      } catch (error) {
        outcome = error;
      }
      assert.ok(outcome instanceof Error, `${name} on a plain object is an error`);
    }
  });

  QUnit.test('a signal that is none is refused', async (assert) => {
    const { pool } = await kit().warm();
    for (const signal of [5, 'x', {}]) {
      const outcome = await pool.getPage('a', 'file', { signal }).then((lease) => {
        lease.release();
        return 'granted';
      }, (e) => e);
      assert.ok(outcome instanceof TypeError, `${JSON.stringify(signal)} is a TypeError: ${outcome}`);
    }
  });
});
