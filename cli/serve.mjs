// `pagepool serve`: a server that renders pages, and makes PDFs and pictures of them, for many tenants.

import { createRequire } from 'node:module';

import { anyURL, integer, printable, readOptions, UsageError, version } from './command.mjs';
import { isLoopback } from './serve/guard.mjs';
import { chromeArguments, conflicting, host, isAllowed } from './serve/targets.mjs';

const HELP = `Renders pages over HTTP, on Chrome pages that stay warm for their tenant.

  pagepool serve [--port PORT] [--host ADDRESS] [--max-pages N] [...]

  curl 'http://127.0.0.1:3000/render?url=https://example.com/&affinity=acme'

  --port PORT        where to listen; 0: any free port; default: 3000
  --host ADDRESS     on which address; default: 127.0.0.1, which only this
                     machine reaches
  --token TOKEN      what clients send as "Authorization: Bearer TOKEN";
                     default: none. Others on this machine can read command
                     lines: better in the variable PAGEPOOL_TOKEN
  --allow-host HOST  Chrome reaches this host only (*.example.com: all below
                     it), whoever asks for what, redirects and scripts
                     included; may be given several times; default: any host
  --max-pages N      pages that there may be; default: 4
  --min-pages N      pages that are kept when all is idle; default: as many
  --standby-url URL  what pages load before they are anybody's; default:
                     about:blank
  --timeout MS       the most that a render may take; default: 30000
  --max-body BYTES   the largest body of a request; default: 1048576
  --max-waiting N    renders that may wait for a page; default: 100
  --grace MS         how long renders may go on after SIGTERM or SIGINT;
                     default: 20000
  --help             this text

Where an option is not given, a variable of the environment counts: PORT for
--port, for the others PAGEPOOL_ and the name, such as PAGEPOOL_MAX_PAGES
(PAGEPOOL_ALLOW_HOST: with commas).

  GET or POST /render, /pdf, /screenshot   of { url or html, affinity, ... }
  GET /healthz                             the process and Chrome are alive
  GET /readyz                              a page is ready
  GET /dashboard                           what the pool is doing, to look at
  GET /stats, /events, /metrics            the same as JSON, as it happens, and
                                           for Prometheus

docs/serve.md of the package has all of it. Without --allow-host a client can
have this machine fetch from wherever it reaches, inside your network too: let
nobody ask this server whom you would not let do that.

A signal stops it: what runs is finished, Chrome ended, status 0; a second one
ends it at once. Status 1: it could not start (no Chrome, a port in use).
Status 2: a wrong option.
`;

const port = integer(0, 65_535);
const option = (name, rest) => ({ type: 'string', env: [`PAGEPOOL_${name}`], ...rest });

const OPTIONS = {
  port: option('PORT', { default: '3000', env: ['PORT'], read: port }),
  host: option('HOST', { default: '127.0.0.1' }),
  token: option('TOKEN', { secret: true, read: tokenText }),
  'allow-host': option('ALLOW_HOST', { multiple: true, read: host }),
  'max-pages': option('MAX_PAGES', { default: '4', read: integer(1, 10_000) }),
  'min-pages': option('MIN_PAGES', { read: integer(1, 10_000) }),
  'standby-url': option('STANDBY_URL', { default: 'about:blank', read: anyURL }),
  timeout: option('TIMEOUT', { default: '30000', read: integer(1) }),
  'max-body': option('MAX_BODY', { default: '1048576', read: integer(1, 2 ** 28) }),
  'max-waiting': option('MAX_WAITING', { default: '100', read: integer(0) }),
  grace: option('GRACE', { default: '20000', read: integer(0) }),
};

/** What can stand in a header behind "Bearer". */
function tokenText(text) {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new Error('printable ASCII characters without spaces');
  return text;
}

/** How long a lease goes on that `closeAll` finds: by then its render has been given up on. */
const LEASE_GRACE_MS = 1000;

const complain = (line) => process.stderr.write(`${printable(line, 4096)}\n`);

/** The pool's lines, on stderr: stdout is what this command says. */
function logger(name) {
  const isVerbose = process.env.PAGEPOOL_LOG === 'debug';
  const write = (...parts) => complain(`[${name}] ${parts.join(' ')}`);
  const verbose = isVerbose ? write : () => {};
  // What pages write to their consoles is theirs.
  if (name === 'prerenderer-chrome') return { debug: verbose, info: verbose, warn: verbose, error: verbose };
  return { debug: verbose, info: verbose, warn: write, error: write };
}

