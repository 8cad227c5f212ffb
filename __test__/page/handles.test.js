'use strict';

const { differential, scenario } = require('./harness.js');

/** A handle as text, which is what a log shows of it. */
const shown = (name, source) =>
  scenario(`shows ${name} as text`, async ({ page }) => (await page.evaluateHandle(source)).toString());

const LIST = '<ul id="list"><li class="item">one</li><li class="item">two</li><li>three</li></ul>';

differential('handles', [
  shown('a number', '1'),
  shown('a string', '"text"'),
  shown('undefined', 'undefined'),
  shown('null', 'null'),
  shown('a BigInt', '5n'),
  shown('NaN', 'NaN'),
  shown('minus zero', '-0'),
  shown('an object', '({})'),
  shown('an array', '[]'),
  shown('a function', '() => 1'),
  shown('a Map', 'new Map()'),
  shown('a Date', 'new Date(0)'),
  shown('an error', 'new Error("x")'),
  shown('a generator', '(function* () {})()'),
  shown('an element', 'document.body'),
  shown('the window', 'window'),
  shown('a proxy', 'new Proxy({}, {})'),
  shown('a typed array', 'new Uint8Array(2)'),
  shown('a class instance', 'new (class Foo {})()'),

  scenario('jsonValue gives the value', async ({ page }) =>
    (await page.evaluateHandle(() => ({ a: [1, { b: null }] }))).jsonValue(),
  ),
  scenario('jsonValue gives undefined', async ({ page }) => (await page.evaluateHandle('undefined')).jsonValue()),
  scenario('jsonValue gives minus zero', async ({ page }) => (await page.evaluateHandle('-0')).jsonValue()),
  scenario('jsonValue gives a BigInt', async ({ page }) => (await page.evaluateHandle('12n')).jsonValue()),
  scenario('jsonValue of a date', async ({ page }) => (await page.evaluateHandle('new Date(0)')).jsonValue()),
  scenario('jsonValue of a cycle', async ({ page }) =>
    (await page.evaluateHandle(() => {
      const cycle = {};
      cycle.cycle = cycle;
      return cycle;
    })).jsonValue(),
  ),
  scenario('jsonValue of the window', async ({ page }) => (await page.evaluateHandle('window')).jsonValue()),
  scenario('jsonValue of an element', async ({ page }) => (await page.$('h1')).jsonValue(), { body: '<h1>t</h1>' }),
  scenario('evaluate passes the object first', async ({ page }) => {
    const handle = await page.evaluateHandle(() => ({ a: 1 }));
    return handle.evaluate((object, more) => object.a + more, 2);
  }),
  scenario('evaluateHandle gives another handle', async ({ page }) => {
    const handle = await page.evaluateHandle(() => ({ inner: { n: 5 } }));
    return (await handle.evaluateHandle((object) => object.inner)).jsonValue();
  }),
  scenario('a handle as an argument is the same object', async ({ page }) => {
    const handle = await page.evaluateHandle(() => (globalThis.kept = {}));
    return page.evaluate((given) => given === globalThis.kept, handle);
  }),
  scenario('several handles as arguments', async ({ page }) => {
    const a = await page.evaluateHandle(() => ({ n: 1 }));
    const b = await page.evaluateHandle(() => 2);
    return page.evaluate((x, y, z) => x.n + y + z, a, b, 3);
  }),
  scenario('a primitive handle as an argument', async ({ page }) => {
    const handle = await page.evaluateHandle(() => -0);
    return page.evaluate((given) => Object.is(given, -0), handle);
  }),
  scenario('a handle nested in an argument is refused', async ({ page }) => {
    const handle = await page.evaluateHandle(() => document.body);
    return page.evaluate((given) => given.handle.nodeName, { handle });
  }),
  scenario('getProperty gives a handle of it', async ({ page }) => {
    const handle = await page.evaluateHandle(() => ({ a: 1, b: { c: 2 } }));
    return (await handle.getProperty('b')).jsonValue();
  }),
  scenario('getProperty of what is not there', async ({ page }) => {
    const handle = await page.evaluateHandle(() => ({}));
    return (await handle.getProperty('missing')).jsonValue();
  }),
  scenario('getProperty follows the prototype', async ({ page }) => {
    const handle = await page.evaluateHandle(() => document.body);
    return (await handle.getProperty('nodeName')).jsonValue();
  }),
  scenario('getProperties gives own enumerable properties', async ({ page }) => {
    const handle = await page.evaluateHandle(() => Object.defineProperty({ a: 1, b: 'two' }, 'hidden', { value: 3 }));
    const properties = await handle.getProperties();
    const shownProperties = [];
    for (const [key, value] of properties) shownProperties.push([key, await value.jsonValue()]);
    return [properties instanceof Map, shownProperties];
  }),
  scenario('getProperties of an array', async ({ page }) => {
    const handle = await page.evaluateHandle(() => ['a', 'b']);
    return [...(await handle.getProperties()).keys()];
  }),
  scenario('asElement gives the element', async ({ page }) => {
    const handle = await page.evaluateHandle(() => document.body);
    return [handle.asElement() === handle, (await page.evaluateHandle('1')).asElement()];
  }),
  scenario('asElement of a text node', async ({ page }) => {
    const handle = await page.evaluateHandle(() => document.createTextNode('text'));
    return handle.asElement() === null;
  }),
  scenario('remoteObject shows the kind', async ({ page }) => {
    const { type, subtype, className } = (await page.evaluateHandle(() => [1])).remoteObject();
    return { type, subtype, className };
  }),
  scenario('dispose ends the handle', async ({ page, attempt }) => {
    const handle = await page.evaluateHandle(() => ({}));
    const before = handle.disposed;
    const answer = await handle.dispose();
    return [before, answer, handle.disposed, await attempt(handle.jsonValue()), await attempt(page.evaluate((x) => x, handle))];
  }),
  scenario('what is moved outlives the end of one block', async ({ page }) => {
    const seen = [];
    for (const expression of ['({})', 'document.body']) {
      for (const leave of [Symbol.dispose, Symbol.asyncDispose]) {
        const handle = await page.evaluateHandle(expression);
        seen.push(handle.move() === handle);
        for (let block = 0; block < 2; block++) {
          await handle[leave]();
          seen.push(handle.disposed);
        }
      }
      const handle = await page.evaluateHandle(expression);
      await handle.move().dispose();
      seen.push(handle.disposed);
    }
    return seen;
  }, { right: Array(2).fill([true, false, true, true, false, true, true]).flat() }),
  scenario('dispose twice', async ({ page }) => {
    const handle = await page.evaluateHandle(() => ({}));
    await handle.dispose();
    return handle.dispose();
  }),
  scenario('a handle of another page is refused', async ({ page, newPage }) => {
    const other = await newPage();
    const handle = await other.evaluateHandle(() => document.body);
    return page.evaluate((given) => given, handle);
  }),
  scenario('a handle dies with its document', async ({ page, server, attempt }) => {
    const handle = await page.evaluateHandle(() => ({ a: 1 }));
    await page.goto(server.url('/'));
    const { threw } = await attempt(handle.jsonValue());
    return threw;
  }),

  scenario('$ finds the first', async ({ page }) => (await page.$('.item')).evaluate((e) => e.textContent), { body: LIST }),
  scenario('$ of nothing is null', ({ page }) => page.$('.missing'), { body: LIST }),
  scenario('$ of a wrong selector rejects', ({ page }) => page.$('li:::'), { body: LIST }),
  scenario('$ of text', async ({ page }) => (await page.$('::-p-text(two)')).evaluate((e) => e.outerHTML), { body: LIST }),
  scenario('$ of an xpath', async ({ page }) => (await page.$('::-p-xpath(//li[3])')).evaluate((e) => e.textContent), {
    body: LIST,
  }),
  scenario('$ of an aria role', async ({ page }) => (await page.$('::-p-aria(Send it)')).evaluate((e) => e.id), {
    body: '<button id="b">Send it</button>',
  }),
  scenario('$ with the text/ prefix', async ({ page }) => (await page.$('text/three')).evaluate((e) => e.nodeName), { body: LIST }),
  scenario('$ pierces shadow roots with >>>', async ({ page }) => {
    await page.evaluate(() => {
      document.querySelector('#host').attachShadow({ mode: 'open' }).innerHTML = '<p>inside</p>';
    });
    return (await page.$('#host >>> p')).evaluate((e) => e.textContent);
  }, { body: '<div id="host"></div>' }),
  scenario('$$ finds all', async ({ page }) => {
    const items = await page.$$('.item');
    return Promise.all(items.map((item) => item.evaluate((e) => e.textContent)));
  }, { body: LIST }),
  scenario('$$ of nothing is empty', ({ page }) => page.$$('.missing'), { body: LIST }),
  scenario('$eval', ({ page }) => page.$eval('#list', (list, suffix) => list.id + suffix, '!'), { body: LIST }),
  scenario('$eval of nothing rejects', ({ page }) => page.$eval('.missing', (e) => e.id), { body: LIST }),
  scenario('$eval with an error of the page', ({ page }) =>
    page.$eval('#list', () => {
      throw new Error('inside');
    }), { body: LIST }),
  scenario('$$eval', ({ page }) => page.$$eval('li', (all, from) => all.slice(from).map((e) => e.textContent), 1), { body: LIST }),
  scenario('$$eval of nothing gets an empty list', ({ page }) => page.$$eval('.missing', (all) => all.length), { body: LIST }),
  scenario('an element searches within itself', async ({ page }) => {
    const list = await page.$('#list');
    return [
      await list.$eval('li', (e) => e.textContent),
      await list.$$eval('li', (all) => all.length),
      (await list.$$('.item')).length,
      await list.$('h1'),
    ];
  }, { body: `<li>outside</li>${LIST}` }),
  scenario('an element\'s boundingBox', async ({ page }) => (await page.$('div')).boundingBox(), {
    body: '<div style="position:absolute;left:10px;top:20px;width:30px;height:40px"></div>',
  }),
  scenario('boundingBox of what is not shown is null', async ({ page }) => (await page.$('div')).boundingBox(), {
    body: '<div style="display:none"></div>',
  }),
  scenario('an element\'s boxModel', async ({ page }) => (await page.$('div')).boxModel(), {
    body: '<div style="position:absolute;left:1px;top:2px;width:30px;height:40px;border:1px solid;padding:3px;margin:4px"></div>',
  }),
  scenario('isVisible and isHidden', async ({ page }) => {
    const [a, b] = await page.$$('p');
    return [await a.isVisible(), await a.isHidden(), await b.isVisible(), await b.isHidden()];
  }, { body: '<p>seen</p><p style="visibility:hidden">unseen</p>' }),
  scenario('isIntersectingViewport', async ({ page }) => {
    const [a, b] = await page.$$('p');
    return [await a.isIntersectingViewport(), await b.isIntersectingViewport()];
  }, { body: '<p>seen</p><p style="position:absolute;top:5000px">far</p>' }),
  scenario('contentFrame of an iframe', async ({ page, server }) => {
    await page.goto(server.html(`<iframe name="inner" src="${server.url('/')}"></iframe>`));
    const frame = await (await page.$('iframe')).contentFrame();
    return [frame.name(), frame.url(), frame === page.frames()[1]];
  }),
  scenario('contentFrame of another element is null', async ({ page }) => (await page.$('p')).contentFrame(), { body: '<p>x</p>' }),
  ...[
    ['CSS before text', 'ul ::-p-text(two)'],
    ['CSS after text', '::-p-text(two) + li'],
    ['a list', 'h1, #host >>> p, ::-p-text(three)'],
    ['a deep child', '#host >>>> p'],
    ['a deep class', '#host >>> .deep'],
    ['a combinator at the beginning', '>>> .deep'],
    ['a role', '::-p-aria([role="heading"])'],
    ['a name and a role', 'aria/Title[role="heading"]'],
    ['a role below an element', 'main ::-p-aria([role="listitem"])'],
    ['what is pierced', 'pierce/.deep'],
    ['an input by its value', 'text/typed'],
    ['nothing', '#host >>>> i'],
  ].map(([name, selector]) =>
    scenario(`$$ of ${name}`, async ({ page }) => {
      await page.evaluate(() => {
        document.querySelector('#host').attachShadow({ mode: 'open' }).innerHTML =
          '<p>shadow</p><div><p class="deep">deep</p></div>';
      });
      const found = await page.$$(selector);
      return Promise.all(found.map((element) => element.evaluate((e) => e.outerHTML.slice(0, 40))));
    }, { body: `<main><h1>Title</h1>${LIST}</main><div id="host"></div><input value="typed">` }),
  ),
  scenario('$$ of an unknown kind rejects', async ({ page, attempt }) =>
    (await attempt(page.$$('::-p-nothing(x)'))).threw.split('\n')[0], { body: LIST }),
  scenario('$ of an unknown aria attribute rejects', ({ page }) => page.$('aria/[level="1"]'), { body: LIST }),
  scenario('$eval and $$eval of a role', async ({ page }) => [
    await page.$eval('aria/[role="list"]', (list) => list.id),
    await page.$$eval('aria/[role="listitem"]', (items, more) => items.length + more, 1),
  ], { body: LIST }),
  scenario('$eval of no role rejects', ({ page }) => page.$eval('aria/[role="button"]', (e) => e.id), { body: LIST }),
  scenario('an element searches by role within itself', async ({ page }) => {
    const list = await page.$('#list');
    return (await list.$$('aria/[role="listitem"]')).length;
  }, { body: `<ul><li>outside</li></ul>${LIST}` }),
  scenario('toElement', async ({ page }) => {
    const list = await page.$('#list');
    return [(await list.toElement('ul')) === list, typeof (await list.backendNodeId())];
  }, { body: LIST }),
  scenario('toElement of another tag rejects', async ({ page }) => (await page.$('#list')).toElement('div'), { body: LIST }),
  scenario('queryObjects refuses a primitive', async ({ page }) => page.queryObjects(await page.evaluateHandle('1'))),
  scenario('queryObjects finds what has a prototype', async ({ page }) => {
    await page.evaluate(() => {
      class Special {}
      globalThis.Special = Special;
      globalThis.kept = [new Special(), new Special()];
    });
    const prototype = await page.evaluateHandle(() => globalThis.Special.prototype);
    const found = await page.queryObjects(prototype);
    return page.evaluate((list) => list.length, found);
  }),
]);
