'use strict';

// However the process that started a Chrome ends, nothing is left: no process, no profile, no socket.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromeTest: test, needsNoSandbox } = require('./helpers/chrome.js');
const { processes } = require('./helpers/real-chrome.js');
const { until, within } = require('./helpers/wait.js');

const OWNER = path.join(__dirname, 'helpers', 'processes', 'chrome-owner.js');

QUnit.module('the owner of a Chrome ends', (hooks) => {
  let directory;
  hooks.beforeEach((assert) => {
    assert.timeout(90_000);
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
  });
  hooks.afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

  /** Those whose command line or environment names the directory; the children of Chrome are known by their group. */
  const groups = new Set();
  function running() {
    const named = processes().filter(({ command }) => command.includes(directory));
    named.filter(({ command }) => command.includes('--remote-debugging-pipe')).forEach(({ group }) => groups.add(group));
    return processes().filter(({ group, command }) => groups.has(group) || command.includes(directory));
  }

  /** Starts it, and resolves when it says that it is ready. */
  async function start(how, temporary = directory) {
    const env = { ...process.env, TMPDIR: temporary, PRERENDER_MANAGER_URL: '', ...(needsNoSandbox() && { PUPPETEER_DISABLE_SANDBOX: 'true' }) };
    const child = spawn(process.execPath, [OWNER, how], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const ready = new Promise((resolve) => {
      child.stdout.on('data', (chunk) => {
        output += chunk;
        if (output.includes('ready')) {
          running();
          resolve();
        }
      });
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
    await within(Promise.race([ready, ended]), `${how}: ${output}`, 60_000);
    return { child, ended, output: () => output };
  }

  async function nothingIsLeft(assert) {
    await until(() => running().length === 0, 'every process is gone', 20_000).catch(() => {});
    assert.deepEqual(running(), [], 'no process is left');
    await until(() => fs.readdirSync(directory).length === 0, 'every file is gone', 10_000).catch(() => {});
    assert.deepEqual(fs.readdirSync(directory), [], 'no profile and no socket is left');
  }

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGABRT']) {
    test(`by ${signal}`, async (assert) => {
      const { child, ended, output } = await start('a signal');
      assert.true(running().length > 0, `Chrome runs: ${output()}`);
      child.kill(signal);
      assert.strictEqual(await ended, signal, 'it ends by the signal');
      await nothingIsLeft(assert);
    });
  }

  /** Names in `/tmp` of what is in the test's directory. */
  const shortcuts = () => fs.readdirSync('/tmp').filter((name) => {
    try {
      return fs.readlinkSync(path.join('/tmp', name)).startsWith(directory);
    } catch {
      return false;
    }
  });

  for (const signal of ['SIGKILL', 'SIGTERM']) {
    test(`by ${signal}, with a TMPDIR that is too long for a socket's path`, async (assert) => {
      const temporary = path.join(directory, 'long'.repeat(20));
      fs.mkdirSync(temporary);
      const { child, ended, output } = await start('a signal', temporary);
      assert.true(running().length > 0, `Chrome runs: ${output()}`);
      child.kill(signal);
      assert.strictEqual(await ended, signal, 'it ends by the signal');
      await until(() => running().length === 0 && fs.readdirSync(temporary).length === 0, 'Chrome and its profile are gone', 20_000).catch(() => {});
      assert.deepEqual(running(), [], 'no process is left');
      assert.deepEqual(fs.readdirSync(temporary), [], 'no profile and no socket is left');
      await until(() => shortcuts().length === 0, 'the short name is gone', 10_000).catch(() => {});
      assert.deepEqual(shortcuts(), [], 'nor a short name of it');
    });
  }

  for (const [how, expected] of [
    ['process.exit', 3],
    ['process.exit while closing', 3],
    ['process.exit while launching', 3],
    ['an uncaught exception', 1],
    ['running out of work', 0],
    ['the end of a worker', 0],
  ]) {
    test(`by ${how}`, async (assert) => {
      const { ended, output } = await start(how);
      assert.strictEqual(await within(ended, `the process ends: ${output()}`, 30_000), expected, `with its own exit code: ${output()}`);
      await nothingIsLeft(assert);
    });
  }

  test('a worker that is terminated takes its Chrome along, and the process goes on', async (assert) => {
    const { child, ended } = await start('the termination of a worker');
    await nothingIsLeft(assert);
    assert.strictEqual(child.exitCode, null, 'the process runs');
    child.kill('SIGKILL');
    await ended;
  });
});
