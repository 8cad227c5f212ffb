// `npm test`: the set-up, then `cargo test` and the QUnit suite, and their sum as the last line.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { complain, seconds, style } from './lib/steps.mjs';
import { root, setup } from './setup.mjs';

const HELP = `Runs the tests: the set-up, then cargo test and the QUnit suite.

  npm test -- [--cargo | --qunit] [--no-setup] [part of a file name ...]

  --cargo      only the Rust tests
  --qunit      only the QUnit tests
  --no-setup   leave packages, addon and Chrome as they are
  --help       this text

Names after the options choose the QUnit files whose path contains one of them.
`;

/** A QUnit file that takes longer than this hangs, or keeps its process alive after its last test. */
const FILE_TIMEOUT_MS = 5 * 60_000;

/** What a run came to; `broken` names what failed without being a test. */
const totals = { passed: 0, failed: 0, skipped: 0, broken: [] };

/** Runs a command, hands its output on line by line, and resolves with how it ended. */
function stream(command, args, { onLine, timeoutMs }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: Boolean(timeoutMs),
    });
    let timedOut = false;
    const timer =
      timeoutMs &&
      setTimeout(() => {
        timedOut = true;
        process.kill(-child.pid, 'SIGKILL');
      }, timeoutMs);
    for (const source of [child.stdout, child.stderr]) {
      let rest = '';
      source.setEncoding('utf8').on('data', (chunk) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const line of lines) onLine(line);
      });
      source.on('end', () => rest && onLine(rest));
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, timedOut });
    });
  });
}

async function runCargo() {
  const started = Date.now();
  process.stdout.write(`\n${style.bold('cargo test --no-default-features')}\n`);
  const before = totals.failed;
  const { code } = await stream('cargo', ['test', '--no-default-features', '--no-fail-fast'], {
    onLine(line) {
      const result = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/.exec(line);
      if (result) {
        totals.passed += Number(result[1]);
        totals.failed += Number(result[2]);
        totals.skipped += Number(result[3]);
      }
      // One line for each test that passed says nothing to the reader; everything else does.
      if (!/^test .* \.\.\. ok$|^$|^running \d+ tests?$/.test(line)) process.stdout.write(`${line}\n`);
    },
  });
  if (code !== 0 && totals.failed === before) totals.broken.push(`cargo test ended with code ${code}`);
  process.stdout.write(`cargo test took ${seconds(Date.now() - started)}\n`);
}

function testFiles(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return testFiles(path);
      return /\.test\.(js|mjs|cjs)$/.test(entry.name) ? [path] : [];
    })
    .sort();
}

/** Runs one file in a process of its own: a crash or a hang is that file's, and so is what it leaves behind. */
async function runQunitFile(file) {
  const started = Date.now();
  const name = relative(root, file);
  const lines = [];
  const counts = {};
  const { code, signal, timedOut } = await stream(
    process.execPath,
    [join(root, 'node_modules', 'qunit', 'bin', 'qunit.js'), file],
    {
      timeoutMs: FILE_TIMEOUT_MS,
      onLine(line) {
        const count = /^# (pass|fail|skip|todo) (\d+)$/.exec(line);
        if (count) counts[count[1]] = Number(count[2]);
        lines.push(line);
      },
    },
  );
  const { pass = 0, fail = 0, skip = 0, todo = 0 } = counts;
  totals.passed += pass;
  totals.failed += fail;
  totals.skipped += skip + todo;
  let trouble = '';
  if (timedOut) trouble = `did not end within ${seconds(FILE_TIMEOUT_MS)}`;
  else if (signal) trouble = `its process died of ${signal}`;
  else if (counts.pass === undefined) trouble = 'it ended before its tests did';
  else if (code !== 0 && fail === 0) trouble = `ended with code ${code}`;
  if (trouble) totals.broken.push(`${name}: ${trouble}`);

  const good = fail === 0 && !trouble;
  const more = [skip && `${skip} skipped`, todo && `${todo} to do`, fail && `${fail} failed`, trouble].filter(
    Boolean,
  );
  process.stdout.write(
    `${good ? style.green('ok') : style.red('not ok')}  ${name}  ${[`${pass} passed`, ...more].join(', ')}  ` +
      `${style.dim(seconds(Date.now() - started))}\n`,
  );
  if (!good) process.stdout.write(`${failures(lines).join('\n')}\n`);
}

/** What a reader needs of a TAP report: all but the tests that passed. */
function failures(lines) {
  return lines
    .filter((line) => !/^(ok |TAP version|# (pass|skip|todo) )/.test(line))
    .map((line) => `    ${line}`);
}

async function runQunit(names) {
  const started = Date.now();
  const files = testFiles(join(root, '__test__')).filter(
    (file) => names.length === 0 || names.some((name) => relative(root, file).includes(name)),
  );
  process.stdout.write(`\n${style.bold(`qunit, ${files.length} files`)}\n`);
  if (files.length === 0)
    totals.broken.push(`no QUnit file matches ${names.join(', ') || '__test__/**/*.test.js'}`);
  for (const file of files) await runQunitFile(file);
  process.stdout.write(`qunit took ${seconds(Date.now() - started)}\n`);
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cargo: { type: 'boolean' },
      qunit: { type: 'boolean' },
      'no-setup': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const started = Date.now();
  if (!values['no-setup']) await setup({ profile: 'debug' });
  if (!values.qunit) await runCargo();
  if (!values.cargo) await runQunit(positionals);

  process.stdout.write(`\n`);
  for (const trouble of totals.broken) process.stdout.write(`${style.red('✗')} ${trouble}\n`);
  if (totals.skipped > 0) process.stdout.write(`${totals.skipped} skipped\n`);
  process.stdout.write(`the whole run took ${seconds(Date.now() - started)}\n`);
  const failed = totals.failed + totals.broken.length;
  process.stdout.write(`${totals.passed} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}

try {
  await main();
} catch (error) {
  if (error instanceof TypeError && error.code?.startsWith('ERR_PARSE_ARGS')) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
  } else {
    complain(error);
  }
  process.exitCode = 1;
}
