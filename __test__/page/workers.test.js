'use strict';

const { differential, scenario, once } = require('./harness.js');

/** Starts a dedicated worker of this script. */
const start = (page, code) =>
  page.evaluate((source) => {
    globalThis.worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
  }, code);

async function workerOf(page, code = 'self.answer = 42; self.twice = (n) => 2 * n;') {
  const created = once(page, 'workercreated');
  await start(page, code);
  return created;
}

/** A worker whose script has run. */
async function ready(page, code) {
  const worker = await workerOf(page, `${code}; self.isReady = true;`);
  while (!(await worker.evaluate(() => Boolean(self.isReady)))) await new Promise((resolve) => setTimeout(resolve, 10));
  return worker;
}

/** What the worker's script has set, once it has run. */
async function answerOf(worker) {
  for (;;) {
    const answer = await worker.evaluate(() => self.answer);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

differential('workers', [
  scenario('workercreated and workers', async ({ page }) => {
    const none = page.workers().length;
    const worker = await workerOf(page);
    return [none, page.workers().length, page.workers()[0] === worker, worker.url().startsWith('blob:')];
  }, { body: '', right: [0, 1, true, true] }),
  scenario('workerdestroyed of one that is terminated', async ({ page }) => {
    const worker = await workerOf(page);
    const destroyed = once(page, 'workerdestroyed');
    await page.evaluate(() => globalThis.worker.terminate());
    return [(await destroyed) === worker, page.workers().length];
  }, { body: '', right: [true, 0] }),
  scenario('workerdestroyed of a navigation', async ({ page, server }) => {
    const worker = await workerOf(page);
    const destroyed = once(page, 'workerdestroyed');
    await page.goto(server.url('/'));
    return [(await destroyed) === worker, page.workers().length];
  }, { body: '', right: [true, 0] }),
  scenario('close', async ({ page }) => {
    const worker = await ready(page);
    const destroyed = once(page, 'workerdestroyed');
    await worker.close();
    return [(await destroyed) === worker, page.workers().length];
  }, { body: '', right: [true, 0] }),
  scenario('evaluate', async ({ page }) => {
    const worker = await ready(page, 'self.answer = 42; self.twice = (n) => 2 * n;');
    return [
      await worker.evaluate(() => self.answer),
      await worker.evaluate('twice(answer)'),
      await worker.evaluate((a, b) => ({ sum: a + b.n }), 1, { n: 2 }),
      await worker.evaluate(async () => typeof document),
      await worker.evaluate(() => self.constructor.name),
    ];
  }, { body: '', right: [42, 84, { sum: 3 }, 'undefined', 'DedicatedWorkerGlobalScope'] }),
  scenario('evaluate right after the event', async ({ page }) => {
    const worker = await workerOf(page);
    return worker.evaluate(() => 1 + 1);
  }, { body: '', right: 2 }),
  // A renderer crashes where code runs in a worker before its own script: puppeteer does that now and then, and is not asked.
  ...Object.entries({
    'a dedicated worker': (script) => void (globalThis.worker = new Worker(script)),
    'a worker that is a module': (script) => void (globalThis.worker = new Worker(script, { type: 'module' })),
  }).map(([kind, begin]) =>
    scenario(`evaluate in the handler of the event: ${kind}`, async ({ page, server, side, attempt }) => {
      await page.goto(server.url('/'));
      const ask = (worker) => (side === 'ours' ? worker.evaluate(() => self.answer) : 42);
      const asked = new Promise((resolve) => page.once('workercreated', (worker) => resolve(attempt(ask(worker)))));
      await page.evaluate(begin, '/script.js?code=self.answer=42');
      return [await asked, await page.evaluate(() => 'alive')];
    }, { ownContext: true, right: [{ value: 42 }, 'alive'] })),
  scenario('evaluate in a worker whose script throws', async ({ page }) => {
    const worker = await workerOf(page, 'self.answer = 42; throw new Error("of the script")');
    return answerOf(worker);
  }, { body: '', right: 42 }),
  scenario('evaluate in a worker whose script is not there', async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    const asked = new Promise((resolve) => page.once('workercreated', (worker) => resolve(attempt(worker.evaluate('1')))));
    await page.evaluate(() => void (globalThis.worker = new Worker('/status?code=404')));
    return [typeof (await asked).threw, await page.evaluate(() => 'alive')];
  }, { ownContext: true, right: ['string', 'alive'] }),
  scenario('evaluate that throws', async ({ page, attempt }) => {
    const worker = await ready(page);
    return attempt(worker.evaluate(() => {
      throw new TypeError('in the worker');
    }));
  }, { body: '', right: { threw: 'TypeError: in the worker' } }),
  scenario('evaluateHandle', async ({ page }) => {
    const worker = await ready(page);
    const handle = await worker.evaluateHandle(() => ({ a: 1, list: [1, 2] }));
    const property = await handle.getProperty('list');
    const names = [...(await handle.getProperties()).keys()];
    return [
      String(handle), await handle.jsonValue(), await property.jsonValue(), names,
      await worker.evaluate((object) => object.a, handle),
      await handle.evaluate((object, n) => object.a + n, 5),
      handle.asElement(),
    ];
  }, { body: '', right: ['JSHandle@object', { a: 1, list: [1, 2] }, [1, 2], ['a', 'list'], 1, 6, null] }),
  scenario('a handle of a page in a worker', async ({ page, attempt }) => {
    const worker = await ready(page);
    const handle = await page.evaluateHandle(() => ({}));
    return attempt(worker.evaluate((object) => object, handle));
  }, { body: '', right: { threw: 'Error: JSHandles can be evaluated only in the context they were created!' } }),
  scenario('a handle of a worker in its page', async ({ page, attempt }) => {
    const worker = await ready(page);
    const handle = await worker.evaluateHandle(() => ({}));
    return attempt(page.evaluate((object) => object, handle));
  }, { body: '', right: { threw: 'Error: JSHandles can be evaluated only in the context they were created!' } }),
  scenario('a disposed handle', async ({ page, attempt }) => {
    const worker = await ready(page);
    const handle = await worker.evaluateHandle(() => ({}));
    await handle.dispose();
    return [handle.disposed, await attempt(worker.evaluate((object) => object, handle))];
  }, { body: '', right: [true, { threw: 'Error: JSHandle is disposed!' }] }),
  scenario('evaluate in a worker that ends', async ({ page, attempt }) => {
    const worker = await ready(page);
    const pending = attempt(worker.evaluate(() => new Promise(() => {})));
    await worker.evaluate('1');
    await page.evaluate(() => globalThis.worker.terminate());
    return typeof (await pending).threw;
  }, { body: '', right: 'string' }),
  scenario('evaluate in a worker that is gone', async ({ page, attempt }) => {
    const worker = await ready(page);
    const destroyed = once(page, 'workerdestroyed');
    await page.evaluate(() => globalThis.worker.terminate());
    await destroyed;
    return typeof (await attempt(worker.evaluate('1'))).threw;
  }, { body: '', right: 'string' }),
  scenario('client', async ({ page }) => {
    const worker = await ready(page, 'self.answer = 42');
    const { result } = await worker.client.send('Runtime.evaluate', { expression: 'answer' });
    return [worker.client === worker.client, typeof worker.client.id(), result.value, worker.client === (await page.createCDPSession())];
  }, { body: '', right: [true, 'string', 42, false] }),
  scenario('what a worker says, by its own listener', async ({ page }) => {
    const heard = [];
    page.on('workercreated', (worker) =>
      worker.on('console', async (message) => heard.push(message.type(), message.text(), await message.args()[1].jsonValue())));
    const said = new Promise((resolve) => page.on('workercreated', (worker) => worker.once('console', resolve)));
    await start(page, 'console.warn("first", { a: 1 })');
    await said;
    const [worker] = page.workers();
    await worker.evaluate(() => console.log('second', 2));
    while (heard.length < 6) await new Promise((resolve) => setTimeout(resolve, 10));
    return heard;
  }, { body: '', right: ['warn', 'first [object Object]', { a: 1 }, 'log', 'second 2', 2] }),
  scenario('the first words of many workers', async ({ page }) => {
    const count = 40;
    let heard = 0;
    const all = new Promise((resolve) => page.on('workercreated', (worker) => worker.once('console', () => {
      heard += 1;
      if (heard === count) resolve();
    })));
    for (let n = 0; n < count; n += 1) await start(page, 'console.log("here")');
    await all;
    return heard;
  }, { body: '', right: 40 }),
  scenario('what a service worker says', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    const coming = context.waitForTarget((target) => target.type() === 'service_worker');
    await page.evaluate((script) => void navigator.serviceWorker.register(script), '/script.js?code=self.answer=42');
    const worker = await (await coming).worker();
    const heard = once(worker, 'console');
    await worker.evaluate(() => console.log('here'));
    return (await heard).text();
  }, { ownContext: true, right: 'here' }),
  scenario('several workers', async ({ page }) => {
    await workerOf(page, 'self.name = "a"');
    await workerOf(page, 'self.name = "b"');
    return [page.workers().length, new Set(page.workers()).size];
  }, { body: '', right: [2, 2] }),
  scenario('a worker of a worker', async ({ page }) => {
    await workerOf(page, 'new Worker(URL.createObjectURL(new Blob(["self.inner = true"])))');
    while (page.workers().length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    return page.workers()[1].evaluate(() => 'inner');
  }, { body: '', right: 'inner' }),
  scenario('worker of a page\'s target', async ({ page }) => page.target().worker(), { right: null }),
  scenario('worker of a service worker\'s target', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    const coming = context.waitForTarget((target) => target.type() === 'service_worker');
    const path = `/script.js?code=${encodeURIComponent('self.answer = 42')}`;
    await page.evaluate((script) => void navigator.serviceWorker.register(script), path);
    const target = await coming;
    const worker = await target.worker();
    const answer = [
      await answerOf(worker), worker.url() === server.origin + path, (await target.worker()) === worker,
      await worker.evaluate(() => self.constructor.name),
    ];
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).unregister());
    return answer;
  }, { ownContext: true, right: [42, true, true, 'ServiceWorkerGlobalScope'] }),
  scenario('evaluate in a service worker as soon as its target is there', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    const coming = context.waitForTarget((target) => target.type() === 'service_worker');
    await page.evaluate((script) => void navigator.serviceWorker.register(script), '/script.js?code=self.answer=42');
    const worker = await (await coming).worker();
    return worker.evaluate(() => self.answer);
  }, { ownContext: true, right: 42 }),
  scenario('a service worker is closed as soon as its target is there', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    const coming = context.waitForTarget((target) => target.type() === 'service_worker');
    await page.evaluate((script) => void navigator.serviceWorker.register(script), '/script.js?code=self.answer=42');
    const target = await coming;
    const destroyed = once(context, 'targetdestroyed');
    await (await target.worker()).close();
    return (await destroyed) === target;
  }, { ownContext: true, right: true }),
  ...['unregister', 'close'].map((how) =>
    scenario(`a service worker ends: ${how}`, async ({ page, context, server }) => {
      await page.goto(server.url('/'));
      const coming = context.waitForTarget((target) => target.type() === 'service_worker');
      await page.evaluate(async (script) => {
        await navigator.serviceWorker.register(script);
        await navigator.serviceWorker.ready;
      }, '/script.js?code=self.answer=42');
      const target = await coming;
      const destroyed = once(context, 'targetdestroyed');
      if (how === 'close') await (await target.worker()).close();
      else await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).unregister());
      return [(await destroyed) === target, context.targets().includes(target)];
    }, { ownContext: true, right: [true, false] })),
  scenario('worker of a shared worker\'s target, and its end', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    const coming = context.waitForTarget((target) => target.type() === 'shared_worker');
    await page.evaluate((script) => void (globalThis.shared = new SharedWorker(script)), '/script.js?code=self.answer=42');
    const target = await coming;
    const worker = await target.worker();
    const answer = await answerOf(worker);
    const destroyed = once(context, 'targetdestroyed');
    await worker.close();
    return [answer, (await destroyed) === target];
  }, { ownContext: true, right: [42, true] }),
]);
