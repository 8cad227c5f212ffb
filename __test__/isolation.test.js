'use strict';

// What one tenant leaves, and whether another finds it: the rows of docs/isolation.md, on a real Chrome.

const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const { chromeModule, processes, rendererOf } = require('./helpers/real-chrome.js');
const { until } = require('./helpers/wait.js');

/** A site that counts what it is asked for. */
async function startSite() {
  const site = { asked: [], sockets: new Set() };
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://site.test');
    site.asked.push({ pathname, cookie: request.headers.cookie, authorization: request.headers.authorization, port: request.socket.remotePort });
    if (pathname === '/cached') {
      response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'max-age=3600' }).end('cached');
    } else if (pathname === '/worker.js') {
      const worker = 'let kept; onconnect = ({ ports: [port] }) => { port.onmessage = ({ data }) => { kept ??= data; port.postMessage(kept); }; };'
        + 'onmessage = () => {};';
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(worker);
    } else if (pathname === '/guarded' && !request.headers.authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="site"' }).end('who are you?');
    } else if (pathname === '/file') {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment; filename=of-a.bin' }).end('bytes');
    } else if (pathname === '/favicon.ico') {
      response.writeHead(204).end();
    } else {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<title>site</title><a id="link" href="/visited">a link</a>');
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  site.url = `http://127.0.0.1:${server.address().port}`;
  site.count = (pathname) => site.asked.filter((request) => request.pathname === pathname).length;
  site.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return site;
}

/**
 * What a tenant does in its page, and how the page of another would tell: `look` gives null where it finds nothing.
 * The tenant itself finds what it has left, else the row would show nothing.
 */
