'use strict';
// Random programs over a page: what they are made of, and how one is run. A program is data, made of a seed alone,
// so that both sides run the same and a failure can be repeated.

const { random } = require('../helpers/wait.js');
const { describe } = require('./describe.js');

/** How long one call may take. A call that is still pending then is a hang, whichever the side. */
const CALL_MS = 10_000;

/**
 * What of a page's errors depends on when a call met the change that ended it. An element whose document went to the
 * back-forward cache is still there, and of another world than the page's.
 */
const GONE =
  /Execution context was destroyed|Cannot find context|detached|Session closed|Target closed|Page closed|Connection closed|ERR_ABORTED|Inspected target navigated|does not belong to the document|same JavaScript world|Protocol error .*(Target|Session|context|Could not|No resource|Not attached|Cannot find)|Waiting failed|JSHandle|closed|Request is already handled|Could not load/;

/** What of them depends on which document it met, what the page's own code throws included. */
const ABSENT = /No element found|failed to find element|Waiting for selector|Waiting failed|not clickable|not an Element|null|is not defined|History entry|^TypeError: no$/;

const pageBody = (n) => `<h1 id="h">page ${n}</h1><button id="b" onclick="globalThis.count = (globalThis.count ?? 0) + 1">b</button>
<input id="i"><ul>${'<li>item</li>'.repeat(n + 1)}</ul><div id="frames"></div>`;

