// The native addon: cargo decides what is out of date, the napi command copies the result beside index.js.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { run, SetupError, step, tail } from './steps.mjs';

const EXPECTED = {
  debug: 'the first time one to two minutes',
  release: 'the first time three to four minutes',
};

function recordFile(root) {
  return join(root, 'target', 'pagepool-addon.json');
}

/** The profile of the addon that lies in the tree, or `null` where there is none. */
function builtProfile(root) {
  const built = readdirSync(root).some((name) => /^pagepool\..*\.node$/.test(name));
  if (!built || !existsSync(recordFile(root))) return null;
  try {
    const { profile } = JSON.parse(readFileSync(recordFile(root), 'utf8'));
    return profile in EXPECTED ? profile : null;
  } catch {
    return null;
  }
}

/**
 * Brings the addon up to date.
 *
 * @param {string} root the package's directory
 * @param {{ profile?: 'debug' | 'release', otherwise?: 'debug' | 'release' }} [options] `profile` insists on one;
 *   without it the profile of the addon that is there is kept, or `otherwise` is built
 */
export async function buildAddon(root, { profile: wanted, otherwise = 'debug' } = {}) {
  const profile = wanted ?? builtProfile(root) ?? otherwise;
  const script = profile === 'release' ? 'build' : 'build:debug';
  const target = existsSync(join(root, 'target', profile)) ? '' : `, ${EXPECTED[profile]}`;
  await step(`addon, ${profile} build (npm run ${script}${target})`, async (now) => {
    // The napi command itself rather than `npm run`: its output is the step's, and Ctrl-C reaches cargo.
    const commands = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts[script].split(
      ' && ',
    );
    const cli = join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js');
    const env = { ...process.env, CARGO_TERM_PROGRESS_WHEN: 'always', CARGO_TERM_PROGRESS_WIDTH: '90' };
    // Warnings are the developer's: cargo shows them when it is asked for them.
    const progress = (line) => /Building|Compiling|Downloading|Finished/.test(line) && now(line);
    for (const [program, ...args] of commands.map((command) => command.split(' '))) {
      const argv = program === 'napi' ? [cli, ...args] : args;
      const outcome = await run(process.execPath, argv, { cwd: root, env, now: progress });
      if (outcome.code !== 0) {
        throw new SetupError('The addon could not be built.', {
          details: tail(outcome.output),
          hint: `The whole output: npm run ${script}`,
        });
      }
    }
  });
  mkdirSync(dirname(recordFile(root)), { recursive: true });
  writeFileSync(recordFile(root), `${JSON.stringify({ profile })}\n`);
  return profile;
}