/** What options mean together. */
function checked(options) {
  const fail = (message) => {
    throw new UsageError(message, HELP);
  };
  const { 'allow-host': hosts, 'standby-url': standbyURL } = options;
  const [least = options['max-pages'], most] = [options['min-pages'], options['max-pages']];
  if (least > most) fail(`--min-pages takes at most as many as --max-pages, ${most}, and not '${least}'`);
  if (hosts && /^https?:/.test(standbyURL) && !isAllowed(hosts, standbyURL)) {
    fail(`--standby-url takes an address on a host of --allow-host, and not '${standbyURL}'`);
  }
  const conflict = hosts && conflicting(process.env.PUPPETEER_CHROME_ARGS);
  if (conflict) fail(`--allow-host cannot hold with ${conflict} in PUPPETEER_CHROME_ARGS`);
  return { ...options, 'min-pages': least };
}

function listen(server, { port, host }) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(server.address());
    });
  });
}

/** Why it cannot start, for somebody who is to do something about it. */
function why(error, { port, host }) {
  switch (error.code) {
    case 'EADDRINUSE':
      return `something listens on port ${port} of ${host} already: --port names another, and 0 any that is free`;
    case 'EACCES':
      return `this user may not listen on port ${port}: --port names another`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `--host ${host} is no address of this machine (${error.code})`;
    case 'BROWSER_NOT_FOUND':
    case 'BROWSER_LAUNCH_FAILED':
      return `${error.message}\n"npx pagepool doctor" looks at what is missing`;
    default:
      return error.message.replace(/^pagepool: /, '');
  }
}

/** The parts, not started yet. Only here is the addon loaded: without it help and wrong options are told all the same. */
async function build(options) {
  const lib = createRequire(import.meta.url)('../index.js');
  const { createService } = await import('./serve/server.mjs');
  const { 'allow-host': allowHosts, timeout: timeoutMs } = options;
  const browserManager = new lib.BrowserManager({
    args: chromeArguments(allowHosts),
    downloadBehavior: { policy: 'deny' },
  });
  const pool = new lib.PagePool({
    maxPages: options['max-pages'],
    minPages: options['min-pages'],
    standbyURL: options['standby-url'],
    maxWaiting: options['max-waiting'],
    leaseGraceMs: LEASE_GRACE_MS,
    browserManager,
    logger,
  });
  const service = createService({
    pool,
    browserManager,
    log: complain,
    options: {
      version,
      host: options.host,
      token: options.token,
      allowHosts,
      timeoutMs,
      maxBody: options['max-body'],
    },
  });
  return { browserManager, pool, service };
}

/** Resolves with the first signal; the second ends the process at once, and Chrome with it. */
function interruption() {
  return new Promise((resolve) => {
    let signals = 0;
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ]) {
      process.on(signal, () => {
        signals += 1;
        if (signals === 1) resolve(signal);
        else process.exit(status);
      });
    }
  });
}

/** Runs the command. */
export async function main(args) {
  const given = readOptions(args, { help: HELP, options: OPTIONS });
  if (!given) return;
  const options = checked(given);
  const { port, host } = options;
  const interrupted = interruption();
  let parts;
  const end = async () => {
    await parts?.pool.closeAll();
    await parts?.browserManager.stop();
  };
  try {
    parts = await build(options);
    const address = await listen(parts.service.server, { port, host });
    const started = await Promise.race([
      parts.browserManager.getBrowser(),
      interrupted.then(() => undefined),
    ]);
    if (started) {
      parts.pool.warmStandbys();
      const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
      process.stdout.write(
        `pagepool ${version} serves ${url} with ${options['max-pages']} pages; ${url}/dashboard shows what they do\n`,
      );
      if (options.token === undefined && !isLoopback(host)) {
        complain(
          `pagepool: whoever reaches ${host} can use this server: --token, or PAGEPOOL_TOKEN, asks for one`,
        );
      }
    }
  } catch (error) {
    parts?.service.server.close();
    await end().catch(() => {});
    process.stderr.write(`pagepool serve: ${why(error, options)}\n`);
    process.exit(1);
  }
  const signal = await interrupted;
  process.stdout.write(`${signal}: finishing what runs; once more ends it at once\n`);
  await parts.service.stop(options.grace);
  await end();
  process.exit(0);
}
