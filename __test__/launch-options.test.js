'use strict';

// The options of puppeteer's launcher that a `BrowserManager` takes: each seen in the Chrome that it starts.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const lib = require('..');
const { executablePath } = require('./page/sides.js');
const { until } = require('./helpers/wait.js');

const onLinux = process.platform === 'linux';

QUnit.module('launch options, wrong ones', () => {
  for (const [name, options] of [
    ['options.ignoreDefaultArgs', { ignoreDefaultArgs: '--mute-audio' }],
    ['options.ignoreDefaultArgs', { ignoreDefaultArgs: [5] }],
    ['options.env', { env: 'PATH=/bin' }],
    ['options.env', { env: { A: 5 } }],
    ['options.env', { env: { 'A=B': 'c' } }],
    ['options.dumpio', { dumpio: 'yes' }],
    ['options.userDataDir', { userDataDir: '' }],
    ['options.acceptInsecureCerts', { acceptInsecureCerts: 1 }],
    ['options.defaultViewport', { defaultViewport: 800 }],
    ['viewport.width', { defaultViewport: { width: 'wide', height: 1 } }],
    ['options.slowMo', { slowMo: -1 }],
    ['options.slowMo', { slowMo: 'slowly' }],
    ['options.downloadBehavior', { downloadBehavior: 'deny' }],
    ['options.downloadBehavior.policy', { downloadBehavior: { policy: 'perhaps' } }],
    ['options.downloadBehavior.downloadPath', { downloadBehavior: { policy: 'allow' } }],
    ['options.downloadBehavior.downloadPath', { downloadBehavior: { policy: 'allow', downloadPath: 5 } }],
  ]) {
    QUnit.test(`${name}: ${JSON.stringify(options)} is a TypeError that names it`, (assert) => {
      assert.throws(
        () => new lib.BrowserManager(options),
        (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && error.message.startsWith(`${name} `),
      );
    });
  }
});

QUnit.module('launch options', (hooks) => {
  let directory;
  let managers;
  let server;
  hooks.before(async () => {
    server = http.createServer((request, response) => {
      if (request.url === '/file') {
        response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment; filename=file.bin' });
        return response.end('downloaded');
      }
      response.writeHead(200, { 'content-type': 'text/html' });
      return response.end('<!doctype html><title>there</title><a href="/file">file</a>');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  hooks.after(() => {
    server.closeAllConnections();
    server.close();
  });
  hooks.beforeEach((assert) => {
    assert.timeout(90_000);
    managers = [];
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
  });
  hooks.afterEach(async () => {
    await Promise.all(managers.map((manager) => manager.stop()));
    fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  const origin = () => `http://127.0.0.1:${server.address().port}`;
  const launch = (options) => {
    const manager = new lib.BrowserManager({ executablePath: executablePath(), profileParent: directory, ...options });
    managers.push(manager);
    return manager.getBrowser();
  };
  const ofProcess = (browser, what) => fs.readFileSync(`/proc/${browser.process().pid}/${what}`, 'utf8').split('\0');

  if (onLinux) {
    QUnit.test('ignoreDefaultArgs leaves out what it names, and not what we need', async (assert) => {
      const browser = await launch({ ignoreDefaultArgs: ['--mute-audio', '--remote-debugging-pipe'] });
      const line = ofProcess(browser, 'cmdline');
      assert.notOk(line.includes('--mute-audio'), 'left out');
      assert.ok(line.includes('--hide-scrollbars'), 'its neighbour is there');
      assert.ok(line.includes('--remote-debugging-pipe'), 'the pipe');
    });

    QUnit.test('ignoreDefaultArgs: true passes what the caller gives', async (assert) => {
      const args = ['--headless', '--no-sandbox', '--lang=de'];
      const browser = await launch({ ignoreDefaultArgs: true, args });
      const line = ofProcess(browser, 'cmdline');
      // A distribution's script may add something of its own.
      for (const arg of [...args, '--remote-debugging-pipe']) assert.ok(line.includes(arg), `${arg} is passed`);
      for (const arg of ['--enable-automation', '--mute-audio', '--no-first-run', '--disable-sync', '--no-startup-window']) {
        assert.notOk(line.includes(arg), `${arg} is not`);
      }
    });

    QUnit.test('env is all of the environment of Chrome', async (assert) => {
      const browser = await launch({ env: { GIVEN: 'ü', PATH: process.env.PATH, LEFT_OUT: undefined } });
      const variables = ofProcess(browser, 'environ').filter(Boolean).map((pair) => pair.split('=')[0]);
      assert.ok(ofProcess(browser, 'environ').includes('GIVEN=ü'), 'what was given');
      assert.notOk(variables.includes('LEFT_OUT'), 'undefined is not there');
      assert.notOk(variables.includes('HOME'), 'nothing of ours');
    });
  }

  QUnit.test('dumpio hands on what Chrome says', async (assert) => {
    const script = `
      const { BrowserManager } = require(${JSON.stringify(path.join(__dirname, '..'))});
      const manager = new BrowserManager({ executablePath: ${JSON.stringify(executablePath())}, debuggingPort: true, dumpio: process.argv[1] === 'yes' });
      manager.getBrowser().then(() => manager.stop());`;
    const said = async (dumpio) => {
      const child = spawn(process.execPath, ['-e', script, dumpio], { stdio: ['ignore', 'ignore', 'pipe'] });
      let text = '';
      child.stderr.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      await once(child, 'close');
      return text;
    };
    assert.ok(/DevTools listening on ws:/.test(await said('yes')), 'with it');
    assert.notOk(/DevTools listening on ws:/.test(await said('no')), 'without it');
  });

  QUnit.test('userDataDir is used, kept, and found again', async (assert) => {
    const userDataDir = path.join(directory, 'profile');
    const visit = async (run) => {
      const manager = new lib.BrowserManager({ executablePath: executablePath(), profileParent: directory, userDataDir });
      managers.push(manager);
      const page = await (await manager.getBrowser()).newPage();
      await page.goto(origin());
      const answer = await page.evaluate(run);
      await manager.stop();
      return answer;
    };
    await visit(() => (document.cookie = 'kept=yes; max-age=3600'));
    assert.ok(fs.existsSync(userDataDir), 'the profile is kept');
    assert.deepEqual(fs.readdirSync(directory), ['profile'], 'and nothing else');
    assert.strictEqual(await visit(() => document.cookie), 'kept=yes', 'what was in it is found again');
  });

  QUnit.test('acceptInsecureCerts lets pages load what nobody vouches for', async (assert) => {
    const secure = https.createServer(require('./helpers/self-signed.js'), (request, response) => response.end('secret'));
    await once(secure.listen(0, '127.0.0.1'), 'listening');
    const url = `https://127.0.0.1:${secure.address().port}/`;
    try {
      const wary = await (await launch({})).newPage();
      await assert.rejects(wary.goto(url), /ERR_CERT/, 'without it');
      const browser = await launch({ acceptInsecureCerts: true });
      for (const context of [browser.defaultBrowserContext(), await browser.createBrowserContext()]) {
        const page = await context.newPage();
        const response = await page.goto(url);
        assert.strictEqual(await response.text(), 'secret', context.id ? 'in a context' : 'in the default context');
      }
    } finally {
      secure.closeAllConnections();
      secure.close();
    }
  });

  QUnit.test('defaultViewport is what pages begin with', async (assert) => {
    const size = async (defaultViewport) => {
      const page = await (await launch(defaultViewport === undefined ? {} : { defaultViewport })).newPage();
      const { width, height } = page.viewport() ?? {};
      return [width, height, ...(await page.evaluate('[innerWidth, innerHeight]'))];
    };
    assert.deepEqual(await size(undefined), [800, 600, 800, 600], 'by itself');
    assert.deepEqual(await size({ width: 432, height: 123 }), [432, 123, 432, 123], 'as it was given');
    const [width, height, innerWidth] = await size(null);
    assert.deepEqual([width, height, innerWidth > 0], [undefined, undefined, true], 'null: that of its window');
  });

  QUnit.test('defaultViewport says what a page has beside its size', async (assert) => {
    const browser = await launch({ defaultViewport: { width: 300, height: 200, deviceScaleFactor: 2, hasTouch: true, isMobile: true } });
    const page = await browser.newPage();
    await page.goto(origin());
    assert.deepEqual(await page.evaluate('[devicePixelRatio, "ontouchstart" in window]'), [2, true]);
  });

  QUnit.test('slowMo holds up each answer', async (assert) => {
    const page = await (await launch({ slowMo: 100 })).newPage();
    const begun = performance.now();
    assert.strictEqual(await page.evaluate('1 + 1'), 2);
    // Timers are rounded down.
    assert.true(performance.now() - begun > 95, 'at least as long');
  });

  QUnit.test('downloadBehavior holds in every context', async (assert) => {
    const downloadPath = path.join(directory, 'downloads');
    const browser = await launch({ downloadBehavior: { policy: 'allow', downloadPath } });
    for (const context of [browser.defaultBrowserContext(), await browser.createBrowserContext()]) {
      const page = await context.newPage();
      await page.goto(origin());
      await page.click('a');
      const file = path.join(downloadPath, 'file.bin');
      await until(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8') === 'downloaded', 'the file is there');
      assert.ok(true, context.id ? 'in a context' : 'in the default context');
      fs.rmSync(file);
    }
  });
});
