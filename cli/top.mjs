// `pagepool top`: what a server's pool is doing, live in a terminal.

import { printable, readOptions } from './command.mjs';
import { FeedError, messages } from './top/feed.mjs';
import { Screen } from './top/screen.mjs';
import { lines } from './top/view.mjs';

const HELP = `Shows what the pool of a "pagepool serve" is doing: pages, leases, waits, tenants.

  pagepool top [--url URL] [--token TOKEN]

  --url URL      where the server is; default: http://127.0.0.1:3000
  --token TOKEN  what it wants to be sent; others on this machine can read
                 command lines: better in the variable PAGEPOOL_TOKEN
  --help         this text

In a terminal it goes on until q or Ctrl-C. Elsewhere, as behind a pipe, it
prints what is now, and ends. PAGEPOOL_URL counts where --url is not given.
Status 1: there is no such server, or it wants another token.
Status 2: a wrong option.
`;

const OPTIONS = {
  url: { type: 'string', default: 'http://127.0.0.1:3000', env: ['PAGEPOOL_URL'], read: serverURL },
  token: { type: 'string', env: ['PAGEPOOL_TOKEN'], secret: true },
};

const RECONNECT_MS = 1000;
const REDRAW_MS = 1000;

function serverURL(text) {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new Error('an address with http: or https:');
  return new URL('/', text).href;
}

/** Prints what is now. */
async function once(url, token) {
  const controller = new AbortController();
  for await (const { event, data } of messages(url, { token, signal: controller.signal })) {
    if (event !== 'stats') continue;
    process.stdout.write(`${lines(data, { url }).join('\n')}\n`);
    controller.abort();
    return;
  }
  throw new FeedError(`the server at ${url} ended the connection`);
}

/** Draws until somebody quits; the server may go away and come back meanwhile. */
async function live(url, token) {
  const screen = new Screen();
  const quit = new AbortController();
  let figures;
  let note = '';
  let rate;
  let before;
  const draw = () => {
    const last = [
      ...(figures
        ? lines(figures, { url, rate, note, rows: screen.rows - 1 })
        : [note || `connecting to ${url}`]),
    ];
    while (last.length < screen.rows - 1) last.push('');
    screen.draw([...last, 'q quits']);
  };
  const sample = () => {
    const { warm = 0, cold = 0 } = figures?.stats.totals.leases ?? {};
    rate = before === undefined ? undefined : Math.max(0, warm + cold - before);
    before = figures && warm + cold;
    draw();
  };
  const follow = async () => {
    for await (const { event, data } of messages(url, { token, signal: quit.signal })) {
      note = event === 'stopping' ? 'the server is stopping' : '';
      if (event !== 'stats') continue;
      figures = data;
      draw();
    }
    throw new FeedError('the server has ended the connection');
  };

  // Whom nobody answers at the start is told so in the terminal that he has.
  const first = messages(url, { token, signal: quit.signal });
  figures = (await first.next()).value?.data;
  screen.open({ onQuit: () => quit.abort(), onResize: draw });
  process.once('SIGTERM', () => quit.abort());
  await first.return();
  const timer = setInterval(sample, REDRAW_MS);
  draw();
  try {
    while (!quit.signal.aborted) {
      try {
        await follow();
      } catch (error) {
        if (quit.signal.aborted) break;
        if (error.isFinal) throw error;
        note = `${printable(error.message)}: trying again`;
        draw();
        await new Promise((resolve) => {
          const wait = setTimeout(resolve, RECONNECT_MS);
          quit.signal.addEventListener('abort', () => resolve(clearTimeout(wait)), { once: true });
        });
      }
    }
  } finally {
    clearInterval(timer);
    screen.close();
  }
}

/** Runs the command. */
export async function main(args) {
  const options = readOptions(args, { help: HELP, options: OPTIONS });
  if (!options) return;
  const { url, token } = options;
  try {
    await (process.stdout.isTTY ? live : once)(url, token);
  } catch (error) {
    if (!(error instanceof FeedError)) throw error;
    process.stderr.write(`pagepool top: ${printable(error.message)}\n`);
    process.exitCode = 1;
  }
}
