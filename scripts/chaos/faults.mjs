// What goes wrong outside of the tenants' own pages, planned ahead from the seed.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { chromes, signal } from './processes.mjs';

/** Mean pause between two faults, ms. */
const PAUSE_MS = 2500;
/** More than the file system of a run's temporary directory holds. */
const FILL_BYTES = 512 * 2 ** 20;

const kill = (role) => async (run) => {
  const victim = run.random.pick(
    chromes(run.directory, run.groups).filter((process) => process.role === role),
  );
  return victim ? signal(victim.pid, 'SIGKILL') : false;
};

const stop = (role, ms) => async (run) => {
  const victim = run.random.pick(
    chromes(run.directory, run.groups).filter((process) => process.role === role),
  );
  if (!victim || !signal(victim.pid, 'SIGSTOP')) return false;
  run.stopped.add(victim.pid);
  await delay(ms);
  run.stopped.delete(victim.pid);
  signal(victim.pid, 'SIGCONT');
  return true;
};

const flap = (mode, ms) => async (run) => {
  run.host.mode = mode;
  await delay(ms);
  run.host.mode = 'up';
  return true;
};

async function fill(run) {
  if (!run.small) return false;
  const file = join(run.directory, 'ballast');
  try {
    writeFileSync(file, Buffer.alloc(FILL_BYTES));
  } catch {
    // It is full now, as it should be.
  }
  await delay(2000);
  if (existsSync(file)) rmSync(file, { force: true });
  return true;
}

/** Each with its weight. Durations exceed the run's own deadlines, so that patience alone does not pass. */
const FAULTS = {
  'renderer killed': [8, kill('renderer')],
  'renderer stopped': [6, stop('renderer', 6000)],
  'network service killed': [2, kill('network')],
  'network service stopped': [2, stop('network', 8000)],
  'GPU process killed': [2, kill('gpu')],
  'GPU process stopped': [2, stop('gpu', 4000)],
  'browser stopped': [2, stop('browser', 5000)],
  'browser killed': [2, kill('browser')],
  'host app unavailable': [3, flap('unavailable', 1500)],
  'host app silent': [2, flap('silent', 3000)],
  'host app hanging up': [3, flap('hanging up', 1500)],
  'temporary directory full': [2, fill],
};

/** The plan: what happens when, in ms from the start. */
export function planFaults(random, minutes) {
  const names = Object.entries(FAULTS).flatMap(([name, [weight]]) => Array(weight).fill(name));
  const plan = [];
  for (let at = PAUSE_MS; at < minutes * 60_000; at += PAUSE_MS * (0.4 + 1.2 * random.next()))
    plan.push({ at: Math.round(at), name: random.pick(names) });
  return plan;
}

/** Carries the plan out; counts in `run.faults` what really took place. */
export async function carryOut(plan, run) {
  const began = performance.now();
  for (const { at, name } of plan) {
    await delay(Math.max(0, at - (performance.now() - began)));
    if (run.over()) return;
    run.say(`fault: ${name}`);
    if (await FAULTS[name][1](run)) run.faults.set(name, (run.faults.get(name) ?? 0) + 1);
  }
}

/** Sets right what a fault may have left when it was interrupted. */
export function setRight(run) {
  run.host.mode = 'up';
  for (const pid of run.stopped) signal(pid, 'SIGCONT');
  run.stopped.clear();
}
