'use strict';
// Pages that replace or remove what scripts build on: what is asked of them must not depend on it.

const { differential, scenario } = require('./harness.js');

/** Scripts of a page, by what they spoil. */
const SPOILERS = {
  'without Node, Event and MutationObserver': () => {
    for (const name of ['Node', 'Element', 'HTMLElement', 'Event', 'MutationObserver']) delete globalThis[name];
  },
  'with an Event of its own': () => {
    globalThis.Event = class {
      constructor() {
        throw new Error('not that Event');
      }
    };
  },
  'whose arrays and maps do nothing': () => {
    Array.prototype.map = () => [];
    Array.prototype.flatMap = () => [];
    Array.prototype.push = () => 0;
    globalThis.Map = class {};
    globalThis.Set = class {};
  },
  'whose document finds nothing': () => {
    document.querySelector = () => null;
    document.querySelectorAll = () => [];
    Document.prototype.querySelector = () => null;
    Document.prototype.querySelectorAll = () => [];
  },
};

const BODY = `<button onclick="this.dataset.clicked = 1">press</button>
  <input><select><option value="a">A</option><option value="b">B</option></select><p>one</p><p>two</p>`;

differential(
  'hostile globals',
  Object.entries(SPOILERS).flatMap(([what, spoil]) => {
    const on = (name, run, right) =>
      scenario(
        `${name} on a page ${what}`,
        async (given) => {
          await given.page.evaluate(spoil);
          return run(given);
        },
        { body: BODY, right },
      );
    return [
      on(
        'title and content',
        async ({ page }) => {
          await page.evaluate(() => void (document.title = 'spoiled'));
          return [await page.title(), (await page.content()).includes('<p>two</p>')];
        },
        ['spoiled', true],
      ),
      on('$', async ({ page }) => (await page.$('p')).evaluate((p) => p.textContent), 'one'),
      on('$$', async ({ page }) => (await page.$$('p')).length, 2),
      on('$eval', ({ page }) => page.$eval('p', (p, more) => p.textContent + more, '!'), 'one!'),
      on('$$eval', ({ page }) => page.$$eval('p', (all, more) => all.length + more, 5), 7),
      on('a selector by text', async ({ page }) => (await page.$('text/two')).evaluate((p) => p.nodeName), 'P'),
      on(
        'a selector below an element',
        async ({ page }) => (await (await page.$('select')).$$('option')).length,
        2,
      ),
      on(
        'click by selector',
        async ({ page }) => {
          await page.click('button');
          return page.$eval('button', (button) => button.dataset.clicked);
        },
        '1',
      ),
      on(
        'type by selector',
        async ({ page }) => {
          await page.type('input', 'typed');
          return page.$eval('input', (input) => input.value);
        },
        'typed',
      ),
      on('select by selector', ({ page }) => page.select('select', 'b'), ['b']),
      on(
        'waitForSelector',
        async ({ page }) => {
          const waiting = page.waitForSelector('#late');
          await page.evaluate(() => void (document.body.appendChild(document.createElement('i')).id = 'late'));
          return (await waiting).evaluate((i) => i.nodeName);
        },
        'I',
      ),
    ];
  }),
);

differential('hostile globals, handles', [
  scenario(
    'click and hover by handle without Node',
    async ({ page }) => {
      const button = await page.$('button');
      await page.evaluate(() => {
        delete globalThis.Node;
        delete globalThis.Element;
      });
      await button.hover();
      await button.click();
      return button.evaluate((element) => element.dataset.clicked);
    },
    { body: BODY, right: '1' },
  ),
  scenario(
    'select by handle with an Event of its own',
    async ({ page }) => {
      const select = await page.$('select');
      await page.evaluate(() => (globalThis.Event = null));
      return select.select('b');
    },
    { body: BODY, right: ['b'] },
  ),
]);
