'use strict';

// What the environment says about how Chrome is started, on a real Chrome.

const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const { selfSigned } = require('./helpers/certificate.js');
const { findChrome } = require('./helpers/chrome.js');
const { chromeModule, processes } = require('./helpers/real-chrome.js');
const { until, within } = require('./helpers/wait.js');

/** Runs with these variables, and puts things back. */
async function withVariables(variables, run) {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  Object.assign(process.env, variables);
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

/** A host app behind a certificate that only it vouches for. */
async function startSecureHost() {
  const server = https.createServer(selfSigned(), (request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><div id="standby-ready">secure</div>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `https://127.0.0.1:${server.address().port}`, stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) };
}

chromeModule('the environment of a BrowserManager', (kit, test) => {
  const commandLine = async (manager) => {
    const { pid } = (await manager.getBrowser()).process();
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  };
  const TRUSTING = ['--ignore-certificate-errors', '--allow-insecure-localhost'];

  for (const [url, trusts] of [['https://localhost:4201/', true], ['https://127.0.0.1:4201/base/', true], ['http://localhost:4201/', false], ['https://realm.example/', false]]) {
    test(`REALM_BASE_URL=${url}: certificates are ${trusts ? 'not ' : ''}checked`, (assert) => withVariables({ REALM_BASE_URL: url }, async () => {
      const line = await commandLine(kit().manager());
      for (const argument of TRUSTING) {
        assert.strictEqual(line.includes(argument), trusts, argument);
      }
    }));
  }

  test('REALM_BASE_URL on https and loopback: a standby on a self-signed certificate is ready', async (assert) => {
    const host = await startSecureHost();
    try {
      await withVariables({ REALM_BASE_URL: `${host.url}/` }, async () => {
        const { pool } = kit().pool({ boxelHostURL: host.url });
        const lease = await kit().take(pool, 'tenant');
        assert.strictEqual(await lease.page.evaluate(() => document.querySelector('#standby-ready').textContent), 'secure');
        lease.release();
      });
    } finally {
      await host.stop();
    }
  });

  test('without it, such a certificate is refused', async (assert) => {
    const host = await startSecureHost();
    try {
      await withVariables({ REALM_BASE_URL: '' }, async () => {
        const { pool } = kit().pool({ boxelHostURL: host.url });
        const refused = await within(pool.getPage('tenant').then(() => undefined, (error) => error), 'getPage', 60_000);
        assert.strictEqual(refused?.code, 'STANDBY_UNAVAILABLE');
        assert.ok(/ERR_CERT_AUTHORITY_INVALID/.test(refused.cause?.message), `its cause says why: ${refused.cause?.message}`);
      });
    } finally {
      await host.stop();
    }
  });

  test('PRERENDER_V8_PROF=true: V8 writes its profile into the temp dir; a launch removes those of earlier ones', async (assert) => {
    const { directory } = kit();
    const profiles = () => fs.readdirSync(directory).filter((name) => name.includes('prerender-v8-prof-') && name.endsWith('.log')).sort();
    const other = ['prerender-v8-prof-notes.txt', 'prerender-v8-trace-1.log'];
    for (const name of ['prerender-v8-prof-1.log', 'isolate0x1-2-prerender-v8-prof-2.log', ...other]) {
      fs.writeFileSync(path.join(directory, name), '');
    }
    const manager = kit().manager({ noSandbox: true });
    await withVariables({ PRERENDER_V8_PROF: 'true' }, async () => {
      const browser = await manager.getBrowser();
      assert.true((await commandLine(manager)).includes(`--js-flags=--prof --logfile=${directory}/prerender-v8-prof-%p.log`), 'the argument');
      const page = await browser.newPage();
      assert.strictEqual(await page.evaluate(() => 1 + 1), 2);
      await until(() => profiles().length > 0, 'a profile is written', 20_000);
      assert.false(profiles().some((name) => /prof-[12]\.log$/.test(name)), 'those of before are gone');
      await manager.stop();
    });
    assert.ok(profiles().length > 0, 'the profile stays when Chrome has ended');
    const left = await withVariables({ PRERENDER_V8_PROF: '' }, async () => {
      assert.false((await commandLine(manager)).some((argument) => argument.includes('--prof')), 'only where it is asked for');
      return profiles();
    });
    assert.deepEqual(left, [], 'the next launch removes it, without the variable too');
    assert.deepEqual(fs.readdirSync(directory).filter((name) => other.includes(name)).sort(), [...other].sort(), 'and nothing of another name');
  });

  test('BOXEL_SHOW_PRERENDER=true: Chrome is not told to be headless', async (assert) => {
    const recorded = path.join(kit().directory, 'arguments');
    const script = path.join(kit().directory, 'chrome');
    fs.writeFileSync(script, `#!/bin/sh\nprintf '%s\\n' "$@" >'${recorded}'\nexec '${findChrome()}' "$@"\n`, { mode: 0o755 });
    const lines = () => fs.readFileSync(recorded, 'utf8').split('\n');
    await withVariables({ BOXEL_SHOW_PRERENDER: 'true' }, async () => {
      const manager = kit().manager({ executablePath: script, launchTimeoutMs: 5000 });
      // Where there is no display, a Chrome with windows ends at once.
      await manager.getBrowser().catch((error) => assert.strictEqual(error.code, 'BROWSER_LAUNCH_FAILED'));
      assert.false(lines().some((argument) => argument.startsWith('--headless')), lines().join(' '));
      await manager.stop();
    });
    const manager = kit().manager({ executablePath: script });
    await manager.getBrowser();
    assert.true(lines().some((argument) => argument.startsWith('--headless')), 'without it, it is');
  });

  test('after stop() nothing starts a Chrome but a new getBrowser()', async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 2 });
    assert.strictEqual(await kit().visit(pool, 'tenant'), 'ready');
    const leased = await kit().take(pool, 'tenant');
    await manager.stop();
    leased.release();
    await pool.disposeAffinity('tenant');
    await pool.evictIdleAffinities(1);
    await manager.cleanupUserDataDirs();
    await manager.stop();
    const started = () => processes().filter(({ command }) => command.includes(kit().directory) && command.includes('--remote-debugging-pipe'));
    // As long as a refill would take to begin.
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(started(), [], 'nothing was started');
    assert.true((await manager.getBrowser()).isConnected(), 'getBrowser starts another');
    assert.strictEqual(await kit().visit(pool, 'tenant'), 'ready', 'and the pool goes on in it');
  });
});
