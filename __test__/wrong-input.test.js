'use strict';

// What a user gets who gives something wrong, or calls at the wrong time: a clear error, or a clear rule.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const http = require('node:http');
const { lib, poolModule, Logs, withEnv } = require('./helpers/kit.js');
const { PuppeteerManager, chromeTest } = require('./helpers/chrome.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { turns, until, watch, within } = require('./helpers/wait.js');

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

  for (const [what, text, mode, code, says] of [
    ['a file that is not executable', '#!/bin/sh\n', 0o644, 'BROWSER_NOT_FOUND', /is not executable/],
    ['a script whose interpreter is missing', '#!/nowhere/sh\n', 0o755, 'BROWSER_LAUNCH_FAILED', /cannot start .*No such file/],
    ['a Chrome that crashes at once', '#!/bin/sh\nkill -SEGV $$\n', 0o755, 'BROWSER_LAUNCH_FAILED', /was killed by signal 11/],
    ['a program that ends well without a word', '#!/bin/sh\n', 0o755, 'BROWSER_LAUNCH_FAILED', /exited with code 0/],
    ['a program that never answers', '#!/bin/sh\nexec sleep 1000\n', 0o755, 'BROWSER_LAUNCH_FAILED', /did not answer within 400ms/],
  ]) {
    QUnit.test(`${what}: ${code}`, async (assert) => {
      const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
      const executablePath = path.join(dir, 'chrome');
      fs.writeFileSync(executablePath, text, { mode });
      try {
        const manager = new lib.BrowserManager({ executablePath, profileParent: dir, launchTimeoutMs: 400 });
        const error = await manager.getBrowser().catch((e) => e);
        assert.strictEqual(error.code, code, `its code: ${error.message}`);
        assert.true(says.test(error.message), `it says why: ${error.message}`);
        assert.deepEqual(fs.readdirSync(dir), ['chrome'], 'no profile is left');
      } finally {
        fs.rmSync(dir, { recursive: true });
      }
    });
  }

  QUnit.test('stop() while Chrome hangs at its start calls the launch off', async (assert) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
    const executablePath = path.join(dir, 'chrome');
    fs.writeFileSync(executablePath, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
    try {
      const manager = new lib.BrowserManager({ executablePath, profileParent: dir });
      const launch = watch(manager.getBrowser());
      await until(() => fs.readdirSync(dir).length > 1, 'it is being started');
      await within(manager.stop(), 'stop');
      await within(launch.settled, 'the launch ends');
      assert.strictEqual(launch.error?.code, 'BROWSER_LAUNCH_FAILED', `${launch.error}`);
      assert.true(/stopped while it was being started/.test(launch.error.message), launch.error.message);
      assert.deepEqual(fs.readdirSync(dir), ['chrome'], 'no profile is left');
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });

  QUnit.test('nowhere to make a profile in: BROWSER_LAUNCH_FAILED, and where', async (assert) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
    const executablePath = path.join(dir, 'chrome');
    fs.writeFileSync(executablePath, '#!/bin/sh\n', { mode: 0o755 });
    const TMPDIR = path.join(dir, 'missing');
    try {
      await withEnvAsync({ TMPDIR }, async () => {
        const manager = new lib.BrowserManager({ executablePath });
        const error = await manager.getBrowser().catch((e) => e);
        assert.strictEqual(error.code, 'BROWSER_LAUNCH_FAILED', 'its code');
        assert.true(error.message.includes(TMPDIR) && /No such file/.test(error.message), `where and why: ${error.message}`);
        assert.strictEqual(await manager.cleanupUserDataDirs(), undefined, 'and nothing to clean up there');
      });
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });

  QUnit.test('a pool looks at the environment when it launches, not when its manager was made', async (assert) => {
    const manager = new lib.BrowserManager();
    const logs = new Logs();
    const pool = withEnv({}, () => new lib.PagePool({ maxPages: 1, serverURL: 'http://s', boxelHostURL: 'http://127.0.0.1:9', browserManager: manager, logger: logs.factory }));
    kit().pools.push(pool);
    const error = await withEnvAsync({ PUPPETEER_EXECUTABLE_PATH: '/named/later' }, () => pool.getPage('a').catch((e) => e));
    assert.strictEqual(error.cause?.code, 'BROWSER_NOT_FOUND', `${error.cause}`);
    assert.true(error.cause.message.includes('/named/later'), error.cause.message);
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

QUnit.module('a host app that is down, on real Chrome', () => {
  chromeTest('a refused connection is a host that is not there yet', async (assert) => {
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

chromeModule('a host app that is no good, on real Chrome', (kit, test) => {
  for (const [mode, code, says, level] of [
    [502, 'STANDBY_NOT_READY', /HTTP 502/, 'debug'],
    [503, 'STANDBY_NOT_READY', /HTTP 503/, 'debug'],
    [500, 'STANDBY_TIMEOUT', /timed out after 4000ms/, 'error'],
    ['silent', 'STANDBY_TIMEOUT', /timed out after 4000ms/, 'error'],
    ['closing', 'PROTOCOL_ERROR', /net::ERR_/, 'error'],
  ]) {
    test(`${mode}: the cause says so, and the pool serves once it is well`, async (assert) => {
      // Where the time is not the matter there is plenty of it.
      const standbyTimeoutMs = code === 'STANDBY_TIMEOUT' ? 4000 : 20_000;
      const { pool, logs } = kit().pool({ maxPages: 1, standbyTimeoutMs });
      const { host } = kit();
      if (mode === 'silent') {
        host.silent = true;
      } else if (mode === 'closing') {
        host.closing = true;
      } else {
        host.status = mode;
      }
      const error = await pool.getPage('a').catch((e) => e);
      assert.strictEqual(error.code, 'STANDBY_UNAVAILABLE', `${error}`);
      assert.strictEqual(error.cause?.code, code, `its cause: ${error.cause}`);
      assert.true(says.test(error.cause.message), error.cause.message);
      assert.strictEqual(logs.find(level, /attempt 3 of 3 at a standby page failed/).length, 1, `logged as ${level}`);
      Object.assign(host, { status: 200, silent: false, closing: false });
      assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'the next visit is served');
    });
  }
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
