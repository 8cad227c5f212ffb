'use strict';

// `BrowserManager` as its user meets it: options, environment, the endpoint for others, profiles that died owners left.

const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const lib = require('..');
const { findChrome } = require('./helpers/chrome.js');
const { chromeModule, processes } = require('./helpers/real-chrome.js');
const { within } = require('./helpers/wait.js');

QUnit.module('options of a browser manager', () => {
  for (const [name, options] of [
    ['options', 5], ['options.args', { args: 'x' }], ['options.executablePath', { executablePath: 5 }], ['options.executablePath', { executablePath: '' }],
    ['options.headless', { headless: 'old' }], ['options.launchTimeoutMs', { launchTimeoutMs: 0 }], ['options.noSandbox', { noSandbox: 1 }],
    ['options.debuggingPort', { debuggingPort: 9222 }], ['options.profileParent', { profileParent: null }],
  ]) {
    QUnit.test(`${name}: ${JSON.stringify(options)} is a TypeError that names it`, (assert) => {
      assert.throws(() => new lib.BrowserManager(options), (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && error.message.startsWith(`${name} `));
    });
  }
});

QUnit.module('a Chrome that an installer has cached', () => {
  /** Places that come before. */
  const installed = ['/opt/google/chrome/chrome', '/opt/chromium.org/chromium/chromium'].find((file) => fs.existsSync(file));

  for (const [whose, variable, place] of [
    ['puppeteer', 'PUPPETEER_CACHE_DIR', (cacheDir, { computeExecutablePath, detectBrowserPlatform }) =>
      computeExecutablePath({ browser: 'chrome-headless-shell', buildId: '150.0.1.2', platform: detectBrowserPlatform(), cacheDir })],
    ['Playwright', 'PLAYWRIGHT_BROWSERS_PATH', (cache) => path.join(cache, 'chromium_headless_shell-1200', 'chrome-headless-shell-linux64', 'chrome-headless-shell')],
  ]) {
    QUnit.test(`is found where ${whose} keeps it`, async (assert) => {
      const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-cache-'));
      const changed = { PATH: cache, HOME: cache, XDG_CACHE_HOME: cache, PUPPETEER_EXECUTABLE_PATH: '', PUPPETEER_CACHE_DIR: '', PLAYWRIGHT_BROWSERS_PATH: '' };
      const before = Object.keys(changed).map((name) => [name, process.env[name]]);
      try {
        const program = place(path.join(cache, 'of-the-installer'), await import('@puppeteer/browsers'));
        fs.mkdirSync(path.dirname(program), { recursive: true });
        fs.writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
        Object.assign(process.env, changed, { [variable]: path.join(cache, 'of-the-installer') });
        assert.strictEqual(await new lib.BrowserManager().executablePath(), installed ?? program);
      } finally {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name];
          else process.env[name] = value;
        }
        fs.rmSync(cache, { recursive: true });
      }
    });
  }
});

