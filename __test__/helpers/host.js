'use strict';

// A host app as small as a test needs: `/_standby` with its mark, a request that never ends, and a switch to be down.

const http = require('node:http');

/** With an icon of its own: full Chrome would ask for one. */
const STANDBY = `<!doctype html><title>standby</title><link rel="icon" href="data:,">
<script>window.marked = [globalThis.__boxelDuringPrerender, globalThis.__boxelRenderContext];</script>
`;
const READY = '<div id="standby-ready">ready</div>';

/** The page of `/_standby`, which is ready after so many ms. */
function standby(readyAfterMs) {
  const later = `<script>setTimeout(() => { document.body.innerHTML = '${READY}'; }, ${readyAfterMs});</script>`;
  return `${STANDBY}<body>${readyAfterMs > 0 ? later : READY}</body>`;
}

/**
 * Starts it; `host.status` other than 200 is what `/_standby` answers with, `host.silent` leaves all unanswered, and
 * `host.closing` hangs up; `/_standby` is ready `host.readyAfterMs` after it was loaded. `host.scripts` has sources by path.
 */
async function startHost() {
  const host = { status: 200, silent: false, closing: false, readyAfterMs: 0, scripts: {}, requests: [] };
  const server = http.createServer((request, response) => {
    host.requests.push(request.url);
    if (host.closing) {
      request.socket.destroy();
      return;
    }
    if (host.silent || request.url.startsWith('/hang')) {
      return;
    }
    if (request.url === '/_standby') {
      response.writeHead(host.status, { 'content-type': 'text/html' });
      response.end(host.status === 200 ? standby(host.readyAfterMs) : 'not yet');
      return;
    }
    if (request.url === '/moved') {
      response.writeHead(302, { location: '/_standby' }).end();
      return;
    }
    if (request.url in host.scripts) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(host.scripts[request.url]);
      return;
    }
    response.writeHead(request.url === '/favicon.ico' ? 204 : 404).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  host.url = `http://127.0.0.1:${server.address().port}`;
  host.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return host;
}

module.exports = { startHost };
