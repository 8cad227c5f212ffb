'use strict';

/* global controller -- what the pages' own scripts define */

const { differential, scenario, once } = require('./harness.js');

/** What a console message shows. */
const message = (given) => [given.type(), given.text(), given.args().length];

/** The message of one console call. */
const logs = (name, body) =>
  scenario(`console: ${name}`, async ({ page }) => {
    const [given] = await Promise.all([once(page, 'console'), page.evaluate(body)]);
    return message(given);
  });

differential('events', [
  scenario('console and pageerror of a dedicated worker', async ({ page, note }) => {
    page.on('console', (given) => note(given.type(), given.text(), given.args().length));
    const failed = new Promise((resolve) => page.on('pageerror', (error) => {
      note('pageerror', error.message);
      resolve();
    }));
    const said = new Promise((resolve) => page.on('console', (given) => resolve(given)));
    await page.evaluate(() => {
      const code = 'console.log("from a worker", { seven: 7 }); setTimeout(() => { throw new Error("in a worker"); });';
      globalThis.worker = new Worker(URL.createObjectURL(new Blob([code])));
    });
    const [, object] = (await said).args();
    const value = await object.jsonValue();
    await failed;
    return value;
  }, { ownContext: true }),
  logs('log of a string', () => console.log('text')),
  logs('log of several values', () => console.log('a', 1, true, null, undefined)),
  scenario('console: log of nothing', async ({ page, record }) => {
    record(page, { console: message });
    const two = new Promise((resolve) => page.on('console', (given) => given.text() === 'something' && resolve()));
    await page.evaluate(() => {
      console.log();
      console.log('something');
    });
    await two;
  }),
  logs('log of an object', () => console.log({ a: 1 })),
  logs('log of an array', () => console.log([1, 'two', { three: 3 }])),
  logs('log of an error', () => console.log(new Error('logged').message)),
  logs('log of an element', () => console.log(document.body)),
  logs('log of a symbol', () => console.log(Symbol('s'))),
  logs('log of a BigInt', () => console.log(5n)),
  logs('log of special numbers', () => console.log(NaN, -0, Infinity, 1e21, 1e-7, 0.1)),
  logs('log of a function', () => console.log(function named() {})),
  logs('log of a date', () => console.log(new Date(0).getTime(), new Map([[1, 2]]), new Set([1]))),
  logs('log with a format', () => console.log('%s is %d', 'x', 5)),
  ...['debug', 'info', 'warn', 'error', 'dir', 'table', 'trace', 'group', 'groupCollapsed'].map((method) =>
    scenario(`console: ${method}`, async ({ page }) => {
      const [given] = await Promise.all([once(page, 'console'), page.evaluate((name) => console[name]('said'), method)]);
      return message(given);
    }),
  ),
  logs('assert that fails', () => console.assert(false, 'asserted')),
  logs('clear', () => console.clear()),
  logs('count', () => console.count('label')),
  scenario('console: timeEnd', async ({ page }) => {
    const [given] = await Promise.all([
      once(page, 'console'),
      page.evaluate(() => {
        console.time('t');
        console.timeEnd('t');
      }),
    ]);
    return [given.type(), given.text().replace(/[\d.e-]+/, 'N')];
  }),
  scenario('console: the arguments are handles', async ({ page }) => {
    const [given] = await Promise.all([once(page, 'console'), page.evaluate(() => console.log('a', { b: [1] }, 5n))]);
    return Promise.all(given.args().map((argument) => argument.jsonValue()));
  }),
  scenario('console: the place', async ({ page, server }) => {
    const code = server.url('/script.js', { code: '\n\nfunction inner() {\n  console.log("here");\n}\ninner();' });
    const [given] = await Promise.all([once(page, 'console'), page.goto(server.html(`<script src="${code}"></script>`))]);
    return [given.location(), given.stackTrace()];
  }),
  scenario('console: messages in order', async ({ page, record }) => {
    record(page, { console: (given) => given.text() });
    const last = new Promise((resolve) => page.on('console', (given) => given.text() === 'last' && resolve()));
    await page.evaluate(() => {
      for (let n = 0; n < 20; n++) console.log(n);
      console.log('last');
    });
    await last;
  }),
  scenario('console: a message before its evaluate resolves', async ({ page, note }) => {
    page.on('console', (given) => note('console', given.text()));
    await page.evaluate(() => console.log('first'));
    note('resolved');
    await page.evaluate('1');
  }),
  scenario('console: a failed resource is an error', async ({ page, server }) => {
    const [given] = await Promise.all([once(page, 'console'), page.goto(server.html('<img src="/status?code=404">'))]);
    return [message(given), given.location()];
  }),
  scenario('console: from a frame', async ({ page, server }) => {
    const inner = server.html('<script>console.log("inner")</script>');
    const [given] = await Promise.all([once(page, 'console'), page.goto(server.html(`<iframe src="${inner.replace(/"/g, '&quot;')}"></iframe>`))]);
    return message(given);
  }),
  scenario('console: the message of an old document cannot be read', async ({ page, server }) => {
    const [given] = await Promise.all([once(page, 'console'), page.evaluate(() => console.log({ a: 1 }))]);
    await page.goto(server.url('/'));
    return [given.text(), given.args().length];
  }),
  scenario('console: a removed listener hears nothing', async ({ page, note }) => {
    const listener = (given) => note(given.text());
    page.on('console', listener);
    await page.evaluate(() => console.log('one'));
    page.off('console', listener);
    await page.evaluate(() => console.log('two'));
    page.on('console', listener);
    await page.evaluate(() => console.log('three'));
    await page.evaluate('1');
  }),

  scenario('pageerror: an uncaught error', async ({ page, server }) => {
    const [error] = await Promise.all([
      once(page, 'pageerror'),
      page.goto(server.html('<script>throw new TypeError("uncaught")</script>')),
    ]);
    return [error instanceof Error, error.name, error.message, error.stack.split('\n')[0]];
  }),
  scenario('pageerror: the stack names the place', async ({ page, server }) => {
    const code = server.url('/script.js', { code: 'function thrower() {\n  throw new Error("placed");\n}\nthrower();' });
    const [error] = await Promise.all([once(page, 'pageerror'), page.goto(server.html(`<script src="${code}"></script>`))]);
    return error.stack;
  }),
  scenario('pageerror: a thrown string', async ({ page, server }) => {
    const [error] = await Promise.all([once(page, 'pageerror'), page.goto(server.html('<script>throw "text"</script>'))]);
    return error instanceof Error ? [error.name, error.message] : error;
  }),
  scenario('pageerror: a thrown null', async ({ page, server }) => {
    const [error] = await Promise.all([once(page, 'pageerror'), page.goto(server.html('<script>throw null</script>'))]);
    return error instanceof Error ? [error.name, error.message] : error;
  }),
  scenario('pageerror: a thrown object', async ({ page, server }) => {
    const [error] = await Promise.all([once(page, 'pageerror'), page.goto(server.html('<script>throw { a: 1 }</script>'))]);
    return error instanceof Error ? [error.name, error.message] : error;
  }),
  scenario('pageerror: an unhandled rejection', async ({ page, server }) => {
    const [error] = await Promise.all([
      once(page, 'pageerror'),
      page.goto(server.html('<script>Promise.reject(new Error("unhandled"))</script>')),
    ]);
    return [error.name, error.message];
  }),
  scenario('pageerror: a syntax error', async ({ page, server }) => {
    const [error] = await Promise.all([once(page, 'pageerror'), page.goto(server.html('<script>a b</script>'))]);
    return [error.name, error.message];
  }),

  scenario('dialog: alert', async ({ page, note }) => {
    page.on('dialog', (dialog) => {
      note(dialog.type(), dialog.message(), dialog.defaultValue());
      void dialog.accept();
    });
    return page.evaluate(() => alert('careful'));
  }),
  scenario('dialog: confirm accepted', async ({ page }) => {
    page.on('dialog', (dialog) => void dialog.accept());
    return page.evaluate(() => confirm('sure?'));
  }),
  scenario('dialog: confirm dismissed', async ({ page }) => {
    page.on('dialog', (dialog) => void dialog.dismiss());
    return page.evaluate(() => confirm('sure?'));
  }),
  scenario('dialog: prompt answered', async ({ page, note }) => {
    page.on('dialog', (dialog) => {
      note(dialog.type(), dialog.message(), dialog.defaultValue());
      void dialog.accept('answer');
    });
    return page.evaluate(() => prompt('name?', 'default'));
  }),
  scenario('dialog: prompt dismissed', async ({ page }) => {
    page.on('dialog', (dialog) => void dialog.dismiss());
    return page.evaluate(() => prompt('name?'));
  }),
  scenario('dialog: handled twice', async ({ page, attempt }) => {
    const second = new Promise((resolve) => {
      page.on('dialog', async (dialog) => {
        await dialog.accept();
        resolve(await attempt(dialog.accept()));
      });
    });
    await page.evaluate(() => alert('x'));
    return second;
  }),
  scenario('dialog: beforeunload', async ({ page, server, note }) => {
    await page.goto(server.html('<p>click</p><script>onbeforeunload = () => "stay?"</script>'));
    await page.click('p');
    page.on('dialog', (dialog) => {
      note(dialog.type(), dialog.message());
      void dialog.accept();
    });
    await page.goto(server.url('/'));
    return page.url();
  }),

  scenario('domcontentloaded before load', async ({ page, server, record }) => {
    record(page, { domcontentloaded: true, load: true });
    await page.goto(server.html('<img src="/pixel.png">'));
  }),
  scenario('framenavigated with the frame', async ({ page, server, record }) => {
    record(page, { framenavigated: (frame) => [frame.url(), frame === page.mainFrame()] });
    await page.goto(server.url('/'));
    await page.goto(`${server.url('/')}#hash`);
  }),
  scenario('who listens in the turn of a command hears all that comes of it', async ({ page, server, note }) => {
    const gone = page.goto(server.url('/text'));
    const until = Date.now() + 100;
    while (Date.now() < until);
    page.on('request', (request) => note('request', request.url()));
    page.on('framenavigated', (frame) => note('framenavigated', frame.url()));
    await gone;
  }),
  scenario('framenavigated comes before a goto within the document resolves', async ({ page, server }) => {
    let heard = 0;
    page.on('framenavigated', () => heard++);
    await page.goto(server.url('/'));
    const counts = [];
    for (let n = 0; n < 100; n++) {
      await page.goto(`${server.url('/')}#${n}`);
      counts.push(heard - n);
    }
    return [...new Set(counts)];
  }),
  scenario('frameattached, framenavigated, framedetached', async ({ page, server, record }) => {
    await page.goto(server.html('<div></div>'));
    record(page, {
      frameattached: (frame) => frame.url(),
      framenavigated: (frame) => frame.url(),
      framedetached: (frame) => frame.url(),
    });
    const navigated = once(page, 'framenavigated');
    await page.evaluate(() => void (document.querySelector('div').innerHTML = '<iframe src="/text"></iframe>'));
    await navigated;
    const detached = once(page, 'framedetached');
    await page.evaluate(() => void (document.querySelector('div').innerHTML = ''));
    await detached;
  }),
  scenario('request, response and requestfinished of a page with parts', async ({ page, server, note }) => {
    const parts = [];
    page.on('request', (request) => parts.push(`request ${request.resourceType()} ${request.url()}`));
    page.on('requestfinished', (request) => parts.push(`finished ${request.resourceType()} ${request.url()}`));
    page.on('response', (response) => parts.push(`response ${response.status()} ${response.url()}`));
    await page.goto(
      server.html('<link rel="stylesheet" href="/style.css"><script src="/script.js"></script><img src="/pixel.png">'),
      { waitUntil: 'networkidle0' },
    );
    for (const line of parts.filter((part) => part.includes('/html'))) note(line);
    return parts.sort();
  }),
  scenario('request order of one fetch', async ({ page, server, record, note }) => {
    await page.goto(server.url('/'));
    record(page, { request: (r) => r.url(), response: (r) => r.url(), requestfinished: (r) => r.url() });
    const finished = once(page, 'requestfinished');
    await page.evaluate(async () => (await fetch('/text')).text());
    await finished;
    note('done');
  }),
  scenario('events of a redirect', async ({ page, server, record }) => {
    record(page, {
      request: (r) => r.url(),
      response: (r) => `${r.status()} ${r.url()}`,
      requestfinished: (r) => r.url(),
      requestfailed: (r) => r.url(),
    });
    // All requests of a chain share what is known of it, which may be ahead of the events that are being told.
    const response = await page.goto(server.url('/redirect'));
    return response.request().redirectChain().map((r) => [r.url(), r.redirectChain().length]);
  }),
  scenario('requestfailed with its failure', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [request] = await Promise.all([
      once(page, 'requestfailed'),
      page.evaluate(() => fetch('/destroy').catch(() => 0)),
    ]);
    return [request.url(), request.failure(), request.response()];
  }),
  scenario('requestfailed of an aborted fetch', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const failed = once(page, 'requestfailed');
    await Promise.all([
      page.waitForRequest((request) => request.url().includes('gate')),
      page.evaluate(() => {
        globalThis.controller = new AbortController();
        fetch('/text?gate=never', { signal: controller.signal }).catch(() => 0);
      }),
    ]);
    await page.evaluate(() => controller.abort());
    return (await failed).failure();
  }),
  scenario('a request as it is sent', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [request] = await Promise.all([
      page.waitForRequest((candidate) => candidate.url().includes('echo')),
      // Held back: there is no answer yet for whoever asks.
      page.evaluate(() => void fetch('/echo?gate=held', { method: 'PUT', headers: { 'X-Own': 'yes' }, body: 'payload' })),
    ]);
    return [
      request.method(),
      request.headers()['x-own'],
      request.postData(),
      request.hasPostData(),
      request.resourceType(),
      request.isNavigationRequest(),
      request.frame() === page.mainFrame(),
      request.initiator().type,
      request.redirectChain(),
      request.failure(),
      request.response(),
    ];
  }),
  scenario('fetchPostData', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [request] = await Promise.all([
      page.waitForRequest((candidate) => candidate.url().includes('echo')),
      page.evaluate(async () => void (await fetch('/echo', { method: 'POST', body: 'posted' }))),
    ]);
    return request.fetchPostData();
  }),
  scenario('resource types', async ({ page, server }) => {
    const types = {};
    page.on('request', (request) => (types[new URL(request.url()).pathname] = request.resourceType()));
    await page.goto(
      server.html(`<link rel="stylesheet" href="/style.css"><script src="/script.js"></script><img src="/pixel.png">
        <iframe src="/"></iframe><script>fetch("/json").then((r) => r.text()); const x = new XMLHttpRequest(); x.open("GET", "/text"); x.send()</script>`),
      { waitUntil: 'networkidle0' },
    );
    return types;
  }),

  scenario('popup by window.open', async ({ page, server, note }) => {
    await page.goto(server.url('/'));
    const [popup] = await Promise.all([once(page, 'popup'), page.evaluate(() => void window.open('/text'))]);
    await popup.waitForSelector('body');
    const closed = once(popup, 'close');
    const facts = [popup.url(), (await popup.evaluate('!!opener')), popup.browserContext() === page.browserContext()];
    await popup.close();
    await closed;
    note('closed');
    return facts;
  }),
  scenario('popup by a link', async ({ page, server }) => {
    await page.goto(server.html('<a target="_blank" href="/text">go</a>'));
    const [popup] = await Promise.all([once(page, 'popup'), page.evaluate(() => document.querySelector('a').click())]);
    const facts = await popup.evaluate('!!opener');
    await popup.close();
    return facts;
  }),
  scenario('close once', async ({ page, note }) => {
    page.on('close', () => note('close'));
    const closed = once(page, 'close');
    await page.close();
    await closed;
    return page.isClosed();
  }),

  scenario('on returns the page', ({ page }) => {
    const listener = () => {};
    return [page.on('load', listener) === page, page.once('load', listener) === page, page.off('load', listener) === page];
  }),
  scenario('once hears one', async ({ page, note }) => {
    page.once('console', (given) => note(given.text()));
    await page.evaluate(() => console.log('one'));
    await page.evaluate(() => console.log('two'));
    await page.evaluate('1');
  }),
  scenario('several listeners in their order', async ({ page, note, server }) => {
    page.on('load', () => note('first'));
    page.once('load', () => note('second'));
    page.on('load', () => note('third'));
    await page.goto(server.url('/'));
    await page.evaluate('1');
  }),
  scenario('a listener added twice hears twice', async ({ page, note, server }) => {
    const listener = () => note('heard');
    page.on('load', listener);
    page.on('load', listener);
    await page.goto(server.url('/'));
    await page.evaluate('1');
  }),
  scenario('listenerCount', ({ page }) => {
    const counts = [page.listenerCount('console')];
    page.on('console', () => {});
    page.once('console', () => {});
    counts.push(page.listenerCount('console'), page.listenerCount('load'));
    page.removeAllListeners('console');
    counts.push(page.listenerCount('console'));
    return counts;
  }),
  scenario('removeAllListeners of one event', async ({ page, note, server }) => {
    page.on('load', () => note('load'));
    page.on('domcontentloaded', () => note('domcontentloaded'));
    page.removeAllListeners('load');
    await page.goto(server.url('/'));
    await page.evaluate('1');
  }),
  scenario('removeAllListeners of all', async ({ page, note }) => {
    page.on('console', () => note('console'));
    page.on('load', () => note('load'));
    const answer = page.removeAllListeners();
    await page.evaluate(() => console.log('unheard'));
    return [answer === page, page.listenerCount('console'), page.listenerCount('load')];
  }),
  scenario('emit calls the listeners', ({ page, note }) => {
    page.on('console', (given) => note('given', given));
    return [page.emit('console', 'made up'), page.emit('nobody')];
  }),
  scenario('a listener hears what its own turn has caused', async ({ page, server, note }) => {
    const loading = page.goto(server.html('<script>console.log("said")</script>'));
    // Chrome goes on meanwhile, and may be done before the listener is there.
    const until = performance.now() + 100;
    while (performance.now() < until);
    page.on('console', (given) => note(given.text()));
    page.on('load', () => note('load'));
    await loading;
    await page.evaluate('1');
  }),
  scenario('a dialog waits for a listener of the same turn', async ({ page, note }) => {
    const asked = page.evaluate(() => confirm('sure?'));
    const until = performance.now() + 50;
    while (performance.now() < until);
    page.on('dialog', (dialog) => {
      note(dialog.message());
      void dialog.accept();
    });
    return asked;
  }),
  scenario('a listener may take itself off', async ({ page, note, server }) => {
    const listener = () => {
      note('load');
      page.off('load', listener);
    };
    page.on('load', listener);
    await page.goto(server.url('/'));
    await page.goto(server.url('/text'));
  }),
  scenario('events of a page nobody listens to do not disturb it', async ({ page, server }) => {
    await page.goto(server.html('<script>for (let n = 0; n < 100; n++) console.log({ n })</script>'));
    return page.evaluate('document.readyState');
  }),
]);
