'use strict';

const { differential, scenario, throws } = require('./harness.js');

/** Where handlers are registered: the module is ours, the class is puppeteer's. */
const registry = (side) => (side === 'ours' ? require('../../index.js') : require('puppeteer-core').Puppeteer);

/** Runs with these handlers. Both sides of one name are registered apart. */
const handled = (name, handlers, run, options) =>
  scenario(name, async (given) => {
    const lib = registry(given.side);
    for (const [handler, functions] of Object.entries(handlers)) lib.registerCustomQueryHandler(handler, functions);
    try {
      return await run({ page: given.page, lib, attempt: given.attempt });
    } finally {
      lib.clearCustomQueryHandlers();
    }
  }, options);

const byId = { queryOne: (node, id) => node.querySelector(`#${id}`) };
const byClass = {
  queryOne: (node, name) => node.querySelector(`.${name}`),
  queryAll: (node, name) => node.querySelectorAll(`.${name}`),
};
const allOnly = { queryAll: (node, tag) => [...node.querySelectorAll(tag)].reverse() };
const BODY = '<div id=a class=x><p class=x id=b>one</p></div><p class=x id=c>two</p>';
const ids = (page, selector) => page.$$eval(selector, (nodes) => nodes.map((node) => node.id));

differential('query-handlers', [
  handled('queryOne', { id: byId }, async ({ page }) => [
    await page.$eval('id/b', (node) => node.textContent), await page.$('id/none'), await ids(page, 'id/b'), await page.$$('id/none'),
  ], { body: BODY, right: ['one', null, ['b'], []] }),
  handled('queryOne and queryAll', { class: byClass }, async ({ page }) => [
    await page.$eval('class/x', (node) => node.id), await ids(page, 'class/x'), await page.$eval('class=x', (node) => node.id),
  ], { body: BODY, right: ['a', ['a', 'b', 'c'], 'a'] }),
  handled('queryAll alone', { tag: allOnly }, async ({ page }) => [
    await page.$eval('tag/p', (node) => node.id), await ids(page, 'tag/p'),
  ], { body: BODY, right: ['c', ['c', 'b']] }),
  handled('below an element', { class: byClass }, async ({ page }) => {
    const div = await page.$('div');
    return [await div.$eval('class/x', (node) => node.id), (await div.$$('class/x')).length];
  }, { body: BODY, right: ['b', 1] }),
  handled('as a pseudo-element', { class: byClass }, async ({ page }) => [
    await ids(page, '::-p-class(x)'), await ids(page, 'div ::-p-class(x)'), await page.$eval('#a::-p-class(x)', (node) => node.id),
  ], { body: BODY, right: [['a', 'b', 'c'], ['b'], 'b'] }),
  handled('beside aria', { class: byClass }, ({ page }) => ids(page, '::-p-aria(press), ::-p-class(x)'), {
    body: `<button id=d>press</button>${BODY}`, right: ['d', 'a', 'b', 'c'],
  }),
  handled('waitForSelector', { class: byClass }, async ({ page }) => {
    const waiting = page.waitForSelector('class/late');
    await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<i class=late id=d></i>'));
    return (await waiting).evaluate((node) => node.id);
  }, { body: BODY, right: 'd' }),
  handled('waitForSelector below an element', { class: byClass }, async ({ page }) => {
    const handle = await (await page.$('div')).waitForSelector('class/x');
    return handle.evaluate((node) => node.id);
  }, { body: BODY, right: 'b' }),
  handled('names', { id: byId, class: byClass }, ({ lib }) => {
    const before = lib.customQueryHandlerNames();
    lib.unregisterCustomQueryHandler('id');
    const after = lib.customQueryHandlerNames();
    lib.clearCustomQueryHandlers();
    return [before, after, lib.customQueryHandlerNames()];
  }, { right: [['id', 'class'], ['class'], []] }),
  handled('one that was there is not taken twice', { id: byId }, ({ lib }) => lib.registerCustomQueryHandler('id', byId), {
    right: throws('Error: Cannot register over existing handler: id'),
  }),
  handled('a name has letters alone', {}, ({ lib }) => lib.registerCustomQueryHandler('an id', byId), {
    right: throws('Error: Custom query handler names may only contain [a-zA-Z]'),
  }),
  handled('a handler does something', {}, ({ lib }) => lib.registerCustomQueryHandler('id', {}), {
    right: throws('Error: At least one query method must be implemented.'),
  }),
  handled('one that is not there cannot be taken off', {}, ({ lib }) => lib.unregisterCustomQueryHandler('id'), {
    right: throws('Error: Cannot unregister unknown handler: id'),
  }),
  handled('a selector after the handler has gone', { id: byId }, async ({ page, lib, attempt }) => {
    lib.unregisterCustomQueryHandler('id');
    return typeof (await attempt(page.$('id/b'))).threw;
  }, { body: BODY, right: 'string' }),
]);
