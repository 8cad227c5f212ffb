// `npm run pack:all`: the tarballs of the main package and of this platform's. Builds nothing, and needs no Rust.

import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { packMain, packPlatform } from './lib/package.mjs';
import { complain, say, SetupError } from './lib/steps.mjs';
import { atLeast } from './lib/toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const HELP = `Makes tarballs of the main package and of this platform's, with the addon that lies in the tree.

  npm run pack:all -- [--out directory] [--addon file] [--glibc version]

  --out     where to; default: out/
  --addon   the addon, in place of the one in the tree
  --glibc   fail where the addon needs a newer one than this
  --help    this text
`;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

async function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(root, 'out') },
      addon: { type: 'string' },
      glibc: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const out = resolve(values.out);
  const addon = values.addon && resolve(values.addon);
  const platform = await packPlatform(root, out, { addon });
  if (values.glibc && platform.glibc && !atLeast(values.glibc, platform.glibc)) {
    throw new SetupError(`The addon needs glibc ${platform.glibc}, and is to run with ${values.glibc}.`);
  }
  for (const { file, size, unpackedSize, glibc } of [await packMain(root, out), platform]) {
    const needs = glibc ? `, glibc ${glibc} or newer` : '';
    say(relative(process.cwd(), file), `${megabytes(size)}, unpacked ${megabytes(unpackedSize)}${needs}`);
  }
}

try {
  await main();
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