const KEPT_APART = {
  cookies: {
    leave: (page) => page.evaluate(() => void (document.cookie = 'mark=a; path=/')),
    look: (page) => page.evaluate(() => document.cookie || null),
  },
  'cookies that scripts cannot read': {
    leave: (page, { url }) => page.browserContext().setCookie({ name: 'hidden', value: 'a', domain: '127.0.0.1', path: '/', httpOnly: true })
      .then(() => page.goto(`${url}/page`)),
    look: async (page, site) => {
      await page.goto(`${site.url}/page`);
      return site.asked.findLast(({ pathname }) => pathname === '/page').cookie?.includes('hidden') ? 'sent' : null;
    },
  },
  localStorage: {
    leave: (page) => page.evaluate(() => localStorage.setItem('mark', 'a')),
    look: (page) => page.evaluate(() => localStorage.getItem('mark')),
  },
  sessionStorage: {
    ofPage: true,
    leave: (page) => page.evaluate(() => sessionStorage.setItem('mark', 'a')),
    look: (page) => page.evaluate(() => sessionStorage.getItem('mark')),
  },
  'window.name': {
    ofPage: true,
    leave: (page) => page.evaluate(() => void (globalThis.name = 'a')),
    look: (page) => page.evaluate(() => globalThis.name || null),
  },
  IndexedDB: {
    leave: (page) => page.evaluate(() => new Promise((resolve, reject) => {
      const opening = indexedDB.open('mark');
      opening.onsuccess = () => resolve(opening.result.close());
      opening.onerror = reject;
    })),
    look: (page) => page.evaluate(async () => (await indexedDB.databases())[0]?.name ?? null),
  },
  'the Cache API': {
    leave: (page) => page.evaluate(() => caches.open('mark').then(() => {})),
    look: (page) => page.evaluate(async () => (await caches.keys())[0] ?? null),
  },
  'the origin’s private files': {
    leave: (page) => page.evaluate(async () => void (await (await navigator.storage.getDirectory()).getFileHandle('mark', { create: true }))),
    look: (page) => page.evaluate(async () => {
      const first = await (await navigator.storage.getDirectory()).keys().next();
      return first.value ?? null;
    }),
  },
  'service workers': {
    leave: (page) => page.evaluate(async () => {
      await navigator.serviceWorker.register('/worker.js');
      await navigator.serviceWorker.ready;
    }),
    look: (page) => page.evaluate(async () => (await navigator.serviceWorker.getRegistrations())[0]?.scope ?? null),
  },
  'shared workers': {
    leave: (page) => page.evaluate(() => new Promise((resolve) => {
      const { port } = new SharedWorker('/worker.js');
      port.onmessage = resolve;
      port.postMessage('a');
      globalThis.kept = port;
    }).then(() => {})),
    look: async (page) => {
      const first = await page.evaluate(() => new Promise((resolve) => {
        const { port } = new SharedWorker('/worker.js');
        port.onmessage = ({ data }) => resolve(data);
        port.postMessage('of whoever looks');
      }));
      return first === 'a' ? first : null;
    },
  },
  'Web Locks': {
    leave: (page) => page.evaluate(() => new Promise((resolve) => {
      void navigator.locks.request('mark', () => new Promise(() => resolve()));
    })),
    look: (page) => page.evaluate(async () => (await navigator.locks.query()).held[0]?.name ?? null),
  },
  'the HTTP cache': {
    leave: (page) => page.evaluate(() => fetch('/cached').then((response) => response.text()).then(() => {})),
    look: async (page, site) => {
      const before = site.count('/cached');
      await page.evaluate(() => fetch('/cached').then((response) => response.text()));
      return site.count('/cached') === before ? 'cached' : null;
    },
  },
  'credentials of HTTP authentication': {
    leave: async (page, { url }) => {
      await page.authenticate({ username: 'a', password: 'secret' });
      await page.goto(`${url}/guarded`);
      await page.authenticate(null);
    },
    look: async (page, site) => {
      const before = site.count('/guarded');
      // Without credentials full Chrome would ask somebody for them.
      await page.evaluate(() => void fetch('/guarded').catch(() => {}));
      await until(() => site.count('/guarded') > before, 'it asks', 20_000);
      return site.asked.findLast(({ pathname }) => pathname === '/guarded').authorization ? 'sent' : null;
    },
  },
  permissions: {
    leave: (page, { url }) => page.browserContext().overridePermissions(url, ['geolocation']),
    look: (page) => page.evaluate(async () => (await navigator.permissions.query({ name: 'geolocation' })).state === 'granted' ? 'granted' : null),
  },
  'connections that are kept': {
    leave: (page) => page.evaluate(() => fetch('/again').then((response) => response.text()).then(() => {})),
    look: async (page, site) => {
      const before = new Set(site.asked.filter(({ pathname }) => pathname === '/again').map(({ port }) => port));
      await page.evaluate(() => fetch('/again').then((response) => response.text()));
      return before.has(site.asked.findLast(({ pathname }) => pathname === '/again').port) ? 'the same' : null;
    },
  },
  'blob: URLs': {
    leave: (page) => page.evaluate(() => void (globalThis.name = `blob ${URL.createObjectURL(new Blob(['a']))}`)),
    look: async (page, _, left) => page.evaluate((url) => fetch(url).then((response) => response.text(), () => null), left.split(' ')[1]),
    of: (page) => page.evaluate(() => globalThis.name),
  },
  'the session history': {
    ofPage: true,
    leave: (page) => page.evaluate(() => history.replaceState('a', '')),
    look: (page) => page.evaluate(() => history.state),
  },
  'use of the storage quota': {
    leave: (page) => page.evaluate(async () => {
      await (await caches.open('large')).put('/large', new Response(new Uint8Array(3_000_000)));
    }),
    look: (page) => page.evaluate(async () => ((await navigator.storage.estimate()).usage > 1_000_000 ? 'used' : null)),
  },
};

