// `pagepool doctor`: looks at everything that a pool needs, one thing after another.

import { style } from '../scripts/lib/steps.mjs';
import { anyURL, integer, printable, readOptions } from './command.mjs';
import { ChromeChecks } from './doctor/chrome.mjs';
import { addon, memory, node, openFiles, sandbox, sharedMemory, temporary } from './doctor/surroundings.mjs';

const HELP = `Looks whether this machine can run a pool, and says what to do where it cannot.

  pagepool doctor [--url URL [--ready-selector SELECTOR]] [--timeout MS] [--json]

  --url URL                  also let a tab stand by on this address
  --ready-selector SELECTOR  what has to be in that page
  --timeout MS               how long the launch may take, and that page; default: 30000
  --json                     print { status, checks: [{ name, status, detail, advice? }] } at the end, and nothing else
  --help                     this text

Every check is ok, a warning, failed, or skipped where an earlier one stands in its way.
Ends with status 0; with 1 where a check has failed; with 2 for a wrong option.
The Chrome that is looked at is the one that a pool would start: PUPPETEER_EXECUTABLE_PATH names it, and
PUPPETEER_CHROME_ARGS and PUPPETEER_DISABLE_SANDBOX count.
`;

const OPTIONS = {
  url: { type: 'string', read: anyURL },
  'ready-selector': { type: 'string' },
  timeout: { type: 'string', default: '30000', read: integer(1) },
  json: { type: 'boolean' },
};

const PAINT = { ok: style.green, warning: style.yellow, failed: style.red, skipped: style.dim };
const WIDEST = 'shared memory'.length;

function print({ name, status, detail, advice }) {
  const margin = ' '.repeat(11 + WIDEST);
  const lines = [detail, ...(advice ? [`→ ${advice}`] : [])].flatMap((text) => text.split('\n'));
  const [first, ...rest] = lines.map((line) => printable(line, 2000));
  const label = PAINT[status](status.padEnd(9));
  process.stdout.write(
    `${label}${name.padEnd(WIDEST + 2)}${first}\n${rest.map((line) => `${margin}${line}\n`).join('')}`,
  );
}

/** Runs the command. */
export async function main(args) {
  const options = readOptions(args, { help: HELP, options: OPTIONS });
  if (!options) return;
  const checks = [];
  const library = await addon();
  const chrome = new ChromeChecks(library.exports, options);
  let interrupted = false;
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => {
      interrupted = true;
      chrome.end().finally(() => process.exit(status));
    });
  }

  const all = [
    ['Node.js', node],
    ['addon', () => library.check],
    ['Chrome', () => chrome.find()],
    ['sandbox', sandbox],
    ['shared memory', sharedMemory],
    ['open files', openFiles],
    ['memory', memory],
    ['temporary dir', temporary],
    ['launch', () => chrome.launch()],
    ['libraries', () => chrome.libraries()],
    ...(options.url === undefined ? [] : [['standby', () => chrome.standby()]]),
  ];
  try {
    for (const [name, look] of all) {
      const check = { name, ...(await look()) };
      // What fails because all is being ended says nothing.
      if (interrupted) return;
      checks.push(check);
      if (!options.json) print(check);
    }
  } finally {
    await chrome.end();
  }

  const count = (status) => checks.filter((check) => check.status === status).length;
  const status = count('failed') > 0 ? 'failed' : count('warning') > 0 ? 'warning' : 'ok';
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ status, checks }, null, 2)}\n`);
  } else {
    const counts = ['failed', 'warning', 'skipped'].filter((each) => count(each) > 0);
    const summary = counts.map((each) => `${count(each)} ${each}`).join(', ');
    process.stdout.write(`\n${summary || 'All is well.'}\n`);
  }
  if (status === 'failed') process.exitCode = 1;
}
