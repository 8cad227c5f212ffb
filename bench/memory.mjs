// What warm pages hold while they idle, with `idleTrimMs` and without, and what the trims cost those who visit.

import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { quantile, table } from '../examples/lib/display.mjs';
import { ratios, spread, summary } from './lib/statistics.mjs';

const require = createRequire(import.meta.url);
const { BrowserManager, PagePool } = require('../index.js');
const { ARGS, executablePath } = require('../__test__/page/sides.js');

const HELP = `Measures the memory of warm pages that idle after a burst of renders, with idleTrimMs on and off, in turns.

  node bench/memory.mjs [options]

  --rounds N    rounds, each of both sides (default 3)
  --pages N     pages of the pool, each of a tenant of its own (default 6)
  --renders N   renders of each page in the burst (default 20)
  --rows N      rows of what is rendered (default 3000)
  --megabytes N size of the app's script (default 3)
  --visits N    visits of the tenants after that, in any order (default 60)
  --parts       prints in place of all that what a page holds, step by step
  --json        prints the figures as JSON, and nothing else
  --help        this text

10 s            PSS of all of Chrome's processes 10 s after the burst
visits          visits that render a tenth of the rows, each after a pause of 0 to 1 s: from the call to the release
meeting a trim  the time of getPage for a visit that comes idleTrimMs + 100 to 400 ms after the last one, when its page is
                being trimmed as like as not
Ratios are idleTrimMs: 2000 to idleTrimMs: 0 in the same round. Linux only.
`;

const IDLE_TRIM_MS = 2000;

function readOptions() {
  const defaults = { rounds: 3, pages: 6, renders: 20, rows: 3000, megabytes: 3, visits: 60 };
  const numbers = Object.entries(defaults).map(([name, value]) => [
    name,
    { type: 'string', default: `${value}` },
  ]);
  const flags = ['parts', 'json', 'help'].map((name) => [name, { type: 'boolean', default: false }]);
  const { values } = parseArgs({ options: Object.fromEntries([...numbers, ...flags]) });
  for (const [name] of numbers) {
    values[name] = Number(values[name]);
    if (!Number.isInteger(values[name]) || values[name] < 1)
      throw new Error(`--${name} takes a whole number from 1`);
  }
  return values;
}

/** A classic script of so many bytes whose functions a render calls. */
function appScript(bytes) {
  const parts = ['globalThis.parts = [];'];
  for (let size = 0, i = 0; size < bytes; i += 1) {
    const part = `parts.push(function part${i}(a, b) { let sum = 0; for (let k = 0; k < (a % 7) + 2; k += 1) { sum += (k * ${i} + b) % ${(i % 97) + 3}; if (sum > ${i * 13}) sum -= a; } return { name: 'part ${i}', sum, of: [sum, a, b, 'text ${i}'] }; });\n`;
    parts.push(part);
    size += part.length;
  }
  parts.push(`
    let count = 0;
    globalThis.render = (rows) => {
      count += 1;
      const models = Array.from({ length: rows }, (_, i) => ({ i, made: parts[(i * 7) % parts.length](i, count) }));
      const table = document.createElement('table');
      for (const { i, made } of models) {
        const row = table.appendChild(document.createElement('tr'));
        row.addEventListener('click', () => i);
        for (const text of ['row ' + i + ' of ' + count, made.name, String(made.sum)])
          row.appendChild(document.createElement('td')).textContent = text;
      }
      globalThis.shown = models;
      document.querySelector('#root').replaceChildren(table);
      return document.querySelector('#root').innerHTML.length;
    };`);
  return parts.join('');
}

