'use strict';

const { differential, scenario, once } = require('./harness.js');

/** Turns interception on and answers each request with what `handle` does. */
const intercept = async (page, handle) => {
  await page.setRequestInterception(true);
  page.on('request', (request) => void handle(request));
};

/** Intercepts those whose path has this in it, and lets the others go. */
const interceptOnly = (page, part, handle) =>
  intercept(page, (request) => (new URL(request.url()).pathname.includes(part) ? handle(request) : request.continue()));

differential('interception', [
  scenario('continue lets the page load', async ({ page, server, note }) => {
    await intercept(page, (request) => {
      note(request.method(), request.resourceType(), request.url());
      return request.continue();
    });
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('abort of the document', async ({ page, server }) => {
    await intercept(page, (request) => request.abort());
    return page.goto(server.url('/'));
  }),
  ...['aborted', 'accessdenied', 'addressunreachable', 'connectionrefused', 'connectionreset', 'failed', 'namenotresolved', 'timedout'].map(
    (code) =>
      scenario(`abort with ${code}`, async ({ page, server }) => {
        await intercept(page, (request) => request.abort(code));
        return page.goto(server.url('/'));
      }),
  ),
  scenario('abort with an unknown code', async ({ page, server, attempt, note }) => {
    await intercept(page, async (request) => {
      note('abort', await attempt(() => request.abort('nonsense')));
      await attempt(() => request.continue());
    });
    return attempt(page.goto(server.url('/'), { timeout: 5000 }));
  }),
  scenario('abort of a subresource', async ({ page, server }) => {
    await interceptOnly(page, 'style.css', (request) => request.abort());
    const [failed] = await Promise.all([
      once(page, 'requestfailed'),
      page.goto(server.html('<link rel="stylesheet" href="/style.css">')),
    ]);
    return [failed.url(), failed.failure(), failed.response()];
  }),
  scenario('continue with other headers', async ({ page, server }) => {
    await intercept(page, (request) => request.continue({ headers: { ...request.headers(), 'x-added': 'by hand' } }));
    return (await (await page.goto(server.url('/echo'))).json()).headers['x-added'];
  }),
  scenario('continue without a header', async ({ page, server }) => {
    await intercept(page, (request) => {
      const headers = { ...request.headers() };
      delete headers['upgrade-insecure-requests'];
      return request.continue({ headers });
    });
    const { headers } = await (await page.goto(server.url('/echo'))).json();
    return 'upgrade-insecure-requests' in headers;
  }),
  scenario('continue with another method and body', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await intercept(page, (request) => request.continue({ method: 'POST', postData: 'given' }));
    return page.evaluate(async () => {
      const { method, body } = await (await fetch('/echo')).json();
      return { method, body };
    });
  }),
  scenario('continue with another address is not a redirect', async ({ page, server }) => {
    await intercept(page, (request) => request.continue({ url: server.url('/text') }));
    const response = await page.goto(server.url('/'));
    return [response.url(), await response.text(), page.url()];
  }),
  scenario('continue with an unusable address', async ({ page, server, attempt, note }) => {
    await intercept(page, async (request) => {
      note(await attempt(() => request.continue({ url: 'not an address' })));
      if (!request.isInterceptResolutionHandled()) await attempt(() => request.abort());
    });
    return attempt(page.goto(server.url('/'), { timeout: 5000 }));
  }),
  scenario('respond with a body', async ({ page, server }) => {
    await intercept(page, (request) =>
      request.respond({ status: 201, headers: { 'X-Own': 'yes' }, contentType: 'text/html', body: '<title>made</title>' }),
    );
    const response = await page.goto(server.url('/'));
    return [response.status(), response.statusText(), response.headers(), await response.text(), await page.title(), server.requests];
  }),
  scenario('respond with nothing', async ({ page, server }) => {
    await intercept(page, (request) => request.respond({}));
    const response = await page.goto(server.url('/'));
    return [response.status(), response.headers(), await response.text()];
  }),
  scenario('respond with binary data', async ({ page, server }) => {
    await interceptOnly(page, 'missing', (request) =>
      request.respond({ contentType: 'application/octet-stream', body: Buffer.from([0, 255, 128]) }),
    );
    await page.goto(server.url('/'));
    return page.evaluate(async () => [...new Uint8Array(await (await fetch('/missing')).arrayBuffer())]);
  }),
  scenario('respond with text outside of ASCII', async ({ page, server }) => {
    await interceptOnly(page, 'missing', (request) =>
      request.respond({ contentType: 'text/plain; charset=utf-8', body: 'ü \u{1F600}' }),
    );
    await page.goto(server.url('/'));
    return page.evaluate(async () => (await fetch('/missing')).text());
  }),
  scenario('respond with a redirect', async ({ page, server }) => {
    await interceptOnly(page, 'missing', (request) =>
      request.respond({ status: 302, headers: { location: server.url('/text') } }),
    );
    const response = await page.goto(server.url('/missing'));
    return [response.url(), response.request().redirectChain().map((request) => request.url())];
  }),
  scenario('respond with several values of a header', async ({ page, server }) => {
    await intercept(page, (request) =>
      request.respond({ headers: { 'X-Many': ['one', 'two'], 'X-Number': 5 }, body: 'x' }),
    );
    const headers = (await page.goto(server.url('/'))).headers();
    return [headers['x-many'], headers['x-number']];
  }),
  scenario('respond with 404', async ({ page, server }) => {
    await intercept(page, (request) => request.respond({ status: 404, body: 'gone' }));
    const response = await page.goto(server.url('/'));
    return [response.status(), response.statusText(), response.ok()];
  }),
  scenario('redirects are intercepted one by one', async ({ page, server, note }) => {
    await intercept(page, (request) => {
      note(request.url(), request.redirectChain().length);
      return request.continue();
    });
    const response = await page.goto(server.url('/redirect', { n: 2 }));
    return response.request().redirectChain().length;
  }),
  scenario('a redirect may be aborted', async ({ page, server }) => {
    await intercept(page, (request) => (request.redirectChain().length ? request.abort() : request.continue()));
    return page.goto(server.url('/redirect'));
  }),
  scenario('post data is seen', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const seen = [];
    await intercept(page, (request) => {
      seen.push(request.method(), request.postData(), request.hasPostData());
      return request.continue();
    });
    await page.evaluate(async () => (await fetch('/echo', { method: 'POST', body: 'the body' })).text());
    return seen;
  }),
  scenario('handling twice rejects', async ({ page, server, attempt, note }) => {
    await intercept(page, async (request) => {
      await request.continue();
      note(await attempt(() => request.continue()));
      note(await attempt(() => request.abort()));
      note(await attempt(() => request.respond({})));
      note(request.isInterceptResolutionHandled());
    });
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('handling without interception rejects', async ({ page, server, attempt, note }) => {
    page.on('request', async (request) => note(await attempt(() => request.continue())));
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('turning interception off', async ({ page, server, note }) => {
    await intercept(page, (request) => {
      note(request.url());
      return request.continue().catch((error) => note(error.message));
    });
    await page.goto(server.url('/'));
    await page.setRequestInterception(false);
    await page.goto(server.url('/text'));
  }),
  scenario('turning it on twice does not intercept twice', async ({ page, server, note }) => {
    await page.setRequestInterception(true);
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      note(request.url());
      void request.continue();
    });
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('setRequestInterception answers nothing', ({ page }) => page.setRequestInterception(true)),
  scenario('a data address is not intercepted but seen', async ({ page, note }) => {
    await intercept(page, (request) => {
      note(request.url());
      return request.continue();
    });
    return (await page.goto('data:text/html,data'))?.status();
  }),
  scenario('an encoded address stays as it is', async ({ page, server, note }) => {
    await intercept(page, (request) => {
      note(request.url());
      return request.continue();
    });
    await page.goto(`${server.url('/text')}?value=a%20b#part`);
    return page.url();
  }),
  scenario('requests of a frame are intercepted', async ({ page, server, note }) => {
    await intercept(page, (request) => {
      if (request.url().includes('text')) note(request.url(), request.frame() === page.mainFrame(), request.isNavigationRequest());
      return request.continue();
    });
    await page.goto(server.html('<iframe src="/text?value=in"></iframe>'));
  }),
  scenario('a request waits until it is handled', async ({ page, server, note }) => {
    let held;
    let see;
    const seen = new Promise((resolve) => (see = resolve));
    await interceptOnly(page, 'pixel', (request) => {
      held = request;
      see();
    });
    const loaded = page.goto(server.html('<img src="/pixel.png">')).then(() => note('loaded'));
    await seen;
    note('held', held.isInterceptResolutionHandled());
    await held.continue();
    await loaded;
  }),
  scenario('cooperative: the highest priority wins', async ({ page, server }) => {
    await page.setRequestInterception(true);
    page.on('request', (request) => void request.continue({}, 0));
    page.on('request', (request) => void request.respond({ status: 202, body: 'won' }, 1));
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('cooperative: abort goes before respond of the same priority', async ({ page, server, attempt }) => {
    await page.setRequestInterception(true);
    page.on('request', (request) => void request.respond({ body: 'x' }, 0));
    page.on('request', (request) => void request.abort('failed', 0));
    return attempt(page.goto(server.url('/')));
  }),
  scenario('cooperative: the state shows who leads', async ({ page, server, note }) => {
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      note(request.interceptResolutionState());
      void request.continue({}, 3);
      note(request.interceptResolutionState());
    });
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('cooperative: a listener may vote after an await', async ({ page, server, note }) => {
    await page.setRequestInterception(true);
    page.on('request', async (request) => {
      await new Promise((resolve) => setImmediate(resolve));
      note('late vote');
      await request.respond({ status: 202, body: 'late' }, 2);
    });
    page.on('request', (request) => {
      note('next');
      void request.continue({}, 1);
    });
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('cooperative: of equal votes the latest overrides are sent', async ({ page, server }) => {
    await page.setRequestInterception(true);
    page.on('request', (request) => void request.continue({ headers: { 'x-vote': 'first' } }, 1));
    page.on('request', (request) => void request.continue({ headers: { 'x-vote': 'second' } }, 1));
    return (await (await page.goto(server.url('/echo'))).json()).headers['x-vote'];
  }),
  scenario('cooperative: the votes can be read', async ({ page, server, note }) => {
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      note(request.continueRequestOverrides(), request.responseForRequest(), request.abortErrorReason());
      void request.continue({ method: 'GET' }, 1);
      void request.respond({ status: 202, body: 'x' }, 2);
      note(request.continueRequestOverrides(), request.responseForRequest(), request.interceptResolutionState());
    });
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('listeners run one after the other without interception too', async ({ page, server, note }) => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    page.on('request', async () => {
      note('first');
      await held;
    });
    const heard = new Promise((resolve) => page.on('request', resolve)).then(() => note('second'));
    await page.goto(server.url('/'));
    note('loaded');
    release();
    await heard;
  }),
  scenario('cooperative: async handlers are awaited', async ({ page, server, note }) => {
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      request.enqueueInterceptAction(async () => note('enqueued'));
      void request.continue({}, 0);
    });
    return (await page.goto(server.url('/'))).status();
  }),
  scenario('authenticate answers a challenge', async ({ page, server }) => {
    await page.authenticate({ username: 'user', password: 'secret' });
    const response = await page.goto(server.url('/auth'));
    return [response.status(), await page.title()];
  }, { ownContext: true }),
  scenario('authenticate with the wrong password', async ({ page, server }) => {
    await page.authenticate({ username: 'user', password: 'wrong' });
    return (await page.goto(server.url('/auth'))).status();
  }, { ownContext: true }),
  scenario('authenticate with null', async ({ page, server }) => {
    await page.authenticate({ username: 'user', password: 'secret' });
    const first = (await page.goto(server.url('/auth'))).status();
    await page.authenticate(null);
    return first;
  }, { ownContext: true }),
  scenario('authenticate together with interception', async ({ page, server }) => {
    await page.authenticate({ username: 'user', password: 'secret' });
    await intercept(page, (request) => request.continue());
    return (await page.goto(server.url('/auth'))).status();
  }, { ownContext: true }),
]);
