'use strict';

// The demonstration and the host app as a person runs them: in processes of their own, with a real Chrome.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const QUnit = require('qunit');
// Runs on each kind of Chrome.
require('./helpers/chrome.js');

const EXAMPLE = join(__dirname, '..', 'examples', 'render-cards.mjs');
const SECOND_CLIENT = join(__dirname, '..', 'examples', 'second-client.mjs');
const HOST_APP = join(__dirname, '..', 'examples', 'host-app', 'server.mjs');
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

/** The processes whose command line names this directory: Chrome's all name its profile there or come from one. */
async function processesNaming(directory) {
  const found = [];
  for (const pid of (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // A process may end while it is looked at.
    const command = await fs.readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(directory)) found.push(`${pid} ${command.replaceAll('\0', ' ').slice(0, 120)}`);
  }
  return found;
}

/** Runs the demonstration with its files and its Chrome's profile in `directory`. */
function demonstrate(directory, args) {
  const child = spawn(process.execPath, [EXAMPLE, '--out', join(directory, 'out'), ...args], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run = { child, output: '', ended: once(child, 'close') };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      run.output += chunk;
    });
  }
  return run;
}

QUnit.module('the demonstration', (hooks) => {
  let directory;
  hooks.beforeEach(async () => {
    directory = await fs.mkdtemp(join(tmpdir(), 'pagepool-test-'));
  });
  hooks.afterEach(() => fs.rm(directory, { recursive: true, force: true }));

  QUnit.test('renders every card but the endless one, says so, and leaves nothing behind', async (assert) => {
    assert.timeout(120_000);
    const run = demonstrate(directory, [
      '--tenants',
      '3',
      '--cards',
      '15',
      '--workers',
      '4',
      '--pages',
      '3',
      '--timeout',
      '6000',
    ]);
    const [code] = await run.ended;
    assert.strictEqual(code, 0, `it ends well:\n${run.output}`);

    const cards = (
      await Promise.all(
        ['acme', 'harbor', 'cedar'].map((tenant) => fs.readdir(join(directory, 'out', tenant))),
      )
    ).flat();
    assert.strictEqual(
      cards.filter((name) => name.endsWith('.html')).length,
      14,
      'all cards but one have markup',
    );
    const pictures = cards.filter((name) => name.endsWith('.png'));
    assert.strictEqual(pictures.length, 14, 'all cards but one have a picture');
    const picture = await fs.readFile(join(directory, 'out', 'acme', '01-mara-lindqvist.png'));
    assert.true(
      picture.subarray(0, 4).equals(PNG) && picture.length > 5_000,
      'a picture is a PNG with something in it',
    );
    const markup = await fs.readFile(join(directory, 'out', 'cedar', '01-mara-lindqvist.html'), 'utf8');
    assert.true(
      markup.includes('Cedar Clinic') && markup.includes('Mara Lindqvist'),
      "a tenant's card is its own",
    );

    assert.true(
      /cedar\/5 .*given up on after \d+ ms; its page was gone/.test(run.output),
      'it tells of the endless card',
    );
    assert.true(/tenant +cards +warm +cold/.test(run.output), 'it prints the table');
    assert.deepEqual(await processesNaming(directory), [], 'no process is left');
    assert.deepEqual((await fs.readdir(directory)).sort(), ['out'], 'no profile is left');
  });

  QUnit.test('ends at an interrupt, and leaves nothing behind', async (assert) => {
    assert.timeout(120_000);
    const run = demonstrate(directory, ['--cards', '400', '--timeout', '60000']);
    while (!/ 3\/400 /.test(run.output)) {
      await Promise.race([once(run.child.stdout, 'data'), run.ended]);
      if (run.child.exitCode !== null) break;
    }
    run.child.kill('SIGINT');
    const [code] = await run.ended;
    assert.strictEqual(code, 130, `it says that it was interrupted:\n${run.output.slice(-600)}`);
    assert.true(/called off after \d+ of 400 cards/.test(run.output), 'and how far it has come');
    assert.deepEqual(await processesNaming(directory), [], 'no process is left');
  });

  for (const [args, expected] of [
    [['--pages', '0'], /--pages takes a whole number from 1/],
    [['--cards', 'many'], /--cards takes a whole number.*'many'/],
    [['--colour'], /Unknown option '--colour'/],
  ]) {
    QUnit.test(`refuses ${args.join(' ')} and shows its options`, async (assert) => {
      const run = demonstrate(directory, args);
      const [code] = await run.ended;
      assert.strictEqual(code, 2, 'a wrong option has an exit code of its own');
      assert.true(expected.test(run.output), `it says what is wrong: ${run.output.slice(0, 200)}`);
      assert.true(run.output.includes('--workers N'), 'it shows the options');
    });
  }
});

