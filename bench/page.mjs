// Pages through puppeteer-core and through ours, on the same Chrome binary, in interleaved rounds.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { heading, table } from '../examples/lib/display.mjs';
import { CASES, serve } from './lib/cases.mjs';
import { ratios, spread, summary } from './lib/statistics.mjs';

const HELP = `Measures pages through puppeteer-core and through pagepool, on the same Chrome binary.

  node bench/page.mjs [options] [part of a case's name ...]

  --rounds N   rounds of each case and side (default 7)
  --scale X    multiplies the operations of each round (default 1)
  --json       prints the figures of all rounds as JSON, and nothing else
  --list       prints the names of the cases
  --help       this text

Each side has a process and a Chrome of its own; they take turns, one idle while the other works. Ratios are ours
to puppeteer, round by round: below 1 is less time, less CPU. CPU, event loop and resident memory are those of the
side's Node process. A stop is the longest time in a round that a timer was kept waiting.

The addon is the one that is built: "npm run build" first.
PUPPETEER_EXECUTABLE_PATH names the Chrome, else it is one on PATH.
`;

const SIDES = ['puppeteer', 'ours'];

/** What a target is about: how its figure is had from the rounds of both sides. */
const FIGURES = {
  time: { text: 'time, ratio', of: ({ ours, puppeteer }) => ratios(each(ours, 'ms'), each(puppeteer, 'ms')) },
  cpu: {
    text: 'CPU, ratio',
    of: ({ ours, puppeteer }) => ratios(each(ours, 'cpuMs'), each(puppeteer, 'cpuMs')),
  },
  busyMsPer1000: {
    text: 'loop busy, ms per 1,000',
    of: ({ ours }) => each(ours, 'busyMs').map((ms) => ms * 1000),
  },
  stopMs: { text: 'longest stop, ms', of: ({ ours }) => each(ours, 'max') },
  stopCpuMs: { text: 'longest stop, ms of CPU', of: ({ ours }) => each(ours, 'maxCpu') },
};

const each = (rounds, key) => rounds.map((round) => round[key]);

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '7' },
      scale: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds);
  const scale = Number(values.scale);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1');
  if (!(scale > 0 && scale < Infinity)) throw new Error('--scale takes a number above 0');
  const names = CASES.map(({ name }) => name);
  const wanted = names.filter((name) => positionals.every((part) => name.includes(part)));
  if (wanted.length === 0) throw new Error(`no case has such a name; there are:\n  ${names.join('\n  ')}`);
  return { ...values, rounds, scale, names: wanted };
}

/** A side in its process. */
class Side {
  #child = fork(fileURLToPath(new URL('lib/side.mjs', import.meta.url)), { execArgv: ['--expose-gc'] });
  #ended = once(this.#child, 'exit');

  async ask(ask, question = {}) {
    this.#child.send({ ask, ...question });
    const reply = await Promise.race([
      once(this.#child, 'message').then(([message]) => message),
      this.#ended.then(([code, signal]) => ({ error: `the side ended with ${signal ?? code}` })),
    ]);
    if (reply.error) throw new Error(reply.error);
    return reply.answer;
  }

  async close() {
    if (this.#child.connected) await this.ask('close').catch(() => this.#child.kill());
    await this.#ended;
  }
}

async function measure(sides, { rounds, scale, names }) {
  const results = {};
  for (const [index, { name, operations }] of CASES.entries()) {
    if (!names.includes(name)) continue;
    const count = Math.ceil((operations * scale) / 8) * (operations >= 8 ? 8 : 0) || operations;
    const taken = Object.fromEntries(SIDES.map((side) => [side, []]));
    for (const side of SIDES) await sides[side].ask('round', { index, count: Math.ceil(count / 8) });
    for (let round = 0; round < rounds; round += 1) {
      // Each round begins with the other side.
      for (const side of round % 2 ? SIDES.toReversed() : SIDES) {
        taken[side].push(await sides[side].ask('round', { index, count }));
        process.stderr.write('.');
      }
    }
    process.stderr.write(` ${name}\n`);
    results[name] = taken;
  }
  return results;
}

function figuresTable(results) {
  const head = [
    '',
    'operations/s',
    'CPU ms each',
    'of it JS thread',
    'loop busy ms each',
    'delay p99 ms',
    'longest stop ms',
    'of it CPU',
    'memory MB',
  ];
  const rows = [];
  for (const [name, taken] of Object.entries(results)) {
    rows.push([heading(name), ...Array(head.length - 1).fill('')]);
    for (const side of SIDES) {
      const of = (key) => summary(each(taken[side], key)).median;
      rows.push([
        `  ${side}`,
        (1000 / of('ms')).toFixed(of('ms') > 10 ? 1 : 0),
        of('cpuMs').toFixed(3),
        of('threadMs').toFixed(3),
        of('busyMs').toFixed(3),
        of('p99').toFixed(1),
        spread(summary(each(taken[side], 'max')), 1),
        spread(summary(each(taken[side], 'maxCpu')), 1),
        of('rssMb').toFixed(0),
      ]);
    }
    const ratio = (key) => spread(summary(ratios(each(taken.ours, key), each(taken.puppeteer, key))));
    rows.push(['  ratio', ...['ms', 'cpuMs', 'threadMs', 'busyMs'].map(ratio), '', '', '', '']);
  }
  return table(head, rows);
}

function targetsTable(results) {
  const rows = [];
  for (const { name, targets = {} } of CASES) {
    if (!results[name]) continue;
    for (const [figure, target] of Object.entries(targets)) {
      const measured = summary(FIGURES[figure].of(results[name]));
      rows.push([
        name,
        FIGURES[figure].text,
        `<= ${Number(target.toFixed(3))}`,
        spread(measured),
        measured.median <= target ? 'met' : 'MISSED',
      ]);
    }
  }
  return table(['case', 'figure', 'target', 'median (lowest to highest)', ''], rows);
}

async function main() {
  if (process.argv.includes('--help')) return void process.stdout.write(HELP);
  const options = readOptions();
  if (options.list) return void process.stdout.write(`${options.names.join('\n')}\n`);

  const { executablePath } = createRequire(import.meta.url)('../__test__/page/sides.js');
  const server = createServer(serve);
  server.keepAliveTimeout = 60_000;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  const sides = Object.fromEntries(SIDES.map((name) => [name, new Side()]));
  try {
    let version;
    for (const name of SIDES) version = await sides[name].ask('open', { name, origin });
    const results = await measure(sides, options);
    if (options.json) {
      process.stdout.write(
        `${JSON.stringify({ chrome: version, node: process.version, results }, null, 2)}\n`,
      );
      return;
    }
    process.stdout.write(`\n${executablePath()}, ${version}, Node ${process.version}\n\n`);
    process.stdout.write(`${figuresTable(results)}\n\n${targetsTable(results)}\n`);
  } finally {
    await Promise.all(Object.values(sides).map((side) => side.close()));
    server.closeAllConnections();
    server.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
