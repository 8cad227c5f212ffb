// `npm test`: the set-up, then `cargo test` and the QUnit suite, and their sum as the last line.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { testedChromes } from './lib/chrome.mjs';
import { complain, seconds, style } from './lib/steps.mjs';
import { root, setup } from './setup.mjs';

const HELP = `Runs the tests: the set-up, then cargo test and the QUnit suite. What needs a real Chrome runs once on each kind
that there is, the headless shell and full Chrome.

  npm test -- [--cargo | --qunit] [--no-setup] [--jobs n] [part of a file name ...]

  --cargo      only the Rust tests
  --qunit      only the QUnit tests
  --no-setup   leave packages, addon and Chrome as they are
  --jobs n     how many QUnit files run at a time; default: one for each processor, at most 4
  --help       this text

Names after the options choose the QUnit files whose path contains one of them.
PUPPETEER_EXECUTABLE_PATH names the one Chrome to test on.
`;

/** A QUnit file that takes longer than this hangs, or keeps its process alive after its last test. */
const FILE_TIMEOUT_MS = 5 * 60_000;

/** What tests get that do not say that they need a Chrome, so that none is used on one kind alone. */
const NO_CHROME = '/nowhere/a-test-of-chrome-requires-helpers-chrome';

/** What a run came to; `broken` names what failed without being a test. */
const totals = { passed: 0, failed: 0, skipped: 0, ignored: 0, broken: [] };

/** Runs a command, hands its output on line by line, and resolves with how it ended. */
function stream(command, args, { onLine, timeoutMs, chrome = NO_CHROME }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, PUPPETEER_EXECUTABLE_PATH: chrome },
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

/** The integration tests that start a Chrome. */
function cargoTestsOfChrome() {
  return readdirSync(join(root, 'tests'))
    .filter((name) => name.endsWith('.rs'))
    .filter((name) => /^mod support;/m.test(readFileSync(join(root, 'tests', name), 'utf8')))
    .map((name) => basename(name, '.rs'));
}

/** All of them on the first Chrome, and on each other one those that start it. */
async function runCargo(chromes) {
  const [first, ...others] = chromes;
  await cargoTest(first, []);
  const targets = cargoTestsOfChrome().flatMap((name) => ['--test', name]);
  for (const chrome of others) await cargoTest(chrome, targets);
}

async function cargoTest(chrome, targets) {
  const started = Date.now();
  const args = ['test', '--no-default-features', '--no-fail-fast', ...targets];
  process.stdout.write(`\n${style.bold(`cargo ${args.join(' ')}`)}\n`);
  process.stdout.write(`on ${chrome.path} (${chrome.kind})\n`);
  const before = totals.failed;
  const { code } = await stream('cargo', args, {
    chrome: chrome.path,
    onLine(line) {
      const result = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/.exec(line);
      if (result) {
        totals.passed += Number(result[1]);
        totals.failed += Number(result[2]);
        totals.ignored += Number(result[3]);
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

const CHROME_HELPER = join(root, '__test__', 'helpers', 'chrome.js');

/** Whether a file needs a real Chrome: it says so by requiring the helper, itself or by what it requires. */
function needsChrome(file, seen = new Set()) {
  if (file === CHROME_HELPER) return true;
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const local = readFileSync(file, 'utf8').matchAll(/require\('(\.{1,2}\/[^']+\.js)'\)/g);
  return [...local].some(([, name]) => needsChrome(resolve(dirname(file), name), seen));
}

/** Runs one file in a process of its own: a crash or a hang is that file's, and so is what it leaves behind. */
async function runQunitFile({ file, chrome, mark }) {
  const started = Date.now();
  const name = relative(root, file) + (mark ? `, ${chrome.kind}` : '');
  const lines = [];
  const counts = {};
  const { code, signal, timedOut } = await stream(
    process.execPath,
    [join(root, 'node_modules', 'qunit', 'bin', 'qunit.js'), file],
    {
      timeoutMs: FILE_TIMEOUT_MS,
      chrome: chrome?.path,
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
  else if (skip + todo > 0) trouble = 'a test that is left out tests nothing';
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

async function runQunit(chromes, names, jobs) {
  const started = Date.now();
  const files = testFiles(join(root, '__test__')).filter(
    (file) => names.length === 0 || names.some((name) => relative(root, file).includes(name)),
  );
  const runs = files.flatMap((file) =>
    needsChrome(file) ? chromes.map((chrome) => ({ file, chrome, mark: true })) : [{ file }],
  );
  process.stdout.write(`\n${style.bold(`qunit, ${files.length} files`)}\n`);
  if (files.length === 0)
    totals.broken.push(`no QUnit file matches ${names.join(', ') || '__test__/**/*.test.js'}`);
  const next = async () => {
    for (let run = runs.shift(); run; run = runs.shift()) await runQunitFile(run);
  };
  await Promise.all(Array.from({ length: jobs }, next));
  process.stdout.write(`qunit took ${seconds(Date.now() - started)}\n`);
}

/** How many files run at a time where nobody says. */
const usualJobs = () => Math.min(availableParallelism(), 4);

/** The Chromes of this run, after saying which they are. */
function chromesOfThisRun() {
  const all = testedChromes();
  for (const { kind, path } of all) {
    process.stdout.write(
      path ? `tested on ${path} (${kind})\n` : style.yellow(`not tested on a ${kind}: there is none\n`),
    );
  }
  const chromes = all.filter(({ path }) => path);
  if (chromes.length > 0) return chromes;
  totals.broken.push('there is no Chrome to test on');
  return [{ kind: 'none', path: NO_CHROME }];
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cargo: { type: 'boolean' },
      qunit: { type: 'boolean' },
      'no-setup': { type: 'boolean' },
      jobs: { type: 'string', default: String(usualJobs()) },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw Object.assign(new TypeError('--jobs is a number from 1'), { code: 'ERR_PARSE_ARGS_JOBS' });
  }
  const started = Date.now();
  const named = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (!values['no-setup']) await setup({ profile: 'debug' });
  // The set-up settles on one Chrome for whatever runs next; the tests run on each kind.
  if (!named && testedChromes('').some(({ path }) => path)) delete process.env.PUPPETEER_EXECUTABLE_PATH;
  const chromes = chromesOfThisRun();
  if (!values.qunit) await runCargo(chromes);
  if (!values.cargo) await runQunit(chromes, positionals, jobs);

  process.stdout.write(`\n`);
  for (const trouble of totals.broken) process.stdout.write(`${style.red('✗')} ${trouble}\n`);
  if (totals.skipped + totals.ignored > 0) {
    process.stdout.write(
      `${totals.skipped} skipped, ${totals.ignored} of the Rust tests run by others or by hand\n`,
    );
  }
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