async function startApp(megabytes) {
  const script = appScript(megabytes * 1_000_000);
  const document = '<!doctype html><title>app</title><div id="root"></div><script src="/app.js"></script>';
  const server = createServer(({ url }, response) => {
    const isScript = url === '/app.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : document);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** PSS in MB of the processes of a browser, which are a process group. */
function memory(group) {
  const found = { total: 0, renderers: 0 };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, , of] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      if (Number(of) !== group) continue;
      const [, kibibytes] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
      found.total += kibibytes / 1024;
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer'))
        found.renderers += kibibytes / 1024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

async function startPool(app, pages, idleTrimMs) {
  const browserManager = new BrowserManager({ executablePath: executablePath(), args: ARGS });
  const silent = () => ({ debug() {}, info() {}, warn() {}, error() {} });
  const pool = new PagePool({
    maxPages: pages,
    standbyURL: app.url,
    readyFunction: app.readyFunction ?? 'typeof render === "function"',
    browserManager,
    idleTrimMs,
    logger: silent,
  });
  await pool.warmStandbys();
  const browser = await browserManager.getBrowser();
  return {
    pool,
    memory: () => memory(browser.process().pid),
    async visit(tenant, rows) {
      const began = performance.now();
      const lease = await pool.getPage(`tenant:${tenant}`);
      const waited = performance.now() - began;
      try {
        await lease.page.evaluate((rows) => globalThis.render(rows), rows);
      } finally {
        lease.release();
      }
      return { waited, took: performance.now() - began };
    },
    async stop() {
      await pool.closeAll();
      await browserManager.stop();
    },
  };
}

/** The same numbers for both sides of a round. */
function numbers(seed) {
  let state = seed + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

async function measure(app, options, round, idleTrimMs) {
  const { pages, renders, rows, visits } = options;
  const side = await startPool(app, pages, idleTrimMs);
  try {
    for (let i = 0; i < renders; i += 1)
      for (let tenant = 0; tenant < pages; tenant += 1) await side.visit(tenant, rows);
    const after = side.memory().total;
    await delay(10_000);
    const idle = side.memory().total;
    const random = numbers(round);
    const taken = [];
    for (let i = 0; i < visits; i += 1) {
      await delay(random() * 1000);
      taken.push((await side.visit(Math.floor(random() * pages), Math.ceil(rows / 10))).took);
    }
    const met = [];
    for (let tenant = 0; tenant < pages; tenant += 1) {
      await side.visit(tenant, rows);
      await delay(IDLE_TRIM_MS + 100 + random() * 300);
      met.push((await side.visit(tenant, 1)).waited);
    }
    return { after, idle, visits: taken, met };
  } finally {
    await side.stop();
  }
}

/** What a pool of one page holds, step by step, MB. */
async function parts(app, { renders, rows }) {
  const steps = [];
  const note = (what, side) => steps.push([what, side.memory()]);
  const blank = { url: 'about:blank', readyFunction: 'true' };
  for (const pages of [1, 2]) {
    const side = await startPool(blank, pages, 0);
    note(pages === 1 ? 'Chrome with one standby on about:blank' : 'and a second', side);
    await side.stop();
  }
  const side = await startPool(app, 1, 0);
  try {
    note('Chrome with one standby of the app', side);
    await side.visit(0, rows);
    await side.pool.warmStandbys();
    note('and a page that has rendered once', side);
    for (let i = 1; i < renders; i += 1) await side.visit(0, rows);
    note(`the same after ${renders} renders`, side);
    const lease = await side.pool.getPage('tenant:0');
    const session = await lease.page.createCDPSession();
    await session.send('HeapProfiler.collectGarbage');
    note('the same without its garbage', side);
    lease.release();
  } finally {
    await side.stop();
  }
  return steps;
}

async function main() {
  const options = readOptions();
  if (options.help) return void process.stdout.write(HELP);
  process.env.PRERENDER_MANAGER_URL ??= '';
  const app = await startApp(options.megabytes);
  const mb = (value) => value.toFixed(0);
  const sides = { off: 0, on: IDLE_TRIM_MS };
  const rounds = { off: [], on: [] };
  try {
    if (options.parts) {
      const steps = await parts(app, options);
      if (options.json) return void process.stdout.write(`${JSON.stringify(steps)}\n`);
      const rows = steps.map(([what, { total, renderers }]) => [
        what,
        mb(total),
        mb(renderers),
        mb(total - renderers),
      ]);
      return void process.stdout.write(`${table(['', 'MB', 'renderers', 'the rest'], rows)}\n`);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      // Each round begins with the other side.
      for (const name of round % 2 === 0 ? ['off', 'on'] : ['on', 'off'])
        rounds[name].push(await measure(app, options, round, sides[name]));
    }
  } finally {
    app.close();
  }
  if (options.json) return void process.stdout.write(`${JSON.stringify(rounds)}\n`);
  const row = (what, unit, of) => [
    what,
    unit(summary(rounds.off.map(of)).median),
    unit(summary(rounds.on.map(of)).median),
    spread(summary(ratios(rounds.on.map(of), rounds.off.map(of)))),
  ];
  const ms = (value) => `${value.toFixed(1)} ms`;
  const size = (value) => `${mb(value)} MB`;
  const rows = [
    row('right after the burst', size, (round) => round.after),
    row('10 s', size, (round) => round.idle),
    row('visits, p50', ms, (round) => quantile(round.visits, 0.5)),
    row('visits, p99', ms, (round) => quantile(round.visits, 0.99)),
    row('meeting a trim, p50', ms, (round) => quantile(round.met, 0.5)),
    row('meeting a trim, longest', ms, (round) => Math.max(...round.met)),
  ];
  const head = ['', 'idleTrimMs: 0', `idleTrimMs: ${IDLE_TRIM_MS}`, 'ratio, by round'];
  process.stdout.write(`${executablePath()}, Node ${process.version}\n\n${table(head, rows)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
