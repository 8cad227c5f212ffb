// `npm run lint:package`: what publint and "Are the types wrong?" say of the main package as it is packed.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { packMain } from './lib/package.mjs';
import { complain, run, say, SetupError, tail } from './lib/steps.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');

const CHECKS = [
  ['publint', [join(modules, 'publint', 'src', 'cli.js'), '--strict']],
  ['Are the types wrong?', [join(modules, '@arethetypeswrong', 'cli', 'dist', 'index.js'), '--no-emoji']],
];

const out = mkdtempSync(join(tmpdir(), 'pagepool-lint-'));
try {
  const { file } = await packMain(root, out);
  for (const [name, args] of CHECKS) {
    const { code, output } = await run(process.execPath, [...args, file], { cwd: root });
    if (code !== 0) throw new SetupError(`${name} finds faults in the package.`, { details: tail(output) });
    say(name);
  }
} catch (error) {
  complain(error);
  process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
