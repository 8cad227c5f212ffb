// `npm install` of the package as somebody's dependency: keeps the addon that came along if it loads, else builds it.
// The package with prebuilt addons does not run it: by hand it builds one from source, with `--force` even where one loads.

import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { addonOf, loads, thisPlatform } from './lib/platform.mjs';
import { complain, run, SetupError, step, tail } from './lib/steps.mjs';
import { checkToolchain } from './lib/toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A checkout of the project itself: `npm start`, `npm test` and `npm run setup` build what they need. */
const isCheckout = () => existsSync(join(root, '__test__'));

async function build() {
  await checkToolchain(root);
  // Not in the package: what the build leaves behind is a hundred times the addon's size.
  const target = mkdtempSync(join(tmpdir(), 'pagepool-build-'));
  try {
    await step('pagepool: building the addon from source (three to four minutes)', async (now) => {
      const args = ['build', '--release', '--locked', '--lib', '--target-dir', target];
      const outcome = await run('cargo', args, { cwd: root, now });
      if (outcome.code !== 0) {
        throw new SetupError('The addon could not be built.', {
          details: tail(outcome.output),
          hint: `The whole output: cargo build --release --lib, in ${root}`,
        });
      }
    });
    const library = process.platform === 'darwin' ? 'libpagepool.dylib' : 'libpagepool.so';
    const addon = join(root, addonOf(thisPlatform()));
    copyFileSync(join(target, 'release', library), `${addon}.new`);
    renameSync(`${addon}.new`, addon);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

if (!isCheckout() && (process.argv.includes('--force') || !loads(root))) {
  try {
    await build();
  } catch (error) {
    complain(error);
    process.exitCode = 1;
  }
}
