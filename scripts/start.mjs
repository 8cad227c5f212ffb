// `npm start`: the set-up, then the demonstration of examples/render-cards.mjs with the same options.

import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { complain } from './lib/steps.mjs';
import { root, setup } from './setup.mjs';

const args = process.argv.slice(2);

/** Runs a script in the foreground; Ctrl-C reaches it too, and it decides when to end. */
function foreground(script, rest) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...rest], { stdio: 'inherit' });
    const wait = () => {};
    const handOn = () => child.kill('SIGTERM');
    process.on('SIGINT', wait).on('SIGTERM', handOn);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait).off('SIGTERM', handOn);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

const example = join(root, 'examples', 'render-cards.mjs');
// Wrong options are told before minutes of set-up, not after.
const checked = await foreground(example, ['--check-options', ...args]);
if (checked !== 0 || args.includes('--help') || args.includes('-h')) process.exit(checked);
try {
  await setup();
  process.exitCode = await foreground(example, args);
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
