'use strict';

// `pagepool top`, behind a pipe and in a terminal, over a real `pagepool serve`.

const { spawn } = require('node:child_process');
const QUnit = require('qunit');
const { chromeTest } = require('./helpers/chrome.js');
const { BIN } = require('./helpers/cli.js');
const { processes } = require('./helpers/real-chrome.js');
const { eventually, serveModule } = require('./helpers/serve.js');
const { within } = require('./helpers/wait.js');

/** To the other screen, and back with a cursor. */
const [ENTER, LEAVE] = ['\x1b[?1049h', '\x1b[?25h\x1b[?1049l'];

/** Runs it in a pseudo-terminal of 100 by 24, which `script` makes; what is written to `terminal.child.stdin` is typed. */
function inTerminal(args, env = {}) {
  const command = `stty rows 24 cols 100; before=$(stty -g); '${process.execPath}' '${BIN}' ${args.map((arg) => `'${arg}'`).join(' ')}; status=$?; [ "$(stty -g)" = "$before" ] && echo "as before"; exit $status`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, SHELL: '/bin/sh', ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const terminal = { child, said: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    terminal.said += text;
  });
  terminal.ended = new Promise((resolve) => {
    child.on('close', (code) => resolve(code));
  });
  /** What the screen shows: the last drawing, line by line. */
  terminal.screen = () => terminal.said.slice(terminal.said.lastIndexOf('\x1b[H')).replace(/\x1b\[[?\d;]*[A-Za-z]/g, '').split('\r\n').map((line) => line.replace(/\r/g, '').trimEnd());
  return terminal;
}

serveModule('pagepool top', (kit) => {
  chromeTest('behind a pipe it prints what is now, and ends', async (assert) => {
    const service = await kit.start(['--max-pages', '2']);
    await service.ask('/render', { json: { html: '<p>', affinity: 'realm:acme' } });
    await service.ask('/render', { json: { html: '<p>', affinity: '\u001b[31mred\u001b[0m\nPages    9 of 9' } });
    const run = kit.place.run(['top', '--url', service.url]);
    await run.ended();
    assert.deepEqual([run.code, run.stderr], [0, ''], 'status 0');
    const { body: stats } = await service.ask('/stats');
    assert.true(run.stdout.includes(`${stats.browser.version}, pid ${stats.browser.pid}`), run.stdout);
    assert.true(new RegExp(`^Pages {4}0 of 2 in use, ${stats.tabs.idle} idle, `, 'm').test(run.stdout), run.stdout);
    assert.true(/^Leases {3}2 \(0 % warm\)$/m.test(run.stdout), run.stdout);
    assert.true(/^ +1 +0 +0 +0 +0 {2}realm:acme$/m.test(run.stdout), run.stdout);
    assert.true(/^ +1 +0 +0 +0 +0 {2}red Pages {4}9 of 9$/m.test(run.stdout), 'a tenant\'s name stays in its line');
    assert.false(run.stdout.includes('\x1b'), 'and there are no colours in a pipe');
  });

  for (const [name, key] of [['q', 'q'], ['Ctrl-C', '\x03']]) {
    chromeTest(`in a terminal it shows what happens until ${name}, and leaves the terminal as it was`, async (assert) => {
      const service = await kit.start(['--max-pages', '2']);
      const terminal = inTerminal(['top', '--url', service.url]);
      await eventually(() => terminal.screen().some((line) => /^Leases +0/.test(line)), 'it draws');
      assert.true(terminal.said.includes(ENTER), 'on the other screen');
      const held = service.ask('/render', { json: { url: `${kit.site.url}/gate`, affinity: 'acme' } });
      await eventually(() => terminal.screen().some((line) => /^ +1 +1 +0 +0 +0 {2}acme$/.test(line)), 'the render is shown');
      kit.site.open();
      await held;
      await eventually(() => terminal.screen().some((line) => /^ +1 +0 +0 +0 +0 {2}acme$/.test(line)), 'and its end');
      assert.strictEqual(terminal.screen().length, 24, 'as many lines as there are');
      assert.strictEqual(terminal.screen().at(-1), 'q quits', 'how to end it');
      terminal.child.stdin.write(key);
      assert.strictEqual(await within(terminal.ended, 'its end', 20_000), 0, 'status 0');
      const [, after] = terminal.said.split(LEAVE);
      assert.true(after?.includes('as before'), `the first screen with its cursor, echo and lines: ${JSON.stringify(after)}`);
    });
  }

  chromeTest('a server that goes away is waited for', async (assert) => {
    const service = await kit.start(['--max-pages', '1']);
    const { port } = new URL(service.url);
    const terminal = inTerminal(['top', '--url', service.url]);
    await eventually(() => terminal.screen().some((line) => /^Pages +0 of 1/.test(line)), 'it draws');
    service.run.child.kill('SIGTERM');
    await service.run.ended();
    await eventually(() => terminal.screen().some((line) => /trying again/.test(line)), 'it says so');
    await kit.run(['--max-pages', '2', '--port', port]).says('stdout', /serves/);
    await eventually(() => terminal.screen().some((line) => /^Pages +0 of 2/.test(line)) && !terminal.screen().some((line) => /trying again/.test(line)), 'and shows the next one');
    const own = processes().find(({ command }) => command.startsWith(process.execPath) && command.includes(` top --url ${service.url}`));
    process.kill(own.pid, 'SIGTERM');
    assert.strictEqual(await within(terminal.ended, 'its end', 20_000), 0, 'a SIGTERM ends it like q');
    assert.true(terminal.said.includes(LEAVE), 'the terminal is left');
  });

  chromeTest('a token is sent where there is one, and asked for where there is none', async (assert) => {
    const service = await kit.start(['--max-pages', '1'], { PAGEPOOL_TOKEN: 's3cret' });
    for (const [args, env, code, pattern] of [
      [[], {}, 1, /wants a token: --token, or PAGEPOOL_TOKEN/],
      [['--token', 'wrong'], {}, 1, /does not take this token/],
      [[], { PAGEPOOL_TOKEN: 's3cret' }, 0, /^$/],
    ]) {
      const run = kit.place.run(['top', '--url', service.url, ...args], { env });
      await run.ended();
      assert.strictEqual(run.code, code, run.stderr);
      assert.true(pattern.test(run.stderr), run.stderr);
    }
  });

  QUnit.test('what is no server, or none of ours, is said to be that', async (assert) => {
    const site = kit.place.run(['top', '--url', kit.site.url]);
    await site.ended();
    assert.deepEqual([site.code, site.stderr], [1, `pagepool top: what answers at ${kit.site.url}/ is no "pagepool serve" (status 200)\n`], 'another server');
    const { port } = new URL(kit.site.url);
    await kit.site.stop();
    const none = kit.place.run(['top'], { env: { PAGEPOOL_URL: `http://127.0.0.1:${port}` } });
    await none.ended();
    assert.deepEqual([none.code, none.stderr], [1, `pagepool top: nothing answers at http://127.0.0.1:${port}/ (ECONNREFUSED)\n`], 'nobody');
    const wrong = kit.place.run(['top', '--url', 'here']);
    await wrong.ended();
    assert.strictEqual(wrong.code, 2, wrong.stderr);
    assert.true(/--url takes an address with http: or https:, and not 'here'/.test(wrong.stderr), wrong.stderr);
  });
});
