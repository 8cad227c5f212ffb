'use strict';

/* global events -- what the pages' own scripts define */

const { differential, scenario } = require('./harness.js');

/** A page with something to drag and a place to drop it; what happens is in `events`. */
const PAGE = `<style>body { margin: 0 } div { position: absolute; width: 80px; height: 60px }</style>
<div id="a" draggable="true" style="left:10px;top:10px">drag me</div>
<div id="z" style="left:200px;top:100px">here</div>
<p style="position:absolute;left:10px;top:200px">nothing to drag</p>
<script>
  globalThis.events = [];
  const at = (event) => Math.round(event.clientX) + ',' + Math.round(event.clientY);
  a.addEventListener('dragstart', (event) => {
    event.dataTransfer.setData('text/plain', 'payload');
    event.dataTransfer.setData('text/uri-list', 'http://host.test/');
    events.push('dragstart ' + at(event));
  });
  a.addEventListener('dragend', (event) => events.push('dragend'));
  for (const name of ['dragenter', 'dragover']) z.addEventListener(name, (event) => {
    event.preventDefault();
    const line = name + ' ' + at(event);
    if (!events.includes(line)) events.push(line);
  });
  z.addEventListener('drop', (event) => {
    event.preventDefault();
    events.push('drop ' + at(event) + ' ' + event.dataTransfer.getData('text/plain') + ' ' + event.dataTransfer.files.length);
  });
</script>`;

const drag = (name, run, options = {}) =>
  scenario(
    name,
    async (given) => {
      const answer = await run(given);
      return [answer, await given.page.evaluate('events')];
    },
    { body: PAGE, ...options },
  );

/** Chrome begins a drag after it has answered the move: a button that is let go before that drops nothing. */
const isOver = (page) => page.waitForFunction(() => events.some((event) => event.startsWith('dragover')));

const dropped = { x: 240, y: 130 };
const start = { x: 50, y: 40 };
const payload = { items: [{ mimeType: 'text/plain', data: 'given' }], dragOperationsMask: 1 };

differential('drag', [
  drag('by handles', async ({ page }) => {
    await (await page.$('#a')).drag(await page.$('#z'));
    await isOver(page);
    await (await page.$('#z')).drop(await page.$('#a'));
    await page.waitForFunction(() => events.includes('dragend'));
  }, { right: [undefined, ['dragstart 50,40', 'dragenter 240,130', 'dragover 240,130', 'drop 240,130 payload 0', 'dragend']] }),
  drag('to a point', async ({ page }) => {
    const answer = await (await page.$('#a')).drag(dropped);
    await isOver(page);
    await page.mouse.up();
    await page.waitForFunction(() => events.includes('dragend'));
    return answer;
  }),
  drag('by the mouse alone', async ({ page }) => {
    await page.mouse.move(start.x, start.y);
    await page.mouse.down();
    await page.mouse.move(dropped.x, dropped.y);
    await isOver(page);
    await page.mouse.up();
    await page.waitForFunction(() => events.includes('dragend'));
  }),
  drag('interception is off, on and off', async ({ page }) => {
    const states = [page.isDragInterceptionEnabled()];
    await page.setDragInterception(true);
    states.push(page.isDragInterceptionEnabled());
    await page.setDragInterception(false);
    return [...states, page.isDragInterceptionEnabled()];
  }, { right: [[false, true, false], []] }),
  drag('intercepted: what is dragged', async ({ page }) => {
    await page.setDragInterception(true);
    return page.mouse.drag(start, dropped);
  }, {
    right: [
      {
        dragOperationsMask: -1,
        items: [
          { mimeType: 'text/plain', data: 'payload' },
          { mimeType: 'text/uri-list', data: 'http://host.test/' },
        ],
      },
      ['dragstart 50,40'],
    ],
  }),
  drag('intercepted: step by step', async ({ page }) => {
    await page.setDragInterception(true);
    const data = await page.mouse.drag(start, dropped);
    await page.mouse.dragEnter(dropped, data);
    await page.mouse.dragOver(dropped, data);
    await page.mouse.drop(dropped, data);
    await page.mouse.up();
  }, { right: [undefined, ['dragstart 50,40', 'dragenter 240,130', 'dragover 240,130', 'drop 240,130 payload 0', 'dragend']] }),
  drag('intercepted: at once', async ({ page }) => {
    await page.setDragInterception(true);
    await page.mouse.dragAndDrop(start, dropped, { delay: 5 });
  }),
  drag('intercepted: by handles', async ({ page }) => {
    await page.setDragInterception(true);
    const [from, to] = [await page.$('#a'), await page.$('#z')];
    const data = await from.drag(to);
    await to.dragEnter(data);
    await to.dragOver(data);
    await to.drop(data);
    await page.mouse.up();
    return data;
  }),
  drag('intercepted: dragAndDrop of handles', async ({ page }) => {
    await page.setDragInterception(true);
    await (await page.$('#a')).dragAndDrop(await page.$('#z'));
  }),
  drag('dragAndDrop of handles needs interception', async ({ page, attempt }) =>
    attempt(async () => (await page.$('#a')).dragAndDrop(await page.$('#z'))),
  { right: [{ threw: 'Error: Drag Interception is not enabled!' }, []] }),
  drag('what the caller drags', async ({ page }) => {
    const target = await page.$('#z');
    await target.dragEnter(payload);
    await target.dragOver(payload);
    await target.drop(payload);
  }, { right: [undefined, ['dragenter 240,130', 'dragover 240,130', 'drop 240,130 given 0']] }),
  drag('files that the caller drags', async ({ page }) => {
    const data = { items: [], files: [__filename], dragOperationsMask: 1 };
    await page.mouse.dragEnter(dropped, data);
    await page.mouse.dragOver(dropped, data);
    await page.mouse.drop(dropped, data);
  }, { right: [undefined, ['dragenter 240,130', 'dragover 240,130', 'drop 240,130  1']] }),
  drag('of what is gone', async ({ page, attempt }) => {
    const handle = await page.$('#a');
    await handle.evaluate((element) => element.remove());
    return attempt(() => handle.drag(dropped));
  }),
  drag('intercepted: nothing to drag', async ({ page, attempt }) => {
    page.setDefaultTimeout(100);
    await page.setDragInterception(true);
    const dragged = attempt(() => page.mouse.drag({ x: 20, y: 220 }, dropped));
    const late = new Promise((resolve) => setTimeout(resolve, 8000, 'still pending'));
    return Promise.race([dragged, late]);
  }),
]);
