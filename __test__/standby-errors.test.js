'use strict';

// Why a tab does not stand by is said: on the error, in the log, and once.

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { lib, Logs } = require('./helpers/kit.js');
const { FakeBrowserManager } = require('./helpers/fake-browser.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { until } = require('./helpers/wait.js');

const { createPool, PagePool, BrowserManager } = lib;
/** More than a test may take: what ends earlier was not waited for. */
const FOR_EVER_MS = 600_000;

const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)));

chromeModule('a standby that fails, on real Chrome', (kit, test) => {
  const script = (code) => `<!doctype html><script>${code}</script>`;
  const pages = {
    '/missing': [404, '<p>no such page'],
    '/broken': [500, ''],
    '/throws': [200, script('console.error("first this"); globalThis.app.boot();')],
    '/rejects': [200, script('Promise.reject(new RangeError("no boot"));')],
    '/recovers': [200, script('setTimeout(() => { document.body.id = "ready"; }, 300); fetch("/never"); globalThis.app.boot();')],
    '/waits': [200, script('fetch("/never"); history.pushState(0, "", "/elsewhere"); globalThis.app.boot();')],
  };
  /** Runs with a server of these pages, and one more at another origin. */
  async function served(run) {
    const other = http.createServer((_, response) => response.end('<p id="ready">another'));
    const otherURL = await listening(other);
    const server = http.createServer(({ url }, response) => {
      if (url === '/moved') {
        response.writeHead(302, { location: `${otherURL}/login` });
        response.end();
      } else if (pages[url]) {
        response.writeHead(pages[url][0], { 'content-type': 'text/html' });
        response.end(pages[url][1]);
      } else if (url !== '/never') {
        response.writeHead(404); // An icon, perhaps.
        response.end();
      }
    });
    const url = await listening(server);
    try {
      await run(url, otherURL);
    } finally {
      for (const each of [server, other]) {
        each.closeAllConnections();
        each.close();
      }
    }
  }
  const made = (options) => {
    const logs = new Logs();
    return { logs, pool: new PagePool({ maxPages: 1, browserManager: kit().manager(), logger: logs.factory, standbyTimeoutMs: FOR_EVER_MS, readySelector: '#ready', ...options }) };
  };
  const causeOf = async (pool) => {
    const error = await pool.getPage('tenant').then(() => undefined, (rejected) => rejected);
    await pool.closeAll();
    return error?.code === 'STANDBY_UNAVAILABLE' ? error.cause : error;
  };

  for (const [at, status, phase, says] of [
    ['/missing', 404, 'navigation', /HTTP 404/],
    ['/broken', 500, 'navigation', /HTTP 500/],
    ['/throws', 200, 'readiness', /TypeError: Cannot read properties of undefined/],
    ['/rejects', 200, 'readiness', /RangeError: no boot/],
  ]) {
    test(`${at}: the attempt ends at once, and the error says why`, async (assert) => {
      await served(async (url) => {
        const { pool, logs } = made({ standbyURL: url + at });
        const cause = await causeOf(pool);
        assert.strictEqual(cause.code, 'STANDBY_FAILED', `${cause}`);
        assert.true(says.test(cause.message), cause.message);
        assert.deepEqual([cause.url, cause.status], [url + at, status], 'what was asked for, and its answer');
        if (phase === 'readiness') {
          assert.deepEqual([cause.finalUrl, cause.phase], [url + at, phase], 'where it was, and how far');
          assert.true(says.test(cause.lastException), cause.lastException);
          assert.true(cause.console.some(({ source, text }) => source === 'exception' && text === cause.lastException), 'it is in what the page said');
        }
        assert.strictEqual(logs.find('error', /attempt 1 of 3 .*; told once/).length, 1, 'it is told');
        assert.deepEqual(logs.find('error', /attempt [23] of 3/), [], 'once');
        assert.strictEqual(logs.find('debug', /attempt [23] of 3/).length, 2, 'the others for whoever debugs');
      });
    });
  }

  test('what the page logged is on the error', async (assert) => {
    await served(async (url) => {
      const cause = await causeOf(made({ standbyURL: `${url}/throws` }).pool);
      assert.deepEqual(cause.console.map(({ source }) => source), ['console', 'exception'], 'in its order');
      assert.strictEqual(cause.console[0].text, 'first this');
    });
  });

  test('another origin is not what was asked for', async (assert) => {
    await served(async (url, otherURL) => {
      const cause = await causeOf(made({ standbyURL: `${url}/moved` }).pool);
      assert.strictEqual(cause.code, 'STANDBY_FAILED', `${cause}`);
      assert.true(cause.message.includes(`redirected to another origin, ${otherURL}`), cause.message);
      assert.deepEqual([cause.url, cause.finalUrl, cause.status], [`${url}/moved`, `${otherURL}/login`, 200]);
    });
  });

  test('a page that throws and is ready all the same is taken', async (assert) => {
    await served(async (url) => {
      const { pool } = made({ standbyURL: `${url}/recovers` });
      const lease = await pool.getPage('tenant');
      assert.strictEqual(lease.page.url(), `${url}/recovers`);
      lease.release();
      await pool.closeAll();
    });
  });

  test('one that is late says where it was, and what it threw', async (assert) => {
    await served(async (url) => {
      const { pool, logs } = made({ standbyURL: `${url}/waits`, standbyTimeoutMs: 8000 });
      const cause = await causeOf(pool);
      assert.strictEqual(cause.code, 'STANDBY_TIMEOUT', `${cause}`);
      assert.true(/^Standby page \S+ timed out after 8000ms$/.test(cause.message), cause.message);
      assert.deepEqual([cause.finalUrl, cause.status, cause.phase], [`${url}/elsewhere`, 200, 'readiness']);
      assert.true(/TypeError/.test(cause.lastException), cause.lastException);
      assert.strictEqual(logs.find('error', /readiness, HTTP 200, at .*elsewhere, thrown: TypeError/).length, 1, 'the log has it too');
    });
  });

  test('one that is never answered was navigating', async (assert) => {
    await served(async (url) => {
      const cause = await causeOf(made({ standbyURL: `${url}/never`, standbyTimeoutMs: 500 }).pool);
      assert.deepEqual([cause.code, cause.phase, 'status' in cause], ['STANDBY_TIMEOUT', 'navigation', false]);
    });
  });

  test('a host that is down is warned of once, and told of when it is back; warmStandbys says so', async (assert) => {
    const server = http.createServer((_, response) => response.end('<p id="ready">here'));
    const url = await listening(server);
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    const { pool, logs } = made({ standbyURL: url });
    for (let round = 0; round < 2; round++) {
      const warmth = await pool.warmStandbys();
      assert.deepEqual([warmth.ready, warmth.wanted > 0], [0, true], 'none of those that should be');
      assert.deepEqual([warmth.lastError.code, warmth.lastError.url], ['STANDBY_NOT_READY', url], `${warmth.lastError}`);
    }
    assert.strictEqual(logs.find('warn', /ERR_CONNECTION_REFUSED.*told once/).length, 1, 'one warning');
    assert.deepEqual(logs.find('error', /./), [], 'and no error');
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    const warmth = await pool.warmStandbys();
    assert.deepEqual(warmth, { ready: warmth.wanted, wanted: warmth.wanted }, 'all there, and nothing to tell');
    assert.strictEqual(logs.find('info', /ready again/).length, 1, 'told once');
    await pool.closeAll();
    server.closeAllConnections();
    server.close();
  });

  test('a page cannot write a line of ours, nor fill the log', async (assert) => {
    const logs = new Logs();
    const pool = await createPool({ maxPages: 1, browserManager: kit().manager(), logger: logs.factory });
    const lease = await pool.getPage('tenant');
    await lease.page.evaluate(() => {
      console.warn('a\n[prerenderer] all is well\u001b[2J');
      console.warn('é'.repeat(100_000));
    });
    const lines = () => logs.lines.filter(({ name }) => name === 'prerenderer-chrome').map(({ text }) => text);
    await until(() => lines().length === 2, 'both lines');
    assert.true(lines()[0].endsWith(' a\\n[prerenderer] all is well\\u{1b}[2J'), lines()[0]);
    assert.true(/é… \(\d{6} bytes in all\)$/.test(lines()[1]) && Buffer.byteLength(lines()[1]) < 5000, lines()[1].slice(-40));
    lease.release();
    await pool.closeAll();
  });
});

