// A host app in the manner of a realm server: one page for every route, which renders on the client and tells by
// its markup when it is done. No build step and no dependencies.
//
//   node examples/host-app/server.mjs [--port 4200]

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { cardOf, figuresOf, tenantOf } from './cards.mjs';

const PUBLIC = fileURLToPath(new URL('./public/', import.meta.url));
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

/** How long the app's own parts take: the weight of a page that is not warm. */
const BOOT_PART_MS = 40;
const SLOW_PART_MS = 180;

const json = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};

async function serveApi(parts, response) {
  if (parts[0] === 'boot') {
    await delay(BOOT_PART_MS);
    json(response, 200, { part: parts[1] ?? '', ready: true });
    return;
  }
  const tenant = tenantOf(parts[1] ?? '');
  const number = Number(parts[2]);
  if (!tenant || !Number.isInteger(number) || number < 1) {
    json(response, 404, { error: 'no such card' });
    return;
  }
  const card = cardOf(tenant.id, number);
  if (parts[0] === 'cards') {
    json(response, 200, { tenant, card });
  } else if (parts[0] === 'figures') {
    if (card.behaviour === 'slow') await delay(SLOW_PART_MS);
    json(response, 200, { figures: figuresOf(card) });
  } else {
    json(response, 404, { error: 'no such resource' });
  }
}

async function serveFile(name, response) {
  const body = await readFile(join(PUBLIC, name));
  response.writeHead(200, {
    'content-type': `${TYPES[extname(name)]}; charset=utf-8`,
    'cache-control': 'max-age=600',
  });
  response.end(body);
}

/**
 * Starts the app on a port of this machine.
 *
 * @param {{ port?: number }} [options] port 0, the default, takes any free one
 */
export async function startHostApp({ port = 0 } = {}) {
  let mode = 'ok';
  const counts = { standby: 0, requests: 0 };

  const server = createServer((request, response) => {
    counts.requests += 1;
    respond(request, response).catch((error) => {
      if (!response.headersSent) json(response, 500, { error: error.message });
      else response.destroy(error);
    });
  });

  async function respond(request, response) {
    const { pathname } = new URL(request.url, 'http://host');
    if (pathname === '/_standby') counts.standby += 1;
    if (mode === 'hang') return;
    if (mode !== 'ok') {
      json(response, mode, { error: 'the app is not ready' });
      return;
    }
    const [first, ...rest] = pathname.split('/').filter(Boolean).map(decodeURIComponent);
    if (first === 'api') await serveApi(rest, response);
    else if (first === 'assets') await serveAsset(rest, response);
    else if (first === 'favicon.ico') response.writeHead(204).end();
    else await serveFile('index.html', response);
  }

  async function serveAsset(parts, response) {
    // Names only: an asset is a file right in the public directory.
    if (parts.length === 1 && /^[\w-]+\.(css|js|svg)$/.test(parts[0])) {
      try {
        await serveFile(parts[0], response);
        return;
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
    }
    json(response, 404, { error: 'no such asset' });
  }

  const listen = (onPort) =>
    new Promise((done, fail) => {
      server.once('error', fail);
      server.listen(onPort, '127.0.0.1', () => {
        server.off('error', fail);
        done();
      });
    });
  const hangUp = () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });

  await listen(port);
  const settled = server.address().port;

  return {
    /** Where the app is, without a slash at the end. */
    origin: `http://127.0.0.1:${settled}`,
    /** How often `/_standby` and anything was asked for. */
    counts,
    /** `'ok'`; a status such as 503 for every request; or `'hang'`: requests are never answered. */
    setMode(next) {
      mode = next;
    },
    /** Stops listening and drops every connection, as when the app is restarted. */
    down: hangUp,
    /** Listens again, on the same port. */
    up: () => listen(settled),
    /** Ends the app. */
    close: () => (server.listening ? hangUp() : Promise.resolve()),
  };
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '4200' } } });
  const app = await startHostApp({ port: Number(values.port) });
  process.stdout.write(`The host app is at ${app.origin}, a card at ${app.origin}/cards/acme/1\n`);
  process.once('SIGINT', () => app.close());
  process.once('SIGTERM', () => app.close());
}
