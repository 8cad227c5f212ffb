'use strict';

const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { differential, scenario, once } = require('./harness.js');

const attribute = (url) => url.replace(/&/g, '&amp;').replace(/"/g, '&quot;');
const iframe = (url, rest = '') => `<iframe ${rest} src="${attribute(url)}"></iframe>`;

/** A page with a frame of its own site named `near` and one of another site named `far`. */
const both = (server) =>
  server.html(
    iframe(server.html('<p>near</p>', { title: 'Near' }), 'name="near"') +
      iframe(server.html('<p>far</p>', { title: 'Far' }, server.crossOrigin), 'name="far"'),
  );

const byName = (page, name) => page.frames().find((frame) => frame.name() === name);

const bodyOf = (frame) => frame.evaluate('document.body.innerText');

/**
 * A scenario with a frame that goes back to its parent's site. Full Chrome closes the frame's target before it tells
 * that the frame goes on in its parent's: puppeteer then takes the frame for gone, or not, as it comes. It stays.
 */
const movesBack = (name, run, right) => {
  const lost = /Target closed|Session closed|frame (was|got) detached|detached Frame/i;
  const tolerant = async (given) => {
    try {
      return await run(given);
    } catch (error) {
      if (given.side !== 'puppeteer' || !lost.test(error.message)) throw error;
      return right;
    }
  };
  return scenario(name, tolerant, { right });
};

differential('frames', [
  scenario('a page has its main frame', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const main = page.mainFrame();
    return [main.url(), main.name(), main.parentFrame(), main.childFrames(), page.frames().length, main === page.frames()[0]];
  }),
  scenario('the main frame stays the same across navigations', async ({ page, server }) => {
    const before = page.mainFrame();
    await page.goto(server.url('/'));
    await page.goto(server.url('/', {}, server.crossOrigin));
    return before === page.mainFrame();
  }),
  scenario('frames of both sites', async ({ page, server }) => {
    await page.goto(both(server));
    return page.frames().map((frame) => [frame.name(), frame.url()]);
  }),
  scenario('parents and children', async ({ page, server }) => {
    await page.goto(both(server));
    const main = page.mainFrame();
    return [main.childFrames().map((frame) => frame.name()), main.childFrames().every((frame) => frame.parentFrame() === main)];
  }),
  scenario('nested frames', async ({ page, server }) => {
    const inner = server.html('<p>inner</p>');
    await page.goto(server.html(iframe(server.html(iframe(inner, 'name="inner"')), 'name="outer"')));
    const frame = byName(page, 'inner');
    return [frame.parentFrame().name(), frame.parentFrame().parentFrame() === page.mainFrame(), await frame.evaluate('document.body.innerText')];
  }),
  ...['near', 'far'].flatMap((name) => [
    scenario(`evaluate in the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      return byName(page, name).evaluate((suffix) => document.title + suffix, '!');
    }),
    scenario(`$eval in the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      return byName(page, name).$eval('p', (p) => p.textContent);
    }),
    scenario(`title and content of the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const frame = byName(page, name);
      return [await frame.title(), await frame.content()];
    }),
    movesBack(
      `goto in the ${name} frame`,
      async ({ page, server }) => {
        await page.goto(both(server));
        const frame = byName(page, name);
        const response = await frame.goto(server.url('/text'));
        return [response.status(), response.frame() === frame, frame.url().endsWith('/text'), await bodyOf(frame)];
      },
      [200, true, true, 'plain text'],
    ),
    scenario(
      `boxModel and boundingBox in the ${name} frame`,
      async ({ page, server }) => {
        await page.goto(both(server));
        const frame = byName(page, name);
        await page.$eval(`[name=${name}]`, (holder) => {
          holder.style = 'position: absolute; left: 40px; top: 50px; border: 3px solid; padding: 4px';
        });
        await frame.$eval('p', (p) => {
          p.style = 'position: absolute; left: 5px; top: 6px; margin: 7px; width: 20px; height: 10px; border: 1px solid';
        });
        const p = await frame.$('p');
        const model = await p.boxModel();
        const box = await p.boundingBox();
        return [model.margin[0], model.border[0], model.content[2], model.width, model.height, box];
      },
      {
        right: [
          { x: 52, y: 63 },
          { x: 59, y: 70 },
          { x: 80, y: 81 },
          22,
          12,
          { x: 59, y: 70, width: 22, height: 12 },
        ],
      },
    ),
    scenario(`setContent in the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const frame = byName(page, name);
      await frame.setContent('<b>set</b>');
      return frame.$eval('b', (b) => b.textContent);
    }),
    scenario(`waitForSelector in the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const frame = byName(page, name);
      const waited = frame.waitForSelector('i');
      await frame.evaluate(() => void (document.body.innerHTML = '<i>came</i>'));
      return (await waited).evaluate((i) => i.textContent);
    }),
    scenario(`waitForFunction in the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const frame = byName(page, name);
      const waited = frame.waitForFunction(() => globalThis.set);
      await frame.evaluate(() => void (globalThis.set = 'set'));
      return (await waited).jsonValue();
    }),
    scenario(`click in the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const frame = byName(page, name);
      await frame.evaluate(() => document.addEventListener('click', (event) => (globalThis.clicked = event.target.nodeName)));
      await frame.click('p');
      return frame.evaluate('clicked');
    }),
    scenario(`detaching the ${name} frame`, async ({ page, server, attempt }) => {
      await page.goto(both(server));
      const frame = byName(page, name);
      const detached = once(page, 'framedetached');
      await page.evaluate((wanted) => document.querySelector(`[name=${wanted}]`).remove(), name);
      const event = await detached;
      return [event === frame, frame.detached, page.frames().length, await attempt(() => frame.evaluate('1'))];
    }),
    scenario(`contentFrame of the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const frame = await (await page.$(`[name=${name}]`)).contentFrame();
      return frame === byName(page, name);
    }),
    scenario(`frameElement of the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const element = await byName(page, name).frameElement();
      return element.evaluate((e) => [e.nodeName, e.name]);
    }),
    scenario(`console of the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const [message] = await Promise.all([once(page, 'console'), byName(page, name).evaluate(() => console.log('said', 1))]);
      return [message.type(), message.text()];
    }),
    scenario(`requests of the ${name} frame`, async ({ page, server }) => {
      await page.goto(both(server));
      const frame = byName(page, name);
      const [request] = await Promise.all([
        page.waitForRequest((candidate) => candidate.url().includes('json')),
        frame.evaluate(() => void fetch('/json').catch(() => 0)),
      ]);
      return [request.url(), request.frame() === frame];
    }),
  ]),
  movesBack(
    'a frame that navigates to another site stays the same frame',
    async ({ page, server }) => {
      await page.goto(server.html(iframe(server.url('/'), 'name="mover"')));
      const frame = byName(page, 'mover');
      await frame.goto(server.url('/text', {}, server.crossOrigin));
      const far = await bodyOf(frame);
      await frame.goto(server.url('/text'));
      return [far, await bodyOf(frame), byName(page, 'mover') === frame, page.frames().length];
    },
    ['plain text', 'plain text', true, 2],
  ),
  scenario('waitForNavigation of a frame', async ({ page, server }) => {
    await page.goto(both(server));
    const frame = byName(page, 'near');
    const [response] = await Promise.all([frame.waitForNavigation(), frame.evaluate(() => void (location.href = '/text'))]);
    return [response.url(), frame.url()];
  }),
  scenario('an address change within a frame', async ({ page, server }) => {
    await page.goto(both(server));
    const frame = byName(page, 'near');
    const navigated = once(page, 'framenavigated');
    await frame.evaluate(() => history.pushState({}, '', '/pushed'));
    return [(await navigated) === frame, frame.url()];
  }),
  scenario('frames end with a navigation of the page', async ({ page, server, record }) => {
    await page.goto(both(server));
    const far = byName(page, 'far');
    record(page, { framedetached: () => undefined });
    await page.goto(server.url('/'));
    return [page.frames().length, far.detached];
  }),
  scenario('a frame from srcdoc', async ({ page, server }) => {
    await page.goto(server.html('<iframe srcdoc="<p>doc</p>"></iframe>'));
    const frame = page.frames()[1];
    return [frame.url(), await frame.evaluate('document.body.innerText')];
  }),
  scenario('a sandboxed frame without scripts', async ({ page, server }) => {
    await page.goto(server.html(iframe(server.html('<p>still</p>'), 'sandbox')));
    return page.frames()[1].evaluate(() => document.querySelector('p').textContent);
  }),
  scenario('frames have ids and a page', async ({ page, server }) => {
    await page.goto(both(server));
    return page.frames().map((frame) => [typeof frame._id, frame.page() === page]);
  }),
  scenario('addScriptTag with content', async ({ page }) => {
    const tag = await page.addScriptTag({ content: 'globalThis.added = 35' });
    return [tag.asElement() !== null, await page.evaluate('added')];
  }),
  scenario('addScriptTag with a path names the script after it', async ({ page }) => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'page-suite-'));
    try {
      const file = path.join(directory, 'added.js');
      writeFileSync(file, 'globalThis.place = () => new Error("here").stack.split("\\n")[1];');
      await page.addScriptTag({ path: file });
      return (await page.evaluate(() => globalThis.place())).replace(directory, 'DIRECTORY');
    } finally {
      rmSync(directory, { recursive: true });
    }
  }),
  scenario('waitForFrame of one that is there', async ({ page, server }) => {
    await page.goto(server.html('<iframe src="/text"></iframe>'));
    const frame = await page.waitForFrame((one) => one.url().endsWith('/text'), { timeout: 5000 });
    const again = await page.waitForFrame(frame.url(), { timeout: 5000 });
    return [frame === again, frame === page.frames()[1]];
  }),
  scenario('addScriptTag with an address', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.addScriptTag({ url: server.url('/script.js', { code: 'globalThis.added = 36' }) });
    return page.evaluate('added');
  }),
  scenario('addScriptTag with an address that fails', async ({ page, server }) => {
    await page.goto(server.url('/'));
    return page.addScriptTag({ url: server.url('/destroy') });
  }),
  scenario('addScriptTag as a module', async ({ page }) => {
    await page.addScriptTag({ content: 'globalThis.added = import.meta.url', type: 'module' });
    return (await page.waitForFunction('globalThis.added')).jsonValue();
  }),
  scenario('addScriptTag with nothing', ({ page }) => page.addScriptTag({})),
  scenario('addStyleTag with content', async ({ page }) => {
    await page.addStyleTag({ content: 'body { color: rgb(1, 2, 3) }' });
    return page.evaluate(() => getComputedStyle(document.body).color);
  }),
  scenario('addStyleTag with an address', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.addStyleTag({ url: server.url('/style.css') });
    return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  }),
  scenario('addStyleTag with nothing', ({ page }) => page.addStyleTag({})),
]);
