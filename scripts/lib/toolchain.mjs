// What must be on the machine before anything else: Node, npm, Rust and a linker.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { run, SetupError } from './steps.mjs';

const RUST_HINT = 'Install Rust from https://rustup.rs and open a new shell, or put its cargo on PATH.';

/** `a` is the same as `b` or newer; both are dotted numbers. */
export function atLeast(a, b) {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(x.length, y.length); i += 1) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

async function version(command, args, pattern) {
  try {
    const { code, stdout } = await run(command, args);
    return code === 0 ? (pattern.exec(stdout)?.[1] ?? null) : null;
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return null;
    throw error;
  }
}

/**
 * Checks Node, npm, Rust and the linker against what the package asks for.
 *
 * @param {string} root the package's directory
 * @returns {Promise<string>} the versions found, for the reader
 */
export async function checkToolchain(root) {
  const wantedNode = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace(
    /[^\d.]/g,
    '',
  );
  const node = process.versions.node;
  if (!atLeast(node, wantedNode)) {
    throw new SetupError(`Node.js ${wantedNode} or newer is needed; this is ${node}.`, {
      hint: 'Get it from https://nodejs.org or by your version manager.',
    });
  }

  const wantedRust = /^rust-version = "([\d.]+)"/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))[1];
  const rust = await version('cargo', ['--version'], /^cargo ([\d.]+)/);
  if (!rust)
    throw new SetupError('Rust is needed to build the addon, and there is no working `cargo`.', {
      hint: RUST_HINT,
    });
  if (!atLeast(rust, wantedRust)) {
    throw new SetupError(`Rust ${wantedRust} or newer is needed; this is ${rust}.`, {
      hint: '`rustup update stable` brings it.',
    });
  }

  const linker = process.platform === 'win32' || (await version('cc', ['--version'], /(\S+)/));
  if (!linker) {
    throw new SetupError('Rust needs a C linker, and there is no `cc`.', {
      hint: 'On Debian or Ubuntu: apt-get install gcc libc6-dev. On macOS: xcode-select --install.',
    });
  }
  return `Node ${node}, Rust ${rust}`;
}
