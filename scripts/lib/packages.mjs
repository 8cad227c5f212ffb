// The npm packages: installed when they are not what the lock file says.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { run, say, SetupError, step, tail } from './steps.mjs';

function lockedPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

/** Why `node_modules` cannot be used as it is, or `null`. */
export function whyStale(root) {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return 'not installed yet';
  const have = lockedPackages(installed);
  for (const [path, wanted] of Object.entries(lockedPackages(join(root, 'package-lock.json')))) {
    if (path === '' || wanted.link) continue;
    // An optional package may be left out, for its platform or by `--omit=optional`.
    if (!have[path] && (wanted.optional || wanted.devOptional || wanted.peer)) continue;
    if (have[path]?.version !== wanted.version) {
      return `${path.replace(/^.*node_modules\//, '')} ${wanted.version} is missing`;
    }
  }
  return null;
}

/** Runs `npm ci` unless `node_modules` holds what the lock file asks for. */
export async function installPackages(root) {
  const reason = whyStale(root);
  if (!reason) {
    say('npm packages', 'up to date');
    return;
  }
  await step(`npm packages: npm ci (${reason})`, async (now) => {
    const npm = process.env.npm_execpath;
    const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
    const outcome = npm
      ? await run(process.execPath, [npm, ...args], { cwd: root, now })
      : await run('npm', args, { cwd: root, now });
    if (outcome.code !== 0) {
      throw new SetupError('`npm ci` failed.', {
        details: tail(outcome.output),
        hint: 'Is the npm registry reachable from here (`npm config get registry`)?',
      });
    }
  });
}