QUnit.module('an endpoint that takes the connection and does not answer', () => {
  QUnit.test('is given up on, and its connection is closed', async (assert) => {
    const server = http.createServer();
    const connected = new Promise((resolve) => {
      server.on('upgrade', (request, socket) => {
        const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
        const accept = crypto.createHash('sha1').update(key).digest('base64');
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        resolve(socket);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const endpoint = `ws://127.0.0.1:${server.address().port}/devtools/browser/silent`;
    const manager = new lib.BrowserManager({ browserWSEndpoint: endpoint, launchTimeoutMs: 200 });
    const asked = manager.getBrowser();
    const socket = await connected;
    const ended = once(socket.resume(), 'end');
    await assert.rejects(asked, (error) => error.code === 'BROWSER_LAUNCH_FAILED', 'a clear error');
    await within(ended, 'the connection is closed').finally(() => {
      socket.destroy();
      server.close();
    });
    await manager.stop();
  });
});

chromeModule('a browser manager', (kit, test) => {
  /** The command line of the one Chrome that runs. */
  const commandLine = () => processes().find(({ command }) => command.includes(kit().directory) && command.includes('--remote-debugging-pipe')).command.split(' ');

  test('says which Chrome it would start, as the environment is by then, and starts none', async (assert) => {
    const manager = kit().manager();
    assert.strictEqual(await manager.executablePath(), findChrome(), 'the one that is named');
    assert.deepEqual(kit().browsers(), [], 'and nothing runs');
    const named = new lib.BrowserManager({ executablePath: '/nowhere/chrome' });
    await assert.rejects(named.executablePath(), (error) => error.code === 'BROWSER_NOT_FOUND' && /\/nowhere\/chrome/.test(error.message), 'there is none');
  });

  test('shares one launch among those who ask at once, and one browser among those who ask later', async (assert) => {
    const manager = kit().manager();
    const [one, two, three] = await Promise.all([manager.getBrowser(), manager.getBrowser(), manager.getBrowser()]);
    assert.true(one === two && two === three, 'one object');
    assert.strictEqual(await manager.getBrowser(), one, 'also later');
    assert.strictEqual(kit().browsers().length, 1, 'and one Chrome');
    assert.strictEqual(one.wsEndpoint(), '', 'which nobody else can connect to');
  });

  for (const [how, options, env] of [
    ['the option debuggingPort', { debuggingPort: true }, {}],
    ['an argument', { args: ['--remote-debugging-port=0'] }, {}],
    ['PUPPETEER_CHROME_ARGS', {}, { PUPPETEER_CHROME_ARGS: '--remote-debugging-port=0' }],
  ]) {
    test(`opens a port when ${how} asks for it, and says where`, async (assert) => {
      Object.assign(process.env, env);
      try {
        const browser = await kit().manager(options).getBrowser();
        assert.true(/^ws:\/\/127\.0\.0\.1:\d+\/devtools\/browser\//.test(browser.wsEndpoint()), browser.wsEndpoint());
        const other = await kit().manager({ browserWSEndpoint: browser.wsEndpoint() }).getBrowser();
        assert.strictEqual(await other.version(), await browser.version(), 'and another manager connects to it');
      } finally {
        for (const name of Object.keys(env)) {
          delete process.env[name];
        }
      }
    });
  }

  test('appends PUPPETEER_CHROME_ARGS to the options’ arguments, split at white space', async (assert) => {
    process.env.PUPPETEER_CHROME_ARGS = '  --lang=de\t--window-size=500,400\n';
    try {
      await kit().manager({ args: ['--lang=fr'] }).getBrowser();
    } finally {
      delete process.env.PUPPETEER_CHROME_ARGS;
    }
    const line = commandLine();
    assert.true(line.includes('--window-size=500,400'), 'an argument of the environment');
    assert.true(line.indexOf('--lang=de') > line.indexOf('--lang=fr'), 'which comes after the options’, so that it counts');
  });

  for (const env of [{ CI: 'true' }, { PUPPETEER_DISABLE_SANDBOX: 'true' }]) {
    test(`runs without the sandbox with ${Object.keys(env)[0]}=true`, async (assert) => {
      const before = { CI: process.env.CI, PUPPETEER_DISABLE_SANDBOX: process.env.PUPPETEER_DISABLE_SANDBOX };
      delete process.env.CI;
      delete process.env.PUPPETEER_DISABLE_SANDBOX;
      Object.assign(process.env, env);
      try {
        await kit().manager({ noSandbox: false }).getBrowser();
      } finally {
        for (const [name, value] of Object.entries(before)) {
          if (value === undefined) {
            delete process.env[name];
          } else {
            process.env[name] = value;
          }
        }
      }
      const line = commandLine();
      assert.true(line.includes('--no-sandbox') && line.includes('--disable-setuid-sandbox'), 'both arguments');
    });
  }

  test('cleans up profiles of its own that are out of use and older than an hour, and nothing else', async (assert) => {
    const manager = kit().manager();
    await manager.getBrowser();
    const used = fs.readdirSync(kit().directory).find((name) => name.startsWith('pagepool-profile-'));
    const age = (name, hours) => {
      const directory = path.join(kit().directory, name);
      fs.mkdirSync(directory, { recursive: true });
      const at = Date.now() / 1000 - hours * 3600;
      fs.utimesSync(directory, at, at);
    };
    age('pagepool-profile-old', 2);
    age('pagepool-profile-young', 0.5);
    age('puppeteer_dev_chrome_profile-old', 2);
    age(used, 2);
    assert.strictEqual(await manager.cleanupUserDataDirs(), undefined, 'it says nothing');
    // Chrome's socket is its own, where the path to the profile is too long for it.
    const left = fs.readdirSync(kit().directory).filter((name) => !name.startsWith('org.chromium.')).sort();
    assert.deepEqual(left, [used, 'pagepool-profile-young', 'puppeteer_dev_chrome_profile-old'].sort(), 'what is left');
    assert.true((await manager.getBrowser()).isConnected(), 'the Chrome in use runs');
    fs.rmdirSync(path.join(kit().directory, 'pagepool-profile-young'));
  });
});

