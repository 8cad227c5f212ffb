// A prerender server: renders routes of a host app over HTTP, on pages that stay warm for their tenant.
//
//   node examples/prerender-server.mjs [--port 4221] [--host-app http://localhost:4200] [--pages 4]
//
//   curl -X POST localhost:4221/prerender -d '{"affinity":"realm:https://acme.example/","path":"/cards/acme/1"}'
//   curl localhost:4221/status

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

import { startHostApp } from './host-app/server.mjs';

const { AsyncSemaphore, BrowserManager, PagePool, isPrerenderCancellation } = createRequire(import.meta.url)(
  '../index.js',
);

const RENDER_TIMEOUT_MS = 10_000;
const MAX_BODY = 64 * 1024;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4221' },
    pages: { type: 'string', default: '4' },
    'host-app': { type: 'string' },
  },
});
const pages = Number(values.pages);

// Without a host app given, the one beside this file is served.
const app = values['host-app'] ? { origin: values['host-app'], close() {} } : await startHostApp();
const browserManager = new BrowserManager();
const pool = new PagePool({
  maxPages: pages,
  serverURL: `http://localhost:${values.port}`,
  boxelHostURL: app.origin,
  browserManager,
  renderSemaphore: new AsyncSemaphore(pages),
});

async function readJson(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > MAX_BODY) throw Object.assign(new Error('the request is too large'), { status: 413 });
  }
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw Object.assign(new Error('the request is no JSON', { cause }), { status: 400 });
  }
}

/** Ends with the card's markup, or with a rejection once the time is up. */
async function render({ page }, path) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(Object.assign(new Error('the render took too long'), { status: 504 })),
      RENDER_TIMEOUT_MS,
    );
  });
  const work = (async () => {
    await page.evaluate((to) => void globalThis.hostApp.transitionTo(to), path);
    await page.waitForFunction(
      () => /ready|error/.test(document.querySelector('[data-prerender]')?.dataset.prerenderStatus),
      { timeout: 0 },
    );
    return page.evaluate(() => {
      const card = document.querySelector('[data-prerender]');
      return { status: card.dataset.prerenderStatus, html: card.outerHTML };
    });
  })();
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
    // When time was up the page may still fail later, and nobody is left to hear of it.
    work.catch(() => {});
  }
}

async function prerender(request, response) {
  const { affinity, path, priority = 0 } = await readJson(request);
  // A client that hangs up leaves every queue.
  const gone = new AbortController();
  response.on('close', () => gone.abort('the client hung up'));
  const lease = await pool.getPage(affinity, 'file', { signal: gone.signal, priority });
  try {
    pool.resetConsoleErrors(lease.pageId);
    const { status, html } = await render(lease, path);
    const { reused, launchMs, waits } = lease;
    const consoleErrors = pool.takeConsoleErrors(lease.pageId);
    send(response, 200, { status, html, consoleErrors, meta: { reused, launchMs, waits } });
  } catch (error) {
    // A page that did not answer in time may never answer again: this tenant gets a clean one.
    if (error.status === 504) pool.disposeAffinity(affinity, { awaitIdle: false }).catch(() => {});
    throw error;
  } finally {
    lease.release();
  }
}

function send(response, status, body) {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST' && request.url === '/prerender') await prerender(request, response);
    else if (request.method === 'GET' && request.url === '/status') {
      send(response, 200, { vacancy: pool.getVacancySnapshot(), queues: pool.getQueueDepthSnapshot() });
    } else send(response, 404, { error: 'POST /prerender or GET /status' });
  } catch (error) {
    if (isPrerenderCancellation(error)) return;
    const status = error.status ?? (error.code === 'ERR_INVALID_ARG_VALUE' ? 400 : 500);
    send(response, status, { error: error.message, code: error.code });
  }
});

async function stop() {
  server.close();
  await pool.closeAll();
  await browserManager.stop();
  await app.close();
}
process.once('SIGINT', stop);
process.once('SIGTERM', stop);

server.listen(Number(values.port), () => {
  process.stdout.write(
    `The prerender server is at http://localhost:${server.address().port}, rendering ${app.origin}\n`,
  );
  pool.warmStandbys().then(
    () => process.stdout.write(`${pages} pages are warm\n`),
    (error) => process.stderr.write(`no page could be warmed: ${error.message}\n`),
  );
});
