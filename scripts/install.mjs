// `npm install` of the package as somebody's dependency: keeps the addon that came along if it loads, else builds it.
// The package with prebuilt addons does not run it: by hand it builds one from source, with `--force` even where one loads.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { complain, run, SetupError, step, tail } from './lib/steps.mjs';
import { checkToolchain } from './lib/toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A checkout of the project itself: `npm start`, `npm test` and `npm run setup` build what they need. */
const isCheckout = () => existsSync(join(root, '__test__'));

/** Whether the package can be used as it is. In a process of its own: an addon that was loaded cannot be replaced. */
function loads() {
  try {
    execFileSync(process.execPath, ['-e', `require(${JSON.stringify(root)})`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The name under which `index.js` looks for it. */
function addonName() {
  const { platform, arch } = process;
  if (platform !== 'linux') return `pagepool.${platform}-${arch}.node`;
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  return `pagepool.${platform}-${arch}-${glibc ? 'gnu' : 'musl'}.node`;
}

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
    const addon = join(root, addonName());
    copyFileSync(join(target, 'release', library), `${addon}.new`);
    renameSync(`${addon}.new`, addon);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

if (!isCheckout() && (process.argv.includes('--force') || !loads())) {
  try {
    await build();
  } catch (error) {
    complain(error);
    process.exitCode = 1;
  }
}
