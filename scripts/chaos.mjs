// A pool of real pages under a seeded plan of faults, looked at from outside.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { quantile, table } from '../examples/lib/display.mjs';
import { carryOut, planFaults, setRight } from './chaos/faults.mjs';
import { startHost } from './chaos/host.mjs';
import { chromes, openFiles, residentMB } from './chaos/processes.mjs';
import { call } from './chaos/tenants.mjs';

const require = createRequire(import.meta.url);
const { random: generator } = require('../__test__/helpers/wait.js');

const HELP = `Renders for many tenants on a real Chrome while a seeded plan of faults spins, freezes, stops and kills what it can.

  npm run chaos -- [options]

  --minutes N    how long faults go on (default 1)
  --seed S       a whole number; the same seed makes the same plan (default: a new one)
  --pages N      pages of the pool (default 4)
  --tenants N    (default 12)
  --callers N    requests at a time (default 8)
  --verbose      a line for each fault, and the pool's own log
  --help         this text

It checks from outside that every request ends within its bound, that no tenant ever sees another's bytes, and that
contexts, processes, profiles, open files and memory are back at their level afterwards. Exit status 1 where not.
`;

const CLOSE_MS = 1000;
const GRACE_MS = 5000;
const PROTOCOL_TIMEOUT_MS = 10_000;
const STANDBY_MS = 5000;
/** A server collects its garbage by itself; a minute of chaos has to be helped. */
const GC_EVERY_MS = 5000;
/** In which every request must have ended: three attempts at a standby behind a browser that had to be restarted. */
const BOUND_MS = 120_000;
const QUIET_MS = 60_000;

function readOptions() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
      pages: { type: 'string', default: '4' },
      tenants: { type: 'string', default: '12' },
      callers: { type: 'string', default: '8' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  for (const name of ['minutes', 'seed', 'pages', 'tenants', 'callers']) {
    const value = Number(values[name]);
    const whole = name === 'minutes' || Number.isInteger(value);
    if (!Number.isFinite(value) || !whole || (name === 'seed' ? value < 0 : value <= 0))
      throw Object.assign(new TypeError(`--${name} takes a number above 0, but is '${values[name]}'`), {
        code: 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE',
      });
    values[name] = value;
  }
  return values;
}

/** A directory for profiles; on a small file system of its own where one may be mounted, so that it can be filled. */
function makeDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'pagepool-chaos-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', directory], { stdio: 'ignore' });
    return { directory, small: true };
  } catch {
    return { directory, small: false };
  }
}

function removeDirectory({ directory, small }) {
  if (small) execFileSync('umount', ['-l', directory], { stdio: 'ignore' });
  rmSync(directory, { recursive: true, force: true });
}

class Run {
  constructor(options, place, host) {
    Object.assign(this, options, place, { host });
    this.random = generator(options.seed);
    this.tenants = Array.from({ length: options.tenants }, (_, i) => `tenant-${String(i).padStart(3, '0')}`);
    this.began = performance.now();
    this.groups = new Set();
    this.stopped = new Set();
    this.faults = new Map();
    this.violations = [];
    this.outcomes = new Map();
    this.open = new Map();
    this.waited = [];
    this.renders = 0;
    /** Leases that nobody released. */
    this.dropped = 0;
    this.requests = 0;
    this.longestMs = 0;
    this.stopping = false;
  }

  over() {
    return this.stopping || performance.now() - this.began > this.minutes * 60_000;
  }

  violate(what) {
    this.violations.push(what);
    process.stderr.write(`✗ ${what}\n`);
  }

  say(text) {
    if (this.verbose)
      process.stderr.write(`${((performance.now() - this.began) / 1000).toFixed(1)} s  ${text}\n`);
  }

  begin(label) {
    const id = (this.requests += 1);
    this.open.set(id, { label, since: performance.now() });
    return id;
  }

  end(id, behaviour, outcome) {
    this.longestMs = Math.max(this.longestMs, performance.now() - this.open.get(id).since);
    this.open.delete(id);
    const row = this.outcomes.get(behaviour) ?? new Map();
    row.set(outcome, (row.get(outcome) ?? 0) + 1);
    this.outcomes.set(behaviour, row);
  }

