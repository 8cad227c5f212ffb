// What can be looked at without a Chrome. Each check gives `{ status, detail, advice? }`.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmdirSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir, totalmem, userInfo } from 'node:os';
import { join } from 'node:path';

import { atLeast } from '../../scripts/lib/toolchain.mjs';
import { oldestNode, version } from '../command.mjs';

const require = createRequire(import.meta.url);
const onLinux = process.platform === 'linux';

export const ok = (detail) => ({ status: 'ok', detail });
export const warning = (detail, advice) => ({ status: 'warning', detail, advice });
export const failed = (detail, advice) => ({ status: 'failed', detail, advice });
export const skipped = (detail) => ({ status: 'skipped', detail });

/** Bytes in a form to read. */
export function bytes(count) {
  const mib = count / 2 ** 20;
  return mib < 10_000 ? `${Math.round(mib)} MB` : `${(mib / 1024).toFixed(1)} GB`;
}

function contents(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

export function node() {
  const detail = `${process.version} on ${process.platform} ${process.arch}`;
  return atLeast(process.versions.node, oldestNode)
    ? ok(detail)
    : failed(detail, `Install Node.js ${oldestNode} or newer.`);
}

/** Loads the addon: what it exports, where it loads, and how that went. */
export async function addon() {
  try {
    const exports = require('../../index.js');
    const file = Object.keys(require.cache).find((name) => name.endsWith('.node'));
    return { exports, check: ok(`pagepool ${version}${file ? `, ${file}` : ''}`) };
  } catch (error) {
    const where = 'Run "npm rebuild pagepool", or "npm run build" in a checkout; both need Rust.';
    return { exports: undefined, check: failed(error.message.replace(/^pagepool: /, ''), where) };
  }
}

/** Whether a process may make a user namespace, which is what Chrome's sandbox is made of; undefined: nobody knows. */
function userNamespaces() {
  const off = [
    ['/proc/sys/user/max_user_namespaces', '0'],
    ['/proc/sys/kernel/unprivileged_userns_clone', '0'],
  ].find(([file, value]) => contents(file) === value);
  if (off) return { may: false, why: `${off[0]} is ${off[1]}` };
  const tried = spawnSync('unshare', ['--user', 'true'], { encoding: 'utf8', timeout: 10_000 });
  if (tried.error) return { may: undefined, why: 'there is no "unshare" to try with' };
  return { may: tried.status === 0, why: tried.stderr.trim() || 'one could be made' };
}

export function sandbox() {
  if (!onLinux) return skipped('looked at on Linux only');
  const isRoot = process.getuid?.() === 0;
  const by = ['PUPPETEER_DISABLE_SANDBOX', 'CI'].find((name) => process.env[name] === 'true');
  const isolate = 'Where pages of others are rendered, run it as an ordinary user';
  if (by) return warning(`off, as ${by} is true`, `${isolate} without that variable.`);
  if (isRoot)
    return warning('off: Chrome does not run with one as root', `${isolate} (in a container: USER).`);
  const { may, why } = userNamespaces();
  const who = `as ${userInfo().username || `user ${process.getuid?.()}`}`;
  if (may) return ok(`on, ${who}: user namespaces can be made`);
  const advice =
    'Chrome may find no usable sandbox. Allow user namespaces (docker: --security-opt seccomp=<a profile for Chrome>; ' +
    'Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0),\nor set PUPPETEER_DISABLE_SANDBOX=true where all pages are your own.';
  return warning(
    `on, ${who}, but no user namespace ${may === undefined ? 'was tried' : 'can be made'}: ${why}`,
    advice,
  );
}

function room(directory) {
  try {
    const { bsize, blocks, bavail } = statfsSync(directory);
    return { all: bsize * blocks, free: bsize * bavail };
  } catch {
    return undefined;
  }
}

/** Chrome is started with `--disable-dev-shm-usage`: what it shares goes to the directory for temporary files. */
export function sharedMemory() {
  if (!onLinux) return skipped('looked at on Linux only');
  const shm = room('/dev/shm');
  const enough = shm && shm.all >= 256 * 2 ** 20;
  const size = shm ? `${bytes(shm.all)} in /dev/shm` : 'no /dev/shm';
  if (enough) return ok(size);
  return ok(`${size}; that is little, but not used: Chrome's shared memory goes to ${tmpdir()}`);
}

export function openFiles() {
  const limits = contents('/proc/self/limits');
  const [, soft] = /^Max open files\s+(\S+)/m.exec(limits ?? '') ?? [];
  if (soft === undefined) return skipped('looked at on Linux only');
  const detail = `${soft} for each process`;
  const advice = 'Raise the limit: "ulimit -n 8192", docker --ulimit nofile=8192, LimitNOFILE= of systemd.';
  if (soft === 'unlimited' || Number(soft) >= 1024) return ok(detail);
  return Number(soft) < 256
    ? failed(`${detail}: Chrome does not run with so few`, advice)
    : warning(detail, advice);
}

export function memory() {
  const limit = process.constrainedMemory?.() ?? 0;
  // Without a limit some systems give the largest number there is.
  const most = limit > 0 && limit < totalmem() ? limit : totalmem();
  const detail = `${bytes(most)}${most === limit ? ', the limit of this container' : ''}`;
  if (most >= 900 * 2 ** 20) return ok(detail);
  return warning(detail, 'A Chrome takes 200 to 500 MB, and each page some 50 MB more.');
}

export function temporary() {
  const directory = tmpdir();
  let made;
  try {
    accessSync(directory, constants.W_OK);
    made = mkdtempSync(join(directory, 'pagepool-doctor-'));
    rmdirSync(made);
  } catch (error) {
    return failed(
      `${directory} cannot be written to: ${error.code ?? error.message}`,
      'Name another directory in TMPDIR.',
    );
  }
  const space = room(directory);
  const detail = `${directory}${space ? `, ${bytes(space.free)} free` : ''}`;
  if (!space || space.free >= 300 * 2 ** 20) return ok(detail);
  return warning(
    detail,
    "Profiles and Chrome's shared memory are kept there: make room, or name another directory in TMPDIR.",
  );
}