/** The kinds of steps. `make` draws the parameters; `run` gets what it needs and answers with what it saw. */
const KINDS = {
  goto: {
    navigates: true,
    make: (rnd) => ({ to: rnd.below(9), until: rnd.pick(['load', 'domcontentloaded', 'networkidle0']) }),
    async run({ page, addresses }, { to, until }) {
      const response = await page.goto(addresses[to], { waitUntil: until });
      return [response?.status() ?? null, response?.url() ?? null];
    },
  },
  reload: { navigates: true, make: () => ({}), run: async ({ page }) => (await page.reload())?.status() ?? null },
  goBack: { navigates: true, make: () => ({}), run: async ({ page }) => (await page.goBack())?.url() ?? null },
  goForward: { navigates: true, make: () => ({}), run: async ({ page }) => (await page.goForward())?.url() ?? null },
  setContent: {
    navigates: true,
    make: (rnd) => ({ n: rnd.below(4) }),
    run: async ({ page }, { n }) => page.setContent(pageBody(n)),
  },
  evaluate: {
    make: (rnd) => ({ code: rnd.below(10) }),
    run: ({ page }, { code }) =>
      page.evaluate(
        [
          '6 * 7',
          'document.title',
          '({ a: [1, null, "ü"], b: undefined })',
          'Promise.resolve("later")',
          'new Promise((resolve) => setTimeout(resolve, 5, "timer"))',
          'null.x',
          'Promise.reject(new TypeError("no"))',
          'document.querySelectorAll("li").length',
          'document.documentElement.outerHTML.length > 0',
          'NaN',
        ][code],
      ),
  },
  read: {
    make: (rnd) => ({ what: rnd.pick(['title', 'url', 'content', 'frames', '$', '$$', '$eval', '$eval of nothing', 'viewport']) }),
    async run({ page }, { what }) {
      switch (what) {
        case 'title': return page.title();
        case 'url': return page.url();
        case 'content': return page.content();
        case 'frames': return page.frames().length;
        case '$': return (await page.$('#b')) !== null;
        case '$$': return (await page.$$('li')).length;
        case '$eval': return page.$eval('html', (element) => element.nodeName);
        case '$eval of nothing': return page.$eval('.nothing', (element) => element.nodeName);
        default: return page.viewport()?.width;
      }
    },
  },
  wait: {
    make: (rnd) => ({ what: rnd.below(5) }),
    async run({ page }, { what }) {
      switch (what) {
        case 0: return (await page.waitForSelector('html'))?.toString();
        case 1: return page.waitForSelector('.never', { timeout: 30 });
        case 2: return (await page.waitForFunction(() => document.readyState !== 'nothing')).jsonValue();
        case 3: return page.waitForFunction('false', { timeout: 30, polling: 10 });
        default: return page.waitForSelector('.never', { hidden: true, timeout: 5000 });
      }
    },
  },
  click: {
    make: () => ({}),
    async run({ page }) {
      await page.click('#b');
      return page.evaluate('typeof globalThis.count');
    },
  },
  type: {
    make: (rnd) => ({ text: rnd.pick(['a', 'Hello', '嗨', 'x\ny']) }),
    async run({ page }, { text }) {
      await page.$eval('#i', (input) => (input.value = ''));
      await page.type('#i', text);
      return page.$eval('#i', (input) => input.value);
    },
  },
  addFrame: {
    changesFrames: true,
    make: (rnd) => ({ to: rnd.pick(['blank', 'same', 'cross', 'srcdoc']) }),
    async run({ page, frames }, { to }) {
      await page.evaluate(
        (source, inline) =>
          new Promise((resolve) => {
            const frame = document.createElement('iframe');
            frame.onload = () => resolve();
            if (inline) frame.srcdoc = '<p>inline</p>';
            else frame.src = source;
            (document.body ?? document.documentElement).append(frame);
          }),
        frames[to] ?? '',
        to === 'srcdoc',
      );
      return page.frames().length;
    },
  },
  removeFrame: {
    changesFrames: true,
    make: () => ({}),
    run: ({ page }) => page.evaluate(() => document.querySelector('iframe')?.remove()),
  },
  inFrame: {
    make: (rnd) => ({ index: rnd.below(4), what: rnd.below(4) }),
    async run({ page }, { index, what }) {
      const frames = page.frames();
      const frame = frames[index % frames.length];
      switch (what) {
        case 0: return frame.evaluate('1 + 1');
        case 1: return (await frame.$$('p')).length;
        case 2: return frame.$eval('html', (element) => element.nodeName);
        default: return (await frame.waitForSelector('html'))?.toString();
      }
    },
  },
  gotoInFrame: {
    changesFrames: true,
    make: (rnd) => ({ to: rnd.pick(['same', 'cross', 'blank']) }),
    async run({ page, frames }, { to }) {
      const child = page.frames()[1];
      if (!child) return 'no child';
      return (await child.goto(frames[to]))?.status() ?? null;
    },
  },
  worker: {
    make: (rnd) => ({ keeps: rnd.chance(0.3) }),
    run: ({ page }, { keeps }) =>
      page.evaluate(
        (keep) =>
          new Promise((resolve, reject) => {
            const source = 'onmessage = async (event) => postMessage(event.data * 2 + await (await fetch("data:,1")).text())';
            const worker = new Worker(URL.createObjectURL(new Blob([source])));
            worker.onerror = () => reject(new Error('the worker failed'));
            worker.onmessage = (event) => {
              if (!keep) worker.terminate();
              resolve(event.data);
            };
            worker.postMessage(21);
          }),
        keeps,
      ),
  },
  intercepted: {
    alone: true,
    make: (rnd) => ({ kinds: [0, 0].map(() => rnd.pick(['respond', 'abort', 'continue'])) }),
    async run({ page, addresses }, { kinds }) {
      const seen = [];
      const handler = (request) => {
        const kind = new URL(request.url()).searchParams.get('verdict');
        if (kind) seen.push(`${request.method()} ${kind}`);
        const verdict =
          kind === 'respond'
            ? request.respond({ status: 201, contentType: 'text/plain', headers: { 'access-control-allow-origin': '*' }, body: 'mocked' })
            : kind === 'abort'
              ? request.abort('failed')
              : request.continue();
        verdict.catch(() => {});
      };
      page.on('request', handler);
      await page.setRequestInterception(true);
      try {
        const answers = [];
        for (const kind of kinds) {
          answers.push(
            await page.evaluate(
              (url) => fetch(url).then(async (answer) => [answer.status, await answer.text()], (error) => error.name),
              `${addresses[0]}&verdict=${kind}`,
            ),
          );
        }
        return [answers, seen];
      } finally {
        await page.setRequestInterception(false);
        page.off('request', handler);
      }
    },
  },
  handles: {
    make: (rnd) => ({ value: rnd.below(100) }),
    async run({ page }, { value }) {
      const handle = await page.evaluateHandle((n) => ({ n, list: [n] }), value);
      const property = await handle.getProperty('n');
      const copy = [await property.jsonValue(), await handle.evaluate((object) => object.list.length)];
      await handle.dispose();
      return copy;
    },
  },
  expose: {
    make: (rnd) => ({ n: rnd.below(1000) }),
    async run({ page, id }, { n }) {
      const name = `exposed${n}of${id}`;
      await page.exposeFunction(name, async (a, b) => a + b);
      return page.evaluate(`${name}(${n}, 1)`);
    },
  },
  viewport: {
    alone: true,
    make: (rnd) => ({ width: 300 + 10 * rnd.below(20) }),
    async run({ page }, { width }) {
      await page.setViewport({ width, height: 300 });
      return [page.viewport().width, await page.evaluate('innerWidth')];
    },
  },
  screenshot: {
    // Beside a navigation Chrome may not answer it at all.
    alone: true,
    make: () => ({}),
    run: async ({ page }) => Buffer.from(await page.screenshot({ clip: { x: 0, y: 0, width: 20, height: 10 } })).toString('latin1', 1, 4),
  },
  cookies: {
    make: (rnd) => ({ value: String(rnd.below(100)) }),
    async run({ page, addresses, id }, { value }) {
      const name = `random${id}`;
      await page.setCookie({ name, value, url: addresses[0] });
      const found = (await page.cookies(addresses[0])).filter((cookie) => cookie.name === name);
      return found.map((cookie) => [cookie.value, cookie.path, cookie.session]);
    },
  },
  dialog: {
    alone: true,
    make: (rnd) => ({ kind: rnd.pick(['alert', 'confirm', 'prompt']), accept: rnd.chance(0.5) }),
    async run({ page }, { kind, accept }) {
      const said = [];
      page.once('dialog', (dialog) => {
        said.push(dialog.type(), dialog.message());
        void (accept ? dialog.accept('text') : dialog.dismiss()).catch(() => {});
      });
      return [await page.evaluate((name) => globalThis[name]('asked'), kind), said];
    },
  },
  console: {
    alone: true,
    make: (rnd) => ({ n: rnd.below(5) }),
    async run({ page }, { n }) {
      const said = [];
      const listener = (message) => said.push(`${message.type()} ${message.text()}`);
      page.on('console', listener);
      await page.evaluate((count) => {
        for (let i = 0; i <= count; i++) console.log('said', i);
      }, n);
      page.off('console', listener);
      return said;
    },
  },
  session: {
    make: () => ({}),
    async run({ page }) {
      const session = await page.createCDPSession();
      const { result } = await session.send('Runtime.evaluate', { expression: '40 + 2' });
      await session.detach();
      return result.value;
    },
  },
};

