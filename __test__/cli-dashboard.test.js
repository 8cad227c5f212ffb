'use strict';

// The dashboard of `pagepool serve`, opened and clicked through in a real Chrome by pagepool's own page.

const lib = require('..');
const { chromeTest } = require('./helpers/chrome.js');
const { eventually, serveModule } = require('./helpers/serve.js');
const { within } = require('./helpers/wait.js');

/** A name that a page would run, if it were ever taken for markup. */
const HOSTILE = '<img src=x onerror="globalThis.pwned = 1"><script>globalThis.pwned = 2</script>';

/** What the dashboard says, by the id of the element. */
const texts = (page, ids) => page.evaluate((list) => list.map((id) => document.getElementById(id)?.textContent.trim()), ids);

/** The texts of a table's rows. */
const cells = (page, id) => page.evaluate((body) => [...document.getElementById(body).rows].map((row) => [...row.cells].map((cell) => cell.textContent)), id);

serveModule('pagepool serve: the dashboard', (kit, hooks) => {
  let pool;
  /** Opens it, in a Chrome of this process; `page.faults` is what the page complained of, `page.asked` what it loaded. */
  const visit = async (run, prepare = () => {}) => {
    pool = await lib.createPool({ maxPages: 1, logger: () => ({ debug() {}, info() {}, warn() {}, error() {} }) });
    return pool.use('operator', async ({ page }) => {
      const [faults, asked] = [[], []];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => faults.push(message.text()));
      page.on('request', (request) => asked.push(request.url()));
      await prepare(page);
      await run(page, { faults, asked });
    });
  };
  const open = async (page, service) => {
    await page.goto(`${service.url}/dashboard`);
    await page.waitForFunction(() => document.querySelector('#status').textContent === 'live' && document.querySelector('#leases').textContent !== '–', { timeout: 20_000 });
  };
  hooks.afterEach(async () => {
    await pool?.closeAll();
    pool = undefined;
  });

  chromeTest('shows what /stats says, and a tenant\'s name as the text that it is', async (assert) => {
    const service = await kit.start(['--max-pages', '3']);
    const render = (affinity, path = '/') => service.ask('/render', { json: { url: kit.site.url + path, affinity } });
    await render('acme');
    await render('acme');
    await render(HOSTILE);
    const held = render('acme', '/gate');
    await within(kit.site.asked('/gate'), 'a render is under way', 30_000);
    await visit(async (page, { faults, asked }) => {
      await open(page, service);
      const { body: stats } = await eventually(async () => {
        const answer = await service.ask('/stats');
        return answer.body.standbys.making === 0 && answer;
      }, 'the pool has its standbys');
      await page.waitForFunction((ready) => document.querySelector('#n-ready').textContent === String(ready), { timeout: 20_000 }, stats.standbys.ready);
      assert.strictEqual(stats.leases, 1, `one is under way: ${JSON.stringify(stats)}`);
      const { warm, cold } = stats.totals.leases;
      assert.deepEqual([warm, cold], [2, 2], 'two tenants have had a new page');
      const shown = await texts(page, ['leases', 'standbys', 'tenants', 'warm', 'warm-more', 'n-leased', 'n-idle', 'n-ready', 'waiting']);
      assert.deepEqual(shown, [
        `${stats.leases} / ${stats.maxPages}`, `${stats.standbys.ready} / ${stats.standbys.wanted}`, '2', '50 %', '2 of 4 leases',
        String(stats.tabs.leased), String(stats.tabs.idle), String(stats.standbys.ready), '0',
      ], 'the figures');
      const [browser] = await texts(page, ['browser']);
      assert.strictEqual(browser, `${stats.browser.version}, pid ${stats.browser.pid}`, 'Chrome');
      assert.strictEqual((await service.ask('/healthz')).body.browser.pid, stats.browser.pid, 'and it is that one');

      const rows = await cells(page, 'rows');
      assert.deepEqual(rows, [['acme', '1', '1 file', '0', '0', 'busy'], [HOSTILE, '1', '–', '0', '0', 'idle']], 'the tenants, the busy one first');
      assert.deepEqual(await page.evaluate(() => [typeof globalThis.pwned, document.querySelectorAll('img').length]), ['undefined', 0], 'a name is text');
      const injected = await page.evaluate((html) => {
        const element = document.createElement('div');
        element.innerHTML = html;
        document.body.append(element);
        return new Promise((resolve) => {
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective), { once: true });
        });
      }, '<img src=data:, onerror="globalThis.pwned = 3">');
      assert.strictEqual(injected, 'script-src-attr', 'and if it were not, it would not run');
      assert.strictEqual(await page.evaluate(() => globalThis.pwned), undefined, 'it does not');

      assert.deepEqual([...new Set(asked.filter((url) => !url.startsWith('data:')).map((url) => new URL(url).pathname))], ['/dashboard', '/events'], 'it loads nothing else');
      assert.deepEqual(faults.filter((text) => !text.includes('Content Security Policy')), [], 'nothing is complained of');

      kit.site.open();
      assert.strictEqual((await held).status, 200, 'the render ends');
      await page.waitForFunction(() => document.querySelector('#n-leased').textContent === '0', { timeout: 20_000 });
      assert.deepEqual((await cells(page, 'rows'))[0].slice(2), ['–', '0', '0', 'idle'], 'and it shows without being loaded again');
    });
  });

  chromeTest('its tabs go by mouse and by keyboard, and a screen reader is told of them', async (assert) => {
    const service = await kit.start(['--max-pages', '2']);
    for (const affinity of ['b', 'a', HOSTILE]) await service.ask('/render', { json: { html: '<p>', affinity } });
    await visit(async (page, { faults }) => {
      await open(page, service);
      const visible = () => page.evaluate(() => [...document.querySelectorAll('[role=tabpanel]')].filter((panel) => panel.checkVisibility()).map(({ id }) => id));
      assert.deepEqual(await visible(), ['panel-tenants'], 'at first');
      await page.click('#tab-waits');
      assert.deepEqual(await visible(), ['panel-waits'], 'by a click');
      const { body: stats } = await service.ask('/stats');
      const [summary] = await texts(page, ['wait-total']);
      assert.true(summary.startsWith(`${stats.waits.total.count} leases: half `), summary);
      await page.keyboard.press('ArrowRight');
      assert.deepEqual(await visible(), ['panel-events'], 'by an arrow');
      const happened = await cells(page, 'events');
      assert.true(happened.some(([, type, tenant]) => type === 'lease' && tenant === HOSTILE), JSON.stringify(happened));
      await page.select('#types', 'release');
      const releases = await cells(page, 'events');
      assert.deepEqual(releases.map(([, type, tenant]) => [type, tenant]), [['release', HOSTILE], ['release', 'a'], ['release', 'b']], 'only those, the newest first');
      await page.click('#pause');
      await service.ask('/render', { json: { html: '<p>', affinity: 'a' } });
      await page.waitForFunction(() => /since/.test(document.querySelector('#missed').textContent), { timeout: 20_000 });
      assert.strictEqual((await cells(page, 'events')).length, 3, 'the list stands still');
      await page.click('#pause');
      assert.strictEqual((await cells(page, 'events')).length, 4, 'and goes on');
      await page.focus('#tab-events');
      await page.keyboard.press('End');
      assert.deepEqual(await visible(), ['panel-counts'], 'the last one');
      const counts = Object.fromEntries(await cells(page, 'counts'));
      const { totals } = (await service.ask('/stats')).body;
      assert.deepEqual(
        [counts['Leases on a warm page'], counts['Leases on a new page'], counts['Standbys made'], counts['Starts of Chrome']],
        [totals.leases.warm, totals.leases.cold, totals.standbys.made, totals.browserStarts].map(String), 'the counts of /stats',
      );
      await page.keyboard.press('Home');
      await page.type('#find', 'IMG SRC');
      assert.deepEqual((await cells(page, 'rows')).map(([name]) => name), [HOSTILE], 'one is found');
      await page.evaluate(() => {
        document.querySelector('#find').value = '';
        document.querySelector('#find').dispatchEvent(new Event('input'));
      });
      const names = async () => (await cells(page, 'rows')).map(([name]) => name);
      await page.click('[data-column=affinityKey] button');
      assert.deepEqual(await names(), [...await names()].sort(), 'by name');
      await page.click('[data-column=affinityKey] button');
      assert.deepEqual(await names(), [...await names()].sort().reverse(), 'and backwards');
      assert.strictEqual(await page.$eval('[data-column=affinityKey]', (header) => header.ariaSort), 'descending', 'and says so');

      const told = [];
      const collect = ({ role, name, selected, children = [] }) => {
        told.push([role, name, selected]);
        children.forEach(collect);
      };
      collect(await page.accessibility.snapshot());
      assert.deepEqual(told.filter(([role]) => role === 'tab'), [['tab', 'Tenants', true], ['tab', 'Waits', false], ['tab', 'Events', false], ['tab', 'Counts', false]], 'the tabs');
      assert.true(told.some(([role, name]) => role === 'searchbox' && name === 'Find'), 'the field has a name');
      assert.deepEqual(faults, [], 'nothing is complained of');
    });
  });

  chromeTest('it is light or dark as its reader has it, and narrow where that is', async (assert) => {
    const service = await kit.start(['--max-pages', '1']);
    await visit(async (page) => {
      await open(page, service);
      const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const seen = [];
      for (const value of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
        seen.push(Math.max(...(await background()).match(/\d+/g).map(Number)));
      }
      assert.true(seen[0] > 200 && seen[1] < 60, `the brightest part of each background: ${seen}`);
      await page.setViewport({ width: 360, height: 700 });
      assert.true(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing hangs out');
    });
  });

  chromeTest('with a token its reader is asked for it, and it says when the server stops', async (assert) => {
    const service = await kit.start(['--max-pages', '1'], { PAGEPOOL_TOKEN: 's3cret' });
    for (const path of ['/dashboard', '/events', '/stats']) {
      assert.strictEqual((await service.ask(path)).status, 401, `${path} is not for everybody`);
    }
    await visit(async (page) => {
      await open(page, service);
      service.run.child.kill('SIGTERM');
      await page.waitForFunction(() => document.querySelector('#status').textContent === 'the server is stopping', { timeout: 20_000 });
      await service.run.ended();
      assert.strictEqual(service.run.code, 0, 'somebody who watches holds nothing up');
    }, (page) => page.authenticate({ username: 'anybody', password: 's3cret' }));
  });

  chromeTest('a server that comes again is shown again', async (assert) => {
    const first = await kit.start(['--max-pages', '1']);
    const { port } = new URL(first.url);
    await visit(async (page) => {
      await open(page, first);
      first.run.child.kill('SIGTERM');
      await first.run.ended();
      const run = kit.run(['--max-pages', '2', '--port', port]);
      await run.says('stdout', /serves/);
      await page.waitForFunction(() => document.querySelector('#status').textContent === 'live' && document.querySelector('#leases').textContent === '0 / 2', { timeout: 30_000 });
      assert.true(true, 'it is live again');
    });
  });

  chromeTest('/events says what happens as it happens, and no more than is read', async (assert) => {
    const service = await kit.start(['--max-pages', '1']);
    const controller = new AbortController();
    const response = await fetch(`${service.url}/events`, { signal: controller.signal });
    assert.strictEqual(response.headers.get('content-type'), 'text/event-stream', 'server-sent events');
    let said = '';
    const reading = (async () => {
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) said += text;
    })().catch(() => {});
    await service.ask('/render', { json: { html: '<p>', affinity: 'acme' } });
    const told = await eventually(() => {
      const messages = said.split('\n\n').map((block) => ({ event: /^event: (.*)$/m.exec(block)?.[1], data: /^data: (.*)$/m.exec(block)?.[1] }));
      const events = messages.filter(({ event }) => event === 'events').flatMap(({ data }) => JSON.parse(data).events);
      return events.some(({ type }) => type === 'release') && { messages, events };
    }, 'the release is told of');
    assert.deepEqual(told.events.filter(({ type }) => /lease/.test(type)).map(({ type, affinityKey }) => [type, affinityKey]), [['lease', 'acme'], ['release', 'acme']], 'in their order');
    const { stats, version } = JSON.parse(told.messages.find(({ event }) => event === 'stats').data);
    assert.deepEqual([version, stats.maxPages], [require('../package.json').version, 1], 'the figures come first');
    assert.strictEqual(stats.waits.total.buckets.at(-1).le, '+Inf', 'JSON has no Infinity: as Prometheus writes it');
    controller.abort();
    await reading;
    assert.strictEqual((await service.ask('/', { })).headers.get('location'), '/dashboard', 'the way to the dashboard');
  });
});
