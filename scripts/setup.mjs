// Makes a checkout ready: npm packages, the native addon, a Chrome. Runs before node_modules exist, so it uses
// nothing but Node.

import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { buildAddon } from './lib/addon.mjs';
import { bringChrome, bringTestedChromes } from './lib/chrome.mjs';
import { installPackages } from './lib/packages.mjs';
import { complain, say, seconds } from './lib/steps.mjs';
import { checkToolchain } from './lib/toolchain.mjs';

/** The package's directory. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const HELP = `Makes this checkout ready to use: npm packages, the native addon, a Chrome.

  npm run setup -- [--release | --debug] [--no-chrome | --every-chrome]

  --release       build the optimised addon
  --debug         build the addon with debug assertions
  --no-chrome     do not look for a Chrome
  --every-chrome  both kinds that the tests run on, the headless shell and full Chrome
  --help          this text

Without --release or --debug the kind of addon that is there is kept; the first one is a debug build.
PUPPETEER_EXECUTABLE_PATH names the Chrome to use; PAGEPOOL_NO_APT=1 keeps it from installing a Debian package.
`;

/**
 * @param {{ profile?: 'debug' | 'release', otherwise?: 'debug' | 'release', chrome?: boolean | 'every' }} [options]
 * @returns {Promise<{ profile: 'debug' | 'release' }>} what was built
 */
export async function setup({ profile, otherwise, chrome = true } = {}) {
  const started = Date.now();
  say('toolchain', await checkToolchain(root));
  await installPackages(root);
  const built = await buildAddon(root, { profile, otherwise });
  if (chrome) await (chrome === 'every' ? bringTestedChromes : bringChrome)(root);
  say('ready', `after ${seconds(Date.now() - started)}`);
  return { profile: built };
}

async function main() {
  const { values } = parseArgs({
    options: {
      release: { type: 'boolean' },
      debug: { type: 'boolean' },
      'no-chrome': { type: 'boolean' },
      'every-chrome': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (values.release && values.debug) {
    throw Object.assign(new TypeError('--release and --debug exclude each other'), {
      code: 'ERR_PARSE_ARGS_CONFLICT',
    });
  }
  const profile = (values.release && 'release') || (values.debug && 'debug') || undefined;
  await setup({ profile, chrome: values['every-chrome'] ? 'every' : !values['no-chrome'] });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    if (error.code?.startsWith('ERR_PARSE_ARGS')) process.stderr.write(`${error.message}\n\n${HELP}`);
    else complain(error);
    process.exitCode = 1;
  }
}
