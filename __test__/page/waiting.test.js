'use strict';

/* global source -- what the pages' own scripts define */

const { differential, scenario } = require('./harness.js');

differential('waiting', [
  scenario('waitForFunction gives a handle of the value', async ({ page }) => {
    const handle = await page.waitForFunction(() => ({ n: 5 }));
    return handle.jsonValue();
  }),
  scenario('waitForFunction takes a string', async ({ page }) => (await page.waitForFunction('1 + 1')).jsonValue()),
  scenario('waitForFunction takes arguments', async ({ page }) =>
    (await page.waitForFunction((a, b) => a + b, {}, 2, 3)).jsonValue(),
  ),
  scenario('waitForFunction takes a handle as argument', async ({ page }) => {
    const body = await page.$('body');
    return (await page.waitForFunction((element) => element.nodeName, {}, body)).jsonValue();
  }),
  scenario('waitForFunction waits for an async function', async ({ page }) =>
    (await page.waitForFunction(async () => 'async')).jsonValue(),
  ),
  ...[['raf', 'raf'], ['mutation', 'mutation'], ['milliseconds', 10]].map(([name, polling]) =>
    scenario(`waitForFunction polls by ${name}`, async ({ page, note }) => {
      const waited = page.waitForFunction(() => document.body.dataset.ready, { polling }).then((handle) => {
        note('resolved');
        return handle.jsonValue();
      });
      await page.evaluate('1');
      note('set');
      await page.evaluate(() => void (document.body.dataset.ready = 'yes'));
      return waited;
    }),
  ),
  scenario('waitForFunction by mutation looks at once', async ({ page }) =>
    (await page.waitForFunction(() => 'already', { polling: 'mutation' })).jsonValue(),
  ),
  scenario('waitForFunction takes any word as polling', ({ page }) => page.waitForFunction(() => 1, { polling: 'often' })),
  scenario('waitForFunction refuses negative polling', ({ page }) => page.waitForFunction(() => 1, { polling: -10 })),
  scenario('waitForFunction times out', ({ page }) => page.waitForFunction(() => false, { timeout: 30 })),
  scenario('waitForFunction times out while polling by mutation', ({ page }) =>
    page.waitForFunction(() => false, { timeout: 30, polling: 'mutation' }),
  ),
  scenario('waitForFunction times out by setDefaultTimeout', ({ page }) => {
    page.setDefaultTimeout(31);
    return page.waitForFunction(() => false);
  }),
  scenario('waitForFunction with timeout 0 does not time out', async ({ page }) => {
    const waited = page.waitForFunction(() => globalThis.set, { timeout: 0 });
    await page.evaluate(() => void (globalThis.set = 'now'));
    return (await waited).jsonValue();
  }),
  scenario('waitForFunction times out when the predicate throws', ({ page }) =>
    page.waitForFunction(
      () => {
        throw new TypeError('within the predicate');
      },
      { timeout: 100 },
    ),
  ),
  scenario('waitForFunction names the cause', async ({ page }) => {
    const error = await page.waitForFunction('this is none').catch((caught) => caught);
    return error.cause;
  }),
  scenario('waitForFunction rejects with a syntax error', ({ page }) => page.waitForFunction('this is none')),
  scenario('waitForFunction rejects with the signal', async ({ page, attempt }) => {
    const controller = new AbortController();
    const pending = attempt(page.waitForFunction(() => false, { signal: controller.signal }));
    await page.evaluate('1');
    controller.abort(new Error('enough'));
    return pending;
  }),
  scenario('waitForFunction rejects with the signal\'s default reason', async ({ page, attempt }) => {
    const controller = new AbortController();
    const pending = attempt(page.waitForFunction(() => false, { signal: controller.signal }));
    await page.evaluate('1');
    controller.abort();
    return pending;
  }),
  scenario('waitForFunction goes on across a navigation', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const waited = page.waitForFunction(() => globalThis.arrived);
    await page.evaluate('1');
    await page.goto(server.html('<script>globalThis.arrived = "there"</script>'));
    return (await waited).jsonValue();
  }),
  scenario('waitForFunction goes on across a navigation to another site', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const waited = page.waitForFunction(() => globalThis.arrived);
    await page.evaluate('1');
    await page.goto(server.html('<script>globalThis.arrived = "elsewhere"</script>', {}, server.crossOrigin));
    return (await waited).jsonValue();
  }),
  scenario('waitForFunction rejects when the page closes', async ({ page, attempt }) => {
    const pending = attempt(page.waitForFunction(() => false));
    await page.evaluate('1');
    await page.close();
    const { threw } = await pending;
    return threw;
  }),
  scenario('waitForFunction resolves with a truthy element', async ({ page }) => {
    const handle = await page.waitForFunction(() => document.body);
    return handle.asElement() === handle;
  }),
  scenario('many waitForFunction at once', async ({ page }) => {
    const waited = Array.from({ length: 20 }, (_, n) => page.waitForFunction((k) => globalThis.go && k + 1, {}, n));
    await page.evaluate(() => void (globalThis.go = true));
    return Promise.all(waited.map(async (handle) => (await handle).jsonValue()));
  }),
  scenario('waitForFunction works in a page that replaces Node', async ({ page }) => {
    await page.evaluate(() => void (window.Node = null));
    return (await page.waitForFunction(() => 'fine')).jsonValue();
  }),

  scenario('waitForSelector finds what is there', async ({ page }) =>
    (await page.waitForSelector('p')).evaluate((p) => p.textContent), { body: '<p>here</p>' }),
  scenario('waitForSelector waits for what comes', async ({ page, note }) => {
    const waited = page.waitForSelector('#late').then(async (handle) => {
      note('resolved');
      return handle.evaluate((e) => e.nodeName);
    });
    await page.evaluate('1');
    note('add');
    await page.evaluate(() => void (document.body.innerHTML = '<b id="late"></b>'));
    return waited;
  }, { body: '' }),
  scenario('waitForSelector times out', ({ page }) => page.waitForSelector('.never', { timeout: 30 })),
  scenario('waitForSelector visible times out on what is hidden', ({ page }) =>
    page.waitForSelector('p', { visible: true, timeout: 60 }), { body: '<p style="display:none">x</p>' }),
  scenario('waitForSelector hidden times out on what is shown', ({ page }) =>
    page.waitForSelector('p', { hidden: true, timeout: 60 }), { body: '<p>x</p>' }),
  scenario('waitForSelector visible waits for it to be shown', async ({ page }) => {
    const waited = page.waitForSelector('p', { visible: true });
    await page.evaluate(() => void (document.querySelector('p').style.display = 'block'));
    return (await waited).evaluate((p) => p.textContent);
  }, { body: '<p style="display:none">x</p>' }),
  scenario('waitForSelector hidden resolves when it is removed', async ({ page }) => {
    const waited = page.waitForSelector('p', { hidden: true });
    await page.evaluate(() => document.querySelector('p').remove());
    return waited;
  }, { body: '<p>x</p>' }),
  scenario('waitForSelector hidden resolves with what is hidden', async ({ page }) => {
    const handle = await page.waitForSelector('p', { hidden: true });
    return handle && handle.evaluate((p) => p.textContent);
  }, { body: '<p style="visibility:hidden">x</p>' }),
  scenario('waitForSelector hidden of nothing is null', ({ page }) => page.waitForSelector('.none', { hidden: true })),
  scenario('waitForSelector refuses a wrong selector', ({ page }) => page.waitForSelector('p:::', { timeout: 500 })),
  scenario('waitForSelector goes on across a navigation', async ({ page, server }) => {
    const waited = page.waitForSelector('h1');
    await page.evaluate('1');
    await page.goto(server.url('/'));
    return (await waited).evaluate((h) => h.textContent);
  }),
  scenario('waitForSelector rejects with the signal', async ({ page, attempt }) => {
    const controller = new AbortController();
    const pending = attempt(page.waitForSelector('.never', { signal: controller.signal }));
    await page.evaluate('1');
    controller.abort(new Error('enough'));
    return pending;
  }),
  scenario('waitForSelector of an xpath', async ({ page }) =>
    (await page.waitForSelector('::-p-xpath(//p)')).evaluate((p) => p.textContent), { body: '<p>by path</p>' }),
  scenario('waitForSelector of text', async ({ page }) =>
    (await page.waitForSelector('::-p-text(by text)')).evaluate((p) => p.nodeName), { body: '<p>by text</p>' }),
  scenario('waitForSelector of an aria name', async ({ page }) => {
    const waited = page.waitForSelector('aria/Send', { visible: true });
    await page.evaluate(() => void (document.body.innerHTML = '<button>Send</button>'));
    return (await waited).evaluate((button) => button.nodeName);
  }, { body: '' }),
  scenario('waitForSelector of an aria name goes on across navigations', async ({ page, server }) => {
    const waited = page.waitForSelector('aria/Send');
    await page.goto(server.url('/text'));
    await page.goto(server.html('', {}, server.crossOrigin));
    await page.evaluate(() => {
      document.body.innerHTML = '<button id="late">Send</button>';
    });
    return (await waited).evaluate((button) => button.id);
  }),
  scenario('waitForSelector of an aria name that does not come', ({ page }) => page.waitForSelector('aria/Never', { timeout: 60 })),
  scenario('waitForSelector hidden of an aria name', ({ page }) => page.waitForSelector('aria/Never', { hidden: true })),
  scenario('waitForSelector of a pseudo-class', async ({ page }) => {
    const waited = page.waitForSelector('input:focus');
    await page.focus('input');
    return (await waited).evaluate((input) => input.id);
  }, { body: '<input id="i">' }),
  scenario('waitForSelector into a shadow root', async ({ page }) => {
    const waited = page.waitForSelector('div >>> i');
    await page.evaluate(() => {
      const host = document.createElement('div');
      host.attachShadow({ mode: 'open' }).innerHTML = '<i>deep</i>';
      document.body.append(host);
    });
    return (await waited).evaluate((i) => i.textContent);
  }, { body: '' }),
  scenario('waitForSelector on an element', async ({ page }) => {
    const outer = await page.$('div');
    const waited = outer.waitForSelector('i');
    await page.evaluate(() => void (document.querySelector('div').innerHTML = '<i>in</i>'));
    return (await waited).evaluate((i) => i.textContent);
  }, { body: '<i>out</i><div></div>' }),

  scenario('waitForRequest by address', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [request] = await Promise.all([
      page.waitForRequest(server.url('/text')),
      page.evaluate(() => void fetch('/text')),
    ]);
    return [request.url(), request.method(), request.resourceType()];
  }),
  scenario('waitForRequest by predicate', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [request] = await Promise.all([
      page.waitForRequest((candidate) => candidate.method() === 'POST'),
      page.evaluate(async () => {
        await fetch('/text');
        await fetch('/echo', { method: 'POST', body: 'b' });
      }),
    ]);
    return [request.url(), request.postData()];
  }),
  scenario('waitForRequest by async predicate', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [request] = await Promise.all([
      page.waitForRequest(async (candidate) => candidate.url().includes('json')),
      page.evaluate(async () => (await fetch('/json')).text()),
    ]);
    return request.url();
  }),
  scenario('waitForRequest times out', ({ page }) => page.waitForRequest('http://never/', { timeout: 30 })),
  scenario('waitForRequest rejects with the signal', async ({ page, attempt }) => {
    const controller = new AbortController();
    const pending = attempt(page.waitForRequest('http://never/', { signal: controller.signal }));
    controller.abort(new Error('enough'));
    return pending;
  }),
  scenario('waitForRequest rejects when the page closes', async ({ page, attempt }) => {
    const pending = attempt(page.waitForRequest('http://never/'));
    await page.close();
    return pending;
  }),
  scenario('waitForResponse by address', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [response] = await Promise.all([
      page.waitForResponse(server.url('/json')),
      page.evaluate(async () => (await fetch('/json')).text()),
    ]);
    return [response.status(), await response.json()];
  }),
  scenario('waitForResponse by predicate', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [response] = await Promise.all([
      page.waitForResponse((candidate) => candidate.status() === 404),
      page.evaluate(async () => {
        await fetch('/text');
        await fetch('/missing');
      }),
    ]);
    return response.url();
  }),
  scenario('waitForResponse times out', ({ page }) => page.waitForResponse('http://never/', { timeout: 30 })),
  scenario('waitForResponse rejects when the page closes', async ({ page, attempt }) => {
    const pending = attempt(page.waitForResponse('http://never/'));
    await page.close();
    return pending;
  }),
  scenario('waitForNetworkIdle', async ({ page, server, note }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => void fetch('/text?gate=idle').then((r) => r.text()).then(() => (globalThis.done = true)));
    const idle = page.waitForNetworkIdle({ idleTime: 20 }).then(() => note('idle'));
    note('open');
    server.open('idle');
    await idle;
    return page.evaluate('done');
  }),
  scenario('waitForNetworkIdle with concurrency', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => void fetch('/text?gate=hang').catch(() => 0));
    return page.waitForNetworkIdle({ idleTime: 10, concurrency: 1 });
  }),
  scenario('waitForNetworkIdle times out', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => void fetch('/text?gate=hang').catch(() => 0));
    return page.waitForNetworkIdle({ idleTime: 10, timeout: 80 });
  }),
  scenario('waitForNetworkIdle rejects with the signal', async ({ page, attempt, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => void fetch('/text?gate=hang').catch(() => 0));
    const controller = new AbortController();
    const pending = attempt(page.waitForNetworkIdle({ signal: controller.signal }));
    controller.abort(new Error('enough'));
    return pending;
  }),
  scenario('waitForNetworkIdle does not wait for events of a stream', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate((url) => new Promise((resolve) => {
      globalThis.source = new EventSource(url);
      source.onmessage = ({ data }) => resolve(data);
    }), server.url('/stream', { type: 'text/event-stream', first: 'data: first\n\n', until: 'never' }));
    return page.waitForNetworkIdle({ idleTime: 20, timeout: 2000 });
  }),
  scenario('waitForNetworkIdle waits for an answer and not for its body', async ({ page, server, note }) => {
    await page.goto(server.url('/'));
    await page.evaluate((url) => void fetch(url).then(() => (globalThis.answered = true)), server.url('/stream', { gate: 'answer', first: 'some', until: 'never' }));
    const idle = page.waitForNetworkIdle({ idleTime: 20 }).then(() => note('idle'));
    note('open');
    server.open('answer');
    await idle;
    return page.evaluate('answered');
  }),
  scenario('waitForNetworkIdle when a page asks again and again', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate(async () => {
      const ask = () => fetch('/text').then((response) => response.text());
      await ask();
      setInterval(ask, 20);
    });
    return page.waitForNetworkIdle({ idleTime: 1000, timeout: 1500 });
  }),
  scenario('waitForNetworkIdle after leaving a document with a request', async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => void fetch('/text?gate=hang').catch(() => 0));
    await page.goto(server.url('/text'));
    return attempt(page.waitForNetworkIdle({ idleTime: 10, timeout: 500 }));
  }),
  scenario('waitForNetworkIdle after a crash with a request', async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => void fetch('/text?gate=hang').catch(() => 0));
    const crashed = new Promise((resolve) => page.once('error', resolve));
    void page.goto('chrome://crash').catch(() => 0);
    await crashed;
    await page.goto(server.url('/'));
    return attempt(page.waitForNetworkIdle({ idleTime: 10, timeout: 500 }));
  }, { ownContext: true }),
  scenario('waitForFrame by address', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [frame] = await Promise.all([
      page.waitForFrame(server.url('/text')),
      page.evaluate(() => {
        const iframe = document.createElement('iframe');
        iframe.src = '/text';
        document.body.append(iframe);
      }),
    ]);
    return frame.url();
  }),
]);