  /** Names each request that has not ended within its bound, once. */
  watch() {
    for (const request of this.open.values()) {
      if (performance.now() - request.since < BOUND_MS || request.named) continue;
      request.named = true;
      this.violate(`a request has not ended for ${BOUND_MS / 1000} s: ${request.label}`);
    }
  }

  isOfThePage(error) {
    return /Execution context|Cannot find context|nobody (listens|catches)|render is not a function/.test(
      error.message,
    );
  }
}

/** Contexts that Chrome itself lists, besides its default one; `null` while it does not answer. */
async function contextsOf(run) {
  const ask = async () => {
    const browser = await run.manager.getBrowser();
    const session = await browser.target().createCDPSession();
    const { browserContextIds } = await session.send('Target.getBrowserContexts');
    await session.detach();
    return browserContextIds.length;
  };
  return Promise.race([ask().catch(() => null), delay(2000, null)]);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

async function sample(run) {
  let collected = performance.now();
  const most = run.pages + 1 + run.pool.getSharedContextSnapshot().cap;
  while (!run.over()) {
    const contexts = await contextsOf(run);
    if (contexts !== null && contexts > most) run.violate(`${contexts} contexts are alive, ${most} may be`);
    run.watch();
    if (performance.now() - collected > GC_EVERY_MS) {
      collectGarbage();
      collected = performance.now();
    }
    if (process.stderr.isTTY && !run.verbose) {
      const left = Math.max(0, run.minutes * 60 - (performance.now() - run.began) / 1000);
      process.stderr.write(
        `\r${run.requests} requests, ${run.renders} renders, ${Math.round(left)} s to go  `,
      );
    }
    await delay(1000);
  }
}

/** Waits until it holds; says so where it never does. */
async function eventually(run, what, condition) {
  const end = performance.now() + QUIET_MS;
  let last;
  do {
    last = await condition();
    if (last === true) return;
    await delay(100);
  } while (performance.now() < end);
  run.violate(`${what}: ${last}`);
}

/** Serves each tenant once: the level that everything is back at afterwards. */
async function calm(run) {
  for (const tenant of run.tenants) {
    const lease = await run.pool.getPage(tenant);
    await lease.page.evaluate(() => 1);
    lease.release();
  }
  await run.pool.warmStandbys();
  return { files: openFiles(), memory: residentMB(), processes: chromes(run.directory, run.groups).length };
}

async function checkAfter(run, before) {
  setRight(run);
  await eventually(
    run,
    'requests have not ended',
    () => run.open.size === 0 || [...run.open.values()].map((at) => at.label).join('; '),
  );
  await eventually(run, 'dropped leases have not come back', () => {
    collectGarbage();
    const { inUseCount } = run.semaphore;
    return inUseCount === 0 || `${inUseCount} permits are held, ${run.dropped} leases were dropped`;
  });
  const after = await calm(run);
  await eventually(run, 'contexts beyond the pool', async () => {
    const contexts = await contextsOf(run);
    return (
      (contexts !== null && contexts <= run.pages + 1 + run.pool.getSharedContextSnapshot().cap) || contexts
    );
  });
  await eventually(run, 'leases or waiters are left', () => {
    const { totalPending } = run.pool.getQueueDepthSnapshot();
    return totalPending === 0 || totalPending;
  });
  await eventually(run, 'more processes than before', () => {
    const { length } = chromes(run.directory, run.groups);
    return length <= before.processes + 4 || `${length}, ${before.processes} before`;
  });
  await run.pool.closeAll();
  await run.manager.stop();
  await eventually(run, 'processes are left', () => {
    const left = chromes(run.directory, run.groups);
    return left.length === 0 || left.map((process) => `${process.pid} ${process.role}`).join(', ');
  });
  await eventually(run, 'profiles are left', () => {
    const left = readdirSync(run.directory).filter((name) => name.startsWith('pagepool-'));
    return left.length === 0 || left.join(', ');
  });
  await eventually(
    run,
    'files are left open',
    () => openFiles() <= before.files || `${openFiles()}, ${before.files} before`,
  );
  if (after.memory > before.memory * 1.5 + 64)
    run.violate(`${after.memory} MB in memory, ${before.memory} before`);
  return after;
}

function report(run, before, after) {
  const kinds = [...new Set([...run.outcomes.values()].flatMap((row) => [...row.keys()]))].sort();
  const rows = [...run.outcomes]
    .sort()
    .map(([name, row]) => [name, ...kinds.map((kind) => row.get(kind) ?? 0)]);
  const faults = [...run.faults].sort().map(([name, count]) => [name, count]);
  const ms = (q) => Math.round(quantile(run.waited, q) ?? 0);
  process.stdout.write(`\n${table(['request', ...kinds], rows)}\n\n${table(['fault', 'times'], faults)}\n\n`);
  process.stdout.write(
    `seed ${run.seed}, ${run.minutes} min: ${run.requests} requests, ${run.renders} renders looked through, ` +
      `wait for a page ${ms(0.5)} ms (p50) ${ms(0.99)} ms (p99), longest request ${Math.round(run.longestMs)} ms\n` +
      `before and after: processes ${before.processes} and ${after.processes}, open files ${before.files} and ${after.files}, ` +
      `resident ${before.memory} and ${after.memory} MB\n` +
      `${run.violations.length} violations\n`,
  );
  for (const violation of new Set(run.violations)) process.stdout.write(`  ${violation}\n`);
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** The pool under test; its deadlines are short, so that a minute holds many of them. */
function makePool(run, { AsyncSemaphore, BrowserManager, PagePool }) {
  run.manager = new BrowserManager({ protocolTimeout: PROTOCOL_TIMEOUT_MS, launchTimeoutMs: 20_000 });
  run.semaphore = new AsyncSemaphore(run.pages);
  run.pool = new PagePool({
    maxPages: run.pages,
    serverURL: 'http://server.example',
    boxelHostURL: run.host.url,
    browserManager: run.manager,
    renderSemaphore: run.semaphore,
    standbyTimeoutMs: STANDBY_MS,
    tabHealthProbeMs: 1000,
    closeTimeoutMs: CLOSE_MS,
    leaseGraceMs: GRACE_MS,
    logger: run.verbose ? undefined : () => quiet,
  });
}

async function main() {
  const options = readOptions();
  if (options.help) return void process.stdout.write(HELP);
  process.env.PRERENDER_MANAGER_URL ??= '';
  const place = makeDirectory();
  process.env.TMPDIR = place.directory;
  if (process.getuid?.() === 0) process.env.PUPPETEER_DISABLE_SANDBOX = 'true';
  const host = await startHost();
  const run = new Run(options, place, host);
  process.stderr.write(`seed ${run.seed}\n`);
  process.on('unhandledRejection', (error) =>
    run.violate(`an unhandled rejection: ${error?.stack ?? error}`),
  );
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => (run.stopping = true));
  try {
    makePool(run, require('../index.js'));
    const before = await calm(run);
    run.began = performance.now();
    const plan = planFaults(generator(run.seed), run.minutes);
    const callers = Array.from({ length: run.callers }, (_, i) => call(run, generator(run.seed + i + 1)));
    const called = Promise.all(callers);
    // What has not ended by then is named by the checks that follow.
    await Promise.all([
      carryOut(plan, run),
      sample(run),
      Promise.race([called, delay(run.minutes * 60_000 + BOUND_MS, null, { ref: false })]),
    ]);
    const after = await checkAfter(run, before);
    report(run, before, after);
    process.exitCode = run.violations.length > 0 ? 1 : 0;
  } finally {
    setRight(run);
    await run.manager?.stop();
    await host.stop();
    removeDirectory(place);
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    error.code?.startsWith('ERR_PARSE_ARGS') ? `${error.message}\n\n${HELP}` : `${error.stack}\n`,
  );
  process.exitCode = 1;
}
