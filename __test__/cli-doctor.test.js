'use strict';

// `pagepool doctor` as a person runs it, on machines that are fit and on such that are not.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const QUnit = require('qunit');
const { chromeTest, findChrome } = require('./helpers/chrome.js');
const { Workplace, copied } = require('./helpers/cli.js');
const { within } = require('./helpers/wait.js');

/** The checks by name. */
const byName = ({ stdout }) => Object.fromEntries(JSON.parse(stdout).checks.map((check) => [check.name, check]));

QUnit.module('pagepool doctor', (hooks) => {
  let place;
  let server;
  let url;
  let asked;
  hooks.beforeEach(async (assert) => {
    assert.timeout(120_000);
    place = new Workplace();
    server = http.createServer((request, response) => {
      if (request.url === '/hang') {
        asked.resolve();
        return;
      }
      if (request.url === '/gone') {
        response.writeHead(410, { 'content-type': 'text/html' }).end('<p>gone');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><link rel="icon" href="data:,"><p id="here">here');
    });
    asked = {};
    asked.promise = new Promise((resolve) => {
      asked.resolve = resolve;
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${server.address().port}`;
  });
  hooks.afterEach(async (assert) => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await place.end(assert);
  });

  chromeTest('finds everything well where it is, and lets a tab stand by', async (assert) => {
    const run = await place.run(['doctor', '--json', '--url', url, '--ready-selector', '#here'], { env: { PUPPETEER_EXECUTABLE_PATH: findChrome() } }).ended();
    assert.strictEqual(run.code, 0, `status 0:\n${run.stdout}${run.stderr}`);
    const checks = byName(run);
    for (const name of ['Node.js', 'addon', 'Chrome', 'temporary dir', 'launch', 'libraries', 'standby']) {
      assert.strictEqual(checks[name]?.status, 'ok', `${name}: ${checks[name]?.detail}`);
    }
    assert.true(checks['Node.js'].detail.startsWith(process.version), 'the Node.js that runs it');
    assert.strictEqual(checks.Chrome.detail, `${findChrome()} (from PUPPETEER_EXECUTABLE_PATH)`, 'which Chrome, and from where');
    const [version] = /\d+(\.\d+){3}/.exec(execFileSync(findChrome(), ['--version', '--no-sandbox'], { encoding: 'utf8' }));
    assert.true(checks.launch.detail.includes(`/${version} in `), `${checks.launch.detail} is of ${version}`);
    assert.true(/, \d+ MB$/.test(checks.launch.detail), `and what it takes: ${checks.launch.detail}`);
    assert.strictEqual(checks.sandbox.status === 'ok', !/^off/.test(checks.sandbox.detail), checks.sandbox.detail);
  });

  chromeTest('says why a page does not stand by, a line each, and what to do', async (assert) => {
    const run = await place.run(['doctor', '--url', `${url}/gone`], { env: { PUPPETEER_EXECUTABLE_PATH: findChrome() } }).ended();
    assert.strictEqual(run.code, 1, 'status 1');
    assert.true(/^ok +launch /m.test(run.stdout), run.stdout);
    assert.true(/^failed +standby +http:\S+\/gone: .*\(STANDBY_FAILED\)\n +status: 410\n( +.*\n)* +→ /m.test(run.stdout), run.stdout);
    assert.true(/^1 failed/m.test(run.stdout), 'it counts');
  });

  chromeTest('ends at a SIGTERM in the middle of it, and leaves nothing behind', async (assert) => {
    const run = place.run(['doctor', '--url', `${url}/hang`], { env: { PUPPETEER_EXECUTABLE_PATH: findChrome() } });
    await within(asked.promise, 'the page is loaded', 60_000);
    run.child.kill('SIGTERM');
    await run.ended();
    assert.strictEqual(run.code, 143, `status 143:\n${run.stdout}${run.stderr}`);
    assert.false(/standby/.test(run.stdout), 'nothing is said of what was not looked at');
  });

  QUnit.test('on a machine without Chrome it says where it looked and how to get one', async (assert) => {
    const bin = copied(place.directory);
    const run = await place.run(['doctor', '--json'], { bin, env: { PATH: '/nowhere', PUPPETEER_EXECUTABLE_PATH: '' } }).ended();
    assert.strictEqual(run.code, 1, `status 1:\n${run.stderr}`);
    const checks = byName(run);
    assert.strictEqual(checks.Chrome.status, 'failed', checks.Chrome.detail);
    assert.true(/looked for .*chromium-headless-shell.* on PATH/.test(checks.Chrome.detail), checks.Chrome.detail);
    assert.true(/apt-get install chromium-headless-shell.*npm install @sparticuz\/chromium/s.test(checks.Chrome.advice), 'what to run');
    assert.deepEqual([checks.launch.status, checks.libraries.status], ['skipped', 'skipped'], 'nothing is started');
    assert.strictEqual(checks['temporary dir'].status, 'ok', 'the rest is looked at');
  });

  QUnit.test('without the addon it says how to make it', async (assert) => {
    const run = await place.run(['doctor', '--json'], { bin: copied(place.directory, { addon: false }) }).ended();
    assert.strictEqual(run.code, 1, 'status 1');
    const checks = byName(run);
    assert.strictEqual(checks.addon.status, 'failed', checks.addon.detail);
    assert.true(/npm rebuild pagepool/.test(checks.addon.advice), checks.addon.advice);
    assert.strictEqual(checks.Chrome.status, 'skipped', checks.Chrome.detail);
  });

  QUnit.test('a Chrome that is named and is none is said to be so', async (assert) => {
    const run = await place.run(['doctor'], { env: { PUPPETEER_EXECUTABLE_PATH: '/nowhere/chrome' } }).ended();
    assert.strictEqual(run.code, 1, 'status 1');
    assert.true(/^failed +Chrome +.*\/nowhere\/chrome .*does not exist\n +→ Correct PUPPETEER_EXECUTABLE_PATH/m.test(run.stdout), run.stdout);
  });

  QUnit.test('a Chrome without its libraries: the launch fails, and says of what', async (assert) => {
    const chrome = path.join(place.directory, 'chrome');
    fs.writeFileSync(chrome, '#!/bin/sh\necho "error while loading shared libraries: libnss3.so: cannot open" >&2\nexit 127\n', { mode: 0o755 });
    const run = await place.run(['doctor', '--json'], { env: { PUPPETEER_EXECUTABLE_PATH: chrome } }).ended();
    assert.strictEqual(run.code, 1, 'status 1');
    const { launch } = byName(run);
    assert.strictEqual(launch.status, 'failed', launch.detail);
    assert.true(/libnss3\.so/.test(launch.detail) && /[Ll]ibraries are missing/.test(launch.advice), `${launch.detail} ${launch.advice}`);
  });

  QUnit.test('a directory for temporary files that is none fails', async (assert) => {
    const run = await place.run(['doctor', '--json'], { env: { TMPDIR: '/nowhere/at/all', PUPPETEER_EXECUTABLE_PATH: '/nowhere/chrome' } }).ended();
    const check = byName(run)['temporary dir'];
    assert.strictEqual(check.status, 'failed', check.detail);
    assert.true(/ENOENT/.test(check.detail) && /TMPDIR/.test(check.advice), `${check.detail} ${check.advice}`);
  });

  QUnit.test('the help names the commands that there are, and no others', async (assert) => {
    const { stdout } = await place.run(['--help']).ended();
    const named = [...stdout.matchAll(/^ {2}pagepool (\w+)/gm)].map(([, name]) => name);
    assert.true(named.length > 0, stdout);
    for (const name of named) {
      const run = await place.run([name, '--help']).ended();
      assert.strictEqual(run.code, 0, `pagepool ${name} is there: ${run.stderr}`);
    }
  });

  for (const [args, code, pattern] of [
    [['doctor', '--help'], 0, /^Looks whether this machine[^]*--url URL/],
    [['--help'], 0, /pagepool doctor/],
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['doctor', '--colour'], 2, /Unknown option '--colour'[^]*--url URL/],
    [['doctor', '--timeout', 'soon'], 2, /--timeout takes a whole number from 1 to \d+, and not 'soon'/],
    [['doctor', '--url', 'nothing'], 2, /--url takes an absolute address, and not 'nothing'/],
    [['doctor', 'more'], 2, /more/],
    [['dance'], 2, /there is no command 'dance'/],
    [[], 2, /a command is missing/],
  ]) {
    QUnit.test(`pagepool ${args.join(' ')} ends with ${code}`, async (assert) => {
      const run = await place.run(args).ended();
      assert.strictEqual(run.code, code, run.stderr);
      assert.true(pattern.test(code === 0 ? run.stdout : run.stderr), run.stdout + run.stderr);
      assert.strictEqual(code === 0 ? run.stderr : run.stdout, '', 'help that was asked for goes to stdout, complaints to stderr');
    });
  }
});