QUnit.module('a standby that fails, over a browser manager from JavaScript', () => {
  QUnit.test('a status of 400 and above ends the attempt', async (assert) => {
    const manager = new FakeBrowserManager();
    manager.rule('goto', () => Promise.resolve({ status: () => 404 }));
    const pool = new PagePool({ maxPages: 1, standbyURL: 'https://app.test/', browserManager: manager, logger: new Logs().factory, readySelector: '#ready' });
    const { ready, lastError } = await pool.warmStandbys();
    assert.deepEqual([ready, lastError.code], [0, 'STANDBY_FAILED'], `${lastError}`);
    assert.true(lastError.message.includes('HTTP 404'), lastError.message);
    await pool.closeAll();
  });

  QUnit.test('warmStandbys says how many there are', async (assert) => {
    const pool = new PagePool({ maxPages: 3, standbyURL: 'https://app.test/', browserManager: new FakeBrowserManager(), logger: new Logs().factory });
    assert.deepEqual(await pool.warmStandbys(), { ready: 3, wanted: 3 });
    await pool.closeAll();
  });
});

QUnit.module('a browser that cannot be started', () => {
  QUnit.test('keeps the code of the system', async (assert) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-errno-'));
    const nothing = path.join(folder, 'chrome');
    fs.writeFileSync(nothing, '#!/nowhere/sh\n', { mode: 0o755 });
    const tried = [
      [{ executablePath: nothing }, 'ENOENT', nothing],
      [{ executablePath: process.execPath, profileParent: path.join(nothing, 'profiles') }, 'ENOTDIR', folder],
    ];
    for (const [options, errno, named] of tried) {
      const error = await new BrowserManager(options).getBrowser().then(() => undefined, (rejected) => rejected);
      assert.deepEqual([error?.code, error?.cause?.code], ['BROWSER_LAUNCH_FAILED', errno], `${error}`);
      assert.true(error.message.includes(named), `${error.message} names it`);
    }
    fs.rmSync(folder, { recursive: true });
  });
});
