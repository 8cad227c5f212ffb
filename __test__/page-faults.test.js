'use strict';

// The tools of a page where something fails meanwhile, on a real Chrome: none hangs, none keeps others from theirs, and
// what has failed can be begun anew.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { chromeModule } = require('./helpers/real-chrome.js');
const { watch, within } = require('./helpers/wait.js');

const KEY = 'realm:https://acme.example/';

chromeModule('the tools of a page', (kit, test) => {
  test('a heap snapshot for a file that cannot be opened yet keeps nobody waiting', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, KEY);
    const file = path.join(kit().directory, 'pipe');
    execFileSync('mkfifo', [file]);
    const snapshot = watch(lease.page.captureHeapSnapshot({ path: file }));
    try {
      for (let call = 0; call < 3; call++) {
        assert.strictEqual(await within(lease.page.evaluate(() => 6 * 7), 'a call beside it', 20_000), 42, 'its page answers');
      }
      assert.strictEqual(snapshot.state, 'pending', 'nobody reads the pipe');
    } finally {
      // Reads it to its end, so that whoever waits for a reader goes on.
      const read = await within(fs.promises.readFile(file, 'utf8'), 'the snapshot', 30_000);
      await within(snapshot.settled, 'its end', 20_000);
      assert.strictEqual(snapshot.state, 'fulfilled', `${snapshot.error}`);
      assert.true(Array.isArray(JSON.parse(read).nodes), 'it is whole');
    }
  });

  test('a drag that never begins ends with the renderer', async (assert) => {
    const { pool } = kit().pool();
    const { page } = await kit().take(pool, KEY);
    await page.setDragInterception(true);
    page.setDefaultTimeout(0);
    await page.evaluate(() => {
      addEventListener('mousemove', ({ clientX }) => {
        globalThis.at = clientX;
      });
    });
    const drag = watch(page.mouse.drag({ x: 5, y: 300 }, { x: 200, y: 300 }));
    await within(page.waitForFunction(() => globalThis.at === 200, { timeout: 0 }), 'the mouse is there', 20_000);
    const session = await page.createCDPSession();
    void session.send('Page.crash').catch(() => {});
    await within(drag.settled, 'the drag', 20_000);
    assert.strictEqual(drag.error?.code, 'PAGE_CRASHED', `${drag.error}`);
  });

  test('coverage that could not begin is not under way', async (assert) => {
    const { pool } = kit().pool();
    const { page } = await kit().take(pool, KEY);
    const own = await page.browserContext().newPage();
    const session = await own.createCDPSession();
    const crashed = new Promise((resolve) => own.once('error', resolve));
    void session.send('Page.crash').catch(() => {});
    await within(crashed, 'the crash', 20_000);
    for (const kind of ['JS', 'CSS']) {
      const start = () => within(own.coverage[`start${kind}Coverage`](), 'the start', 20_000);
      const stop = () => within(own.coverage[`stop${kind}Coverage`](), 'the stop', 20_000);
      for (let time = 1; time <= 2; time++) {
        await assert.rejects(start(), (error) => error.code === 'PAGE_CRASHED', `${kind}, ${time}: the reason is the crash, and not that it has begun`);
      }
      await assert.rejects(stop(), /not enabled/, `${kind}: there is nothing to stop`);
      await within(own.goto(`${kit().host.url}/_standby`), 'another document', 20_000);
      await start();
      assert.true(Array.isArray(await stop()), `${kind}: in the next renderer it begins and ends`);
      if (kind === 'JS') {
        const again = new Promise((resolve) => own.once('error', resolve));
        const next = await own.createCDPSession();
        void next.send('Page.crash').catch(() => {});
        await within(again, 'the next crash', 20_000);
      }
    }
    await own.close();
  });

  test('a worker of several pages whose session was detached is attached anew', async (assert) => {
    kit().host.scripts['/worker.js'] = 'oninstall = () => skipWaiting(); globalThis.answer = 42;';
    const { pool } = kit().pool();
    const { page } = await kit().take(pool, KEY);
    const coming = page.browserContext().waitForTarget((target) => target.type() === 'service_worker');
    await page.evaluate(() => void navigator.serviceWorker.register('/worker.js'));
    const target = await within(coming, 'the service worker', 20_000);
    const first = await target.worker();
    assert.strictEqual(await first.evaluate(() => 1), 1);
    assert.strictEqual(await target.worker(), first, 'while its session is there, it is the same');
    await first.client.detach();
    const second = await within(target.worker(), 'another', 20_000);
    assert.strictEqual(await within(second.evaluate(() => 6 * 7), 'its answer', 20_000), 42, 'on a session that lives');
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).unregister());
  });
});