chromeModule('what tenants share', (kit, test) => {
  let site;
  const on = async (lease) => {
    await lease.page.goto(`${site.url}/page`);
    return lease.page;
  };
  const withSite = (run) => async (assert) => {
    site = await startSite();
    try {
      await run(assert);
    } finally {
      await site.stop();
    }
  };

  for (const [name, { leave, look, of, ofPage }] of Object.entries(KEPT_APART)) {
    test(`${name}: a tenant’s own, until it is disposed of`, withSite(async (assert) => {
      const { pool } = kit().pool({ maxPages: 3 });
      const lease = await kit().take(pool, 'a');
      const page = await on(lease);
      const other = await on(await kit().take(pool, 'b'));
      await leave(page, site);
      const left = await of?.(page);
      assert.strictEqual(await look(other, site, left), null, 'another tenant does not find it');
      assert.notStrictEqual(await look(page, site, left), null, 'the tenant itself does');
      lease.release();
      const warm = await kit().take(pool, 'a');
      assert.strictEqual(warm.page, page, 'its next lease has the page');
      assert.notStrictEqual(await look(page, site, left), null, 'and still finds it');
      warm.release();
      await pool.disposeAffinity('a');
      const again = await on(await kit().take(pool, 'a'));
      assert.strictEqual(await look(again, site, left), null, `after its disposal it is gone${ofPage ? ', with the page' : ''}`);
    }));
  }

  test('channels, events of storage and shared names reach the tenant’s own pages alone', withSite(async (assert) => {
    const { pool } = kit().pool({ maxPages: 3 });
    const speaker = await on(await kit().take(pool, 'a'));
    const own = await on(await kit().take(pool, 'b'));
    // A page of the same tenant, in the same context.
    const sibling = await speaker.browserContext().newPage();
    await sibling.goto(`${site.url}/page`);
    const listen = (page) => page.evaluate(() => {
      globalThis.heard = [];
      new BroadcastChannel('mark').onmessage = () => globalThis.heard.push('channel');
      addEventListener('storage', () => globalThis.heard.push('storage'));
    });
    await Promise.all([listen(sibling), listen(own)]);
    await speaker.evaluate(() => {
      new BroadcastChannel('mark').postMessage('');
      localStorage.setItem('told', '1');
    });
    await sibling.waitForFunction(() => globalThis.heard.length === 2);
    assert.deepEqual(await own.evaluate(() => globalThis.heard), [], 'another tenant’s page hears nothing');
    assert.strictEqual(await own.evaluate(() => globalThis.open('', 'named') === null || globalThis.opener === null), true, 'nor has it an opener');
    await sibling.close();
  }));

  test('a renderer process is of one tenant, and the tab of a tenant that has two has one of its own', withSite(async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 4 });
    const leases = [await kit().take(pool, 'a'), await kit().take(pool, 'a', 'module'), await kit().take(pool, 'b'), await kit().take(pool, 'c')];
    const pids = [];
    for (const { page } of leases) {
      await page.goto(`${site.url}/page`);
      pids.push(await rendererOf(page));
    }
    assert.strictEqual(new Set(pids).size, 4, `four pages of one site, four renderers: ${pids}`);
    const { pid } = (await manager.getBrowser()).process();
    const kinds = processes().filter(({ group, command }) => group === pid && command.includes('--type=')).map(({ command }) => /--type=(\S+)/.exec(command)[1]);
    const helpers = kinds.filter((kind) => !['renderer', 'zygote'].includes(kind));
    assert.true(kinds.filter((kind) => kind === 'gpu-process').length <= 1, `one GPU process at most for all: ${helpers}`);
    assert.true(kinds.filter((kind) => kind === 'utility').length >= 1, `the network service is one for all: ${helpers}`);
  }));

  test('downloads go where nobody but the caller says', withSite(async (assert) => {
    const directory = fs.mkdtempSync(path.join(process.env.TMPDIR, 'downloads-'));
    const { pool } = kit().pool();
    const a = await on(await kit().take(pool, 'a'));
    const b = await on(await kit().take(pool, 'b'));
    const session = await a.createCDPSession();
    const { browserContextId } = (await session.send('Target.getTargetInfo')).targetInfo;
    const root = await a.browser().target().createCDPSession();
    await root.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: directory, browserContextId });
    const download = (page) => page.evaluate(() => {
      const link = document.createElement('a');
      Object.assign(link, { href: '/file', download: '' });
      document.body.append(link);
      link.click();
    });
    await download(b);
    await download(a);
    await until(() => fs.readdirSync(directory).includes('of-a.bin'), 'the tenant’s own comes', 20_000);
    assert.deepEqual(fs.readdirSync(directory), ['of-a.bin'], 'and no other tenant’s');
  }));

  test('a tab that moves takes along what its tenant has left', withSite(async (assert) => {
    const { pool, logs } = kit().pool({ maxPages: 1, disableStandbyRefill: true });
    const donor = await kit().take(pool, 'a');
    const page = await on(donor);
    await page.evaluate(() => {
      document.cookie = 'mark=a; path=/';
      localStorage.setItem('mark', 'a');
      globalThis.mark = 'a';
    });
    donor.release();
    const receiver = await kit().take(pool, 'b');
    assert.strictEqual(receiver.page, page, 'the page is the same');
    assert.deepEqual(await page.evaluate(() => [document.cookie, localStorage.getItem('mark'), globalThis.mark]), ['mark=a', 'a', 'a'], 'with all that is in it');
    assert.strictEqual(logs.find('warn', /\ba\b.*\bb\b/s).length, 1, 'and that is warned of');
  }));

  test('while both have leases the clipboard is one for all', withSite(async (assert) => {
    const { pool } = kit().pool();
    const a = await on(await kit().take(pool, 'a'));
    const b = await on(await kit().take(pool, 'b'));
    await b.browserContext().overridePermissions(site.url, ['clipboard-read']);
    await a.evaluate(() => {
      document.body.innerHTML = '<textarea>of a</textarea>';
      document.querySelector('textarea').select();
      document.execCommand('copy');
    });
    assert.strictEqual(await b.evaluate(() => navigator.clipboard.readText()), 'of a', 'the other’s page, granted, reads it');
  }));
});
