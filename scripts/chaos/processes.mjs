// The Chromes of a run as the kernel sees them: found by the directory that all of them keep their profiles in.

import { readdirSync, readFileSync } from 'node:fs';

function read(pid) {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    // After the name in parentheses: state, parent, group.
    const [state, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return { pid, state, group: Number(group), command };
  } catch {
    return null;
  }
}

function roleOf(command) {
  if (command.includes('--type=renderer')) return 'renderer';
  if (command.includes('--type=gpu-process')) return 'gpu';
  if (command.includes('network.mojom.NetworkService')) return 'network';
  if (command.includes('--remote-debugging-pipe') && !command.includes('--type=')) return 'browser';
  return 'other';
}

/** The processes of all Chromes on profiles below the directory; those that have ended and wait to be reaped do not count. */
export function chromes(directory, groups = new Set()) {
  const running = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => read(Number(name)))
    .filter((process) => process && !'ZX'.includes(process.state) && process.pid !== globalThis.process.pid);
  for (const process of running)
    if (process.command.includes(directory) && roleOf(process.command) === 'browser')
      groups.add(process.group);
  return running
    .filter((process) => groups.has(process.group) || process.command.includes(directory))
    .map((process) => ({ ...process, role: roleOf(process.command) }));
}

/** Sends a signal; says whether the process was there. */
export function signal(pid, name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** How many files, sockets and pipes this process has open. */
export const openFiles = () => readdirSync('/proc/self/fd').length;

/** What this process has in memory, MB. */
export const residentMB = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
