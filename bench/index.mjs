// Both benchmarks, one after the other.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Runs both benchmarks against puppeteer-core: pages (bench/page.mjs), then visits (bench/warm-cold.mjs).

  npm run bench -- [--rounds N] [--json] [--help]

  --rounds N   rounds of each (default: their own)
  --json       prints one JSON object for each

Each has more options of its own: node bench/page.mjs --help, node bench/warm-cold.mjs --help.
The addon is the one that is built: "npm run build" first.
`;

async function run(file, args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (values.help) {
  process.stdout.write(HELP);
} else {
  const args = [
    ...(values.rounds === undefined ? [] : ['--rounds', values.rounds]),
    ...(values.json ? ['--json'] : []),
  ];
  for (const file of ['page.mjs', 'warm-cold.mjs']) {
    if (!values.json) process.stdout.write(`\n${file}\n`);
    if (!(await run(file, args))) process.exitCode = 1;
  }
}
