// Before `npm pack`: the optimised addon. Where it cannot be built, one that is there and loads will do.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildAddon } from './lib/addon.mjs';
import { loads } from './lib/platform.mjs';
import { complain, say } from './lib/steps.mjs';
import { checkToolchain } from './lib/toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Why nothing can be built here, or `null`. */
async function lacking() {
  try {
    await checkToolchain(root);
    return null;
  } catch (error) {
    return error;
  }
}

try {
  const why = await lacking();
  if (!why) await buildAddon(root, { profile: 'release' });
  else if (loads(root)) say('addon', `the one that is there: ${why.message}`);
  else throw why;
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