const QUIET = Object.keys(KINDS).filter((name) => !KINDS[name].navigates && !KINDS[name].changesFrames && !KINDS[name].alone);
const CALM = ['evaluate', 'read', 'handles', 'session', 'worker', 'cookies'];
const ALONE = Object.keys(KINDS);
const NAVIGATIONS = Object.keys(KINDS).filter((name) => KINDS[name].navigates);

/**
 * The program of a seed: rounds of steps that run at the same time. A round is `exact` where nothing in it can get in
 * the way of anything else; in any other round a call may also end as a change of the page under it lets it.
 */
function programOf(seed) {
  const rnd = random(seed);
  const step = (name) => ({ name, ...KINDS[name].make(rnd) });
  const rounds = [{ exact: true, steps: [{ name: 'goto', to: rnd.below(4), until: 'load' }] }];
  const length = 4 + rnd.below(7);
  while (rounds.length < length) {
    const dice = rnd.next();
    if (dice < 0.5) rounds.push({ exact: true, steps: [step(rnd.pick(ALONE))] });
    else if (dice < 0.75) rounds.push({ exact: true, steps: Array.from({ length: 2 + rnd.below(4) }, () => step(rnd.pick(CALM))) });
    else {
      // One navigation, so that it is clear where the page ends up.
      const steps = Array.from({ length: 1 + rnd.below(4) }, () => step(rnd.pick(QUIET)));
      steps.splice(rnd.below(steps.length + 1), 0, step(rnd.pick([...NAVIGATIONS, 'addFrame', 'removeFrame'])));
      rounds.push({ exact: false, steps });
    }
  }
  const last = rnd.next();
  if (last < 0.3) rounds.push({ exact: false, closes: true, steps: Array.from({ length: 1 + rnd.below(4) }, () => step(rnd.pick(QUIET))) });
  return { seed, rounds };
}