QUnit.module('a second client', () => {
  QUnit.test('puppeteer takes hold of a leased page, and lets go of it', async (assert) => {
    assert.timeout(60_000);
    const child = spawn(process.execPath, [SECOND_CLIENT], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output += chunk;
      });
    }
    const [code] = await once(child, 'close');
    assert.strictEqual(code, 0, `it ends well:\n${output}`);
    for (const line of [
      /^Chrome listens at ws:\/\/127\.0\.0\.1:\d+\/devtools\/browser\/\S+$/m,
      /^puppeteer has the page of lease [0-9a-f-]{36}: http:\S+\/_standby$/m,
      /^puppeteer reads: left by the pool$/m,
      /^the lease reads: renamed by puppeteer$/m,
      /^without puppeteer the lease goes on: 6 × 7 = 42$/m,
    ]) {
      assert.true(line.test(output), `it says ${line}:\n${output}`);
    }
  });
});

QUnit.module('the host app', () => {
  QUnit.test('serves its page on every route, and cards by tenant and number', async (assert) => {
    const { startHostApp } = await import(HOST_APP);
    const app = await startHostApp();
    try {
      const standby = await fetch(`${app.origin}/_standby`);
      assert.strictEqual(standby.status, 200, 'the standby route is there');
      assert.true((await standby.text()).includes('/assets/app.js'), 'and boots the client');
      const card = await (await fetch(`${app.origin}/api/cards/cedar/5`)).json();
      assert.strictEqual(
        card.card.behaviour,
        'endless',
        'the endless card is where the demonstration expects it',
      );
      assert.strictEqual(
        (await fetch(`${app.origin}/api/cards/nobody/1`)).status,
        404,
        'there are no cards of nobody',
      );
      assert.strictEqual(
        (await fetch(`${app.origin}/assets/..%2fserver.mjs`)).status,
        404,
        'only assets are served',
      );
    } finally {
      await app.close();
    }
  });

  QUnit.test('can be not ready, down and up again', async (assert) => {
    const { startHostApp } = await import(HOST_APP);
    const app = await startHostApp();
    try {
      app.setMode(503);
      assert.strictEqual(
        (await fetch(`${app.origin}/_standby`)).status,
        503,
        'it answers what it was told to',
      );
      app.setMode('ok');
      await app.down();
      await assert.rejects(
        fetch(`${app.origin}/_standby`),
        /fetch failed/,
        'nothing listens while it is down',
      );
      await app.up();
      assert.strictEqual((await fetch(`${app.origin}/_standby`)).status, 200, 'it is back on its port');
    } finally {
      await app.close();
    }
  });
});

QUnit.module('the set-up', () => {
  QUnit.test('interrupted while it tries a Chrome, it leaves neither that nor its profile', async (assert) => {
    assert.timeout(30_000);
    const directory = await fs.mkdtemp(join(tmpdir(), 'pagepool-test-'));
    const chrome = join(directory, 'chrome');
    await fs.writeFile(chrome, `#!/bin/sh\nsleep 1000 && echo ${directory}\n`, { mode: 0o755 });
    const code = `import('${join(__dirname, '..', 'scripts', 'lib', 'chrome.mjs')}').then(({ bringChrome }) => bringChrome('.'))`;
    const child = spawn(process.execPath, ['-e', code], {
      env: { ...process.env, TMPDIR: directory, PUPPETEER_EXECUTABLE_PATH: chrome },
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    try {
      while (!(await processesNaming(directory)).some((line) => line.includes('/bin/sh'))) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      child.kill('SIGINT');
      assert.deepEqual(await ended, [130, null], 'it says that it was interrupted');
      assert.deepEqual(await fs.readdir(directory), ['chrome'], 'no profile is left');
      while ((await processesNaming(directory)).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.deepEqual(await processesNaming(directory), [], 'no process is left');
    } finally {
      child.kill('SIGKILL');
      await fs.rm(directory, { recursive: true, force: true });
    }
  });

  QUnit.test('takes packages for stale when one is missing or of another version', async (assert) => {
    const { whyStale } = await import('../scripts/lib/packages.mjs');
    const directory = await fs.mkdtemp(join(tmpdir(), 'pagepool-test-'));
    const write = (path, packages) => fs.writeFile(join(directory, path), JSON.stringify({ packages }));
    try {
      await write('package-lock.json', {
        '': {},
        'node_modules/a': { version: '1.0.0' },
        'node_modules/b': { version: '1.0.0', optional: true },
      });
      assert.strictEqual(whyStale(directory), 'not installed yet', 'nothing is there');
      await fs.mkdir(join(directory, 'node_modules'));
      await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '0.9.0' } });
      assert.strictEqual(whyStale(directory), 'a 1.0.0 is missing', 'an older version does not do');
      await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } });
      assert.strictEqual(whyStale(directory), null, 'an optional package may be left out');
    } finally {
      await fs.rm(directory, { recursive: true, force: true });
    }
  });

  QUnit.test('compares versions by number', async (assert) => {
    const { atLeast } = await import('../scripts/lib/toolchain.mjs');
    assert.true(atLeast('20.20.2', '20.17'), 'a newer minor version');
    assert.true(atLeast('1.95.0', '1.95'), 'the same, written shorter');
    assert.false(atLeast('1.9.0', '1.88'), 'nine is less than eighty-eight');
  });
});
