// A host app that can be down, and whose page writes its tenant's name into every storage and looks for others'.

import { createServer } from 'node:http';

/** What runs in the page; `render` resolves with the names of other tenants that it came across. */
const APP = `
const heard = [];
const channel = new BroadcastChannel('owner');
channel.onmessage = (event) => heard.push(event.data);

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('owner', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('names');
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function found() {
  const db = await database();
  const cache = await caches.open('owner');
  const names = {
    global: globalThis.owner,
    window: window.name,
    localStorage: localStorage.getItem('owner'),
    sessionStorage: sessionStorage.getItem('owner'),
    cookie: /(?:^|; )owner=([^;]*)/.exec(document.cookie)?.[1],
    indexedDB: await done(db.transaction('names').objectStore('names').get('owner')),
    cache: await (await cache.match('/owner'))?.text(),
    markup: document.querySelector('#app').dataset.owner,
  };
  db.close();
  return names;
}

async function sign(tenant) {
  const db = await database();
  const cache = await caches.open('owner');
  globalThis.owner = window.name = tenant;
  localStorage.setItem('owner', tenant);
  sessionStorage.setItem('owner', tenant);
  document.cookie = 'owner=' + tenant;
  await done(db.transaction('names', 'readwrite').objectStore('names').put(tenant, 'owner'));
  await cache.put('/owner', new Response(tenant));
  db.close();
  channel.postMessage(tenant);
}

globalThis.render = async (tenant, rows) => {
  const names = { ...(await found()), heard: heard.find((name) => name !== tenant) };
  const foreign = Object.entries(names).filter(([, name]) => name && name !== tenant);
  await sign(tenant);
  const app = document.querySelector('#app');
  app.dataset.owner = tenant;
  app.innerHTML = Array.from({ length: rows }, (_, row) => '<p>' + tenant + ' ' + row + '</p>').join('');
  return { foreign: foreign.map((entry) => entry.join(': ')), text: app.textContent };
};
document.querySelector('#app').insertAdjacentHTML('afterend', '<i id="standby-ready"></i>');
`;

const PAGE = `<!doctype html><meta charset="utf-8"><title>chaos</title><link rel="icon" href="data:,"><div id="app"></div><script>${APP}</script>`;

/** Starts the app; `mode` is what it does with requests: `'up'`, `'unavailable'` (503), `'silent'` or `'hanging up'`. */
export async function startHost() {
  const host = { mode: 'up', served: 0 };
  const server = createServer((request, response) => {
    if (host.mode === 'hanging up') request.socket.destroy();
    else if (host.mode === 'unavailable') response.writeHead(503).end();
    else if (host.mode === 'up' && !request.url.startsWith('/never')) {
      host.served += 1;
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  host.url = `http://127.0.0.1:${server.address().port}`;
  host.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return host;
}