async function bounded(promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CALL_MS, { hangs: true })));
  const settled = promise.then(
    (value) => ({ value }),
    (error) => ({ threw: error instanceof Error ? `${error.name}: ${error.message}` : describe(error) }),
  );
  const outcome = await Promise.race([settled, late]);
  clearTimeout(timer);
  return outcome;
}

/** Where the page is once nothing moves any more. */
async function rest(page) {
  const state = async () => {
    const frames = page.frames().map((frame) => frame.url());
    return [page.url(), frames.sort(), await page.evaluate('[document.readyState, document.querySelectorAll("*").length, document.title]')];
  };
  await bounded(page.waitForFunction('document.readyState === "complete"', { timeout: 5000 }));
  await bounded(page.waitForNetworkIdle({ idleTime: 50, timeout: 5000 }));
  return bounded(state());
}

/** Runs a program on a side; answers with a line for each call and for the state after each round. */
async function runProgram({ seed, rounds }, side) {
  const context = await side.browser.createBrowserContext();
  const page = await context.newPage();
  const { server } = side;
  const addresses = [
    server.html(pageBody(0), { title: 'zero' }),
    server.html(pageBody(1), { title: 'one' }),
    server.html(`${pageBody(2)}<iframe src="${server.url('/text')}"></iframe>`, { title: 'two' }),
    server.html(`${pageBody(3)}<iframe src="${server.html('<p>other</p>', {}, server.crossOrigin)}"></iframe>`, { title: 'three' }),
    server.url('/redirect', { n: 2, to: '/text?value=there' }),
    server.html('missing', { status: 404 }),
    'about:blank',
    'data:text/html,<title>data</title><p>data',
    server.html(pageBody(1), { title: 'elsewhere' }, server.crossOrigin),
  ];
  const frames = { blank: 'about:blank', same: server.html('<p>same</p>'), cross: server.html('<p>cross</p>', {}, server.crossOrigin) };
  const lines = [];
  page.setDefaultTimeout(5000);
  let id = 0;
  try {
    for (const round of rounds) {
      const calls = round.steps.map(async ({ name, ...parameters }) => {
        const given = { page, addresses, frames, id: `${seed}x${id++}` };
        return bounded((async () => KINDS[name].run(given, parameters))());
      });
      if (round.closes) calls.push(bounded(page.close()));
      const outcomes = await Promise.all(calls);
      outcomes.forEach((outcome, index) => {
        const { name = 'close' } = round.steps[index] ?? {};
        const gives = describe(outcome);
        const isRacy = !round.exact && !outcome.hangs;
        lines.push(`${name}: ${isRacy ? racy(name, outcome) : gives}`);
      });
      if (round.closes) lines.push(`closed: ${page.isClosed()}`);
      else lines.push(`then: ${describe(await rest(page))}`);
    }
  } finally {
    await bounded(context.close());
  }
  const named = Object.entries({ ...addresses, ...frames }).sort(([, a], [, b]) => b.length - a.length);
  return lines.map((line) => named.reduce((text, [name, url]) => text.replaceAll(url, `<${name}>`), line).replaceAll(String(server.port), 'PORT'));
}

/** What is left of an outcome that depends on timing: that it came, or an error that no change of a page explains. */
function racy(name, outcome) {
  if (!('threw' in outcome) || GONE.test(outcome.threw) || ABSENT.test(outcome.threw)) return 'came';
  return describe(outcome);
}

module.exports = { programOf, runProgram };
