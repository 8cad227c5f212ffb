// One side of the page benchmark, in a process of its own: runs the rounds that its parent asks for, and answers
// what they cost this process.

import { openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

import { CASES } from './cases.mjs';

const PAGES = 8;
/** The timer behind the histogram is due every millisecond: that much is no delay. */
const RESOLUTION_MS = 1;

const { openBrowser } = createRequire(import.meta.url)('../../__test__/page/sides.js');

async function open(name, origin) {
  const { browser, close } = await openBrowser(name);
  const context = await browser.createBrowserContext();
  const pages = [];
  for (let n = 0; n < PAGES; n++) pages.push(await context.newPage());
  for (const page of pages) await page.goto(`${origin}/`);
  return { browser, pages, origin, close };
}

/** Reads the CPU time of the JavaScript thread so far, in milliseconds; 0 where the system does not tell. */
function threadClock() {
  let file;
  try {
    file = openSync('/proc/thread-self/schedstat');
  } catch {
    return () => 0;
  }
  const buffer = Buffer.alloc(64);
  return () => Number(buffer.latin1Slice(0, readSync(file, buffer, 0, buffer.length, 0)).split(' ')[0]) / 1e6;
}

const threadCpuMs = threadClock();

/** What the work costs in time, CPU and use of the event loop, per operation. */
async function cost(side, { run }, count) {
  const utilization = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  const thread = threadCpuMs();
  const started = performance.now();
  await run(side, count);
  const elapsed = performance.now() - started;
  const threadMs = threadCpuMs() - thread;
  const { user, system } = process.cpuUsage(cpu);
  const { active } = performance.eventLoopUtilization(utilization);
  return {
    ms: elapsed / count,
    cpuMs: (user + system) / 1000 / count,
    threadMs: threadMs / count,
    busyMs: active / count,
  };
}

/**
 * How long the work keeps the event loop from its timers, in milliseconds: by the clock, which on a busy machine
 * includes the wait for a CPU, and by the thread's CPU time, which does not.
 */
async function delays(side, { run }, count) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let before = threadCpuMs();
  let maxCpu = 0;
  const look = () => {
    const now = threadCpuMs();
    maxCpu = Math.max(maxCpu, now - before);
    before = now;
  };
  const timer = setInterval(look, RESOLUTION_MS);
  histogram.enable();
  await run(side, count);
  histogram.disable();
  clearInterval(timer);
  look();
  const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return { p99: late(histogram.percentile(99)), max: late(histogram.max), maxCpu };
}

/** What the run before has left behind is not this one's. */
async function settle() {
  globalThis.gc?.();
  await delay(20);
}

// The watching timer costs something too, so what delays is seen in a run of its own.
async function round(side, index, count) {
  await settle();
  const costs = await cost(side, CASES[index], count);
  await settle();
  const late = await delays(side, CASES[index], count);
  return { ...costs, ...late, rssMb: process.memoryUsage.rss() / 2 ** 20 };
}

let side;
const answers = {
  async open({ name, origin }) {
    side = await open(name, origin);
    return side.browser.version();
  },
  round: ({ index, count }) => round(side, index, count),
  close: () => side?.close(),
};

process.on('message', async ({ ask, ...question }) => {
  try {
    process.send({ answer: (await answers[ask](question)) ?? null });
    if (ask === 'close') process.disconnect();
  } catch (error) {
    process.send({ error: error.stack });
  }
});
