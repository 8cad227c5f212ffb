'use strict';

// Every way in which a page is known to get stuck, on a real Chrome, while somebody holds it and after its release: who else
// notices (nobody), and that its slot comes back within bounds.

const { chromeModule, processes, rendererOf } = require('./helpers/real-chrome.js');
const { until, watch, within } = require('./helpers/wait.js');

const CLOSE_TIMEOUT_MS = 1500;
const LEASE_GRACE_MS = 1500;
/** For a machine that does much else. */
const SLACK_MS = 15_000;

const leave = (call) => void call.catch(() => {});

/** Runs code that never returns, and resolves when it is about to. */
async function spin(page, code) {
  const begun = new Promise((resolve) => page.once('console', resolve));
  leave(page.evaluate(`console.log('begun'); ${code}`));
  await begun;
}

/** `(module (func (export "spin") (loop br 0)))` */
const SPINNING_MODULE = [
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 0x73, 0x70, 0x69, 0x6e, 0, 0, 10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b,
];

const PATIENT_MS = 15_000;

/** Each resolves when the page is stuck. `answers`: the page itself still does, so it is as good as any. */
const kinds = {
  'a JavaScript loop': { stick: (page) => spin(page, 'for (;;);') },
  'a loop of microtasks': { stick: (page) => spin(page, '(async () => { for (;;) await null; })()') },
  'a WebAssembly loop': { stick: (page) => spin(page, `new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([${SPINNING_MODULE}]))).exports.spin()`) },
  'a regular expression': { stick: (page) => spin(page, "/^(a+)+$/.test('a'.repeat(60) + 'b')") },
  'JSON.parse of much': { stick: (page) => spin(page, "const text = JSON.stringify(Array(200000).fill({ a: 1 })); for (;;) JSON.parse(text)") },
  'structuredClone of much': { stick: (page) => spin(page, 'const much = Array(200000).fill(0).map(() => ({ a: 1 })); for (;;) structuredClone(much)') },
  'a synchronous request that is not answered': { stick: (page) => spin(page, "const request = new XMLHttpRequest(); request.open('GET', '/hang', false); request.send()") },
  'alerts in a loop': {
    stick: async (page) => {
      const opened = new Promise((resolve) => page.once('dialog', resolve));
      leave(page.evaluate(() => {
        for (;;) alert('again');
      }));
      await opened;
    },
  },
  'a worker in a loop': {
    answers: true,
    stick: (page) => page.evaluate(() => {
      const source = URL.createObjectURL(new Blob(["postMessage('begun'); for (;;);"], { type: 'text/javascript' }));
      globalThis.spinning = new Worker(source);
      return new Promise((resolve) => {
        globalThis.spinning.onmessage = () => resolve();
      });
    }),
  },
  'a service worker in a loop': {
    answers: true,
    stick: (page, host) => spinServiceWorker(page, host),
  },
  'a navigation whose server does not answer': {
    answers: true,
    stick: async (page, host) => {
      const asked = host.requests.length;
      leave(page.goto(`${host.url.replace('127.0.0.1', 'localhost')}/hang`, { timeout: 0 }));
      await until(() => host.requests.slice(asked).includes('/hang'), 'the server is asked', 20_000);
    },
  },
  'a frozen page': {
    answers: true,
    stick: async (page) => {
      const session = await page.createCDPSession();
      await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    },
  },
  'a renderer that was stopped': { stick: async (page) => process.kill(await rendererOf(page), 'SIGSTOP') },
};

async function spinServiceWorker(page, host) {
  host.scripts['/spinning.js'] = `
    addEventListener('activate', (event) => event.waitUntil(clients.claim()));
    addEventListener('message', () => { for (;;); });
    addEventListener('fetch', () => {});`;
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/spinning.js');
    const { active } = await navigator.serviceWorker.ready;
    active.postMessage('spin');
  });
}

chromeModule('kinds of stuck', (kit, test) => {
  /** A pool of two pages: one for a bystander, one to get stuck. */
  async function scene(kind, options) {
    const { pool, manager, logs } = kit().pool({ closeTimeoutMs: CLOSE_TIMEOUT_MS, standbyTimeoutMs: 5000, ...options });
    const bystander = await kit().take(pool, 'bystander');
    const stuck = await kit().take(pool, 'stuck');
    // A page that is stuck is handed out all the same where no other is there.
    await pool.warmStandbys();
    const { pid } = (await manager.getBrowser()).process();
    await within(kind.stick(stuck.page, kit().host), 'the page gets stuck', 20_000);
    return { pool, manager, logs, bystander, stuck, pid };
  }

  async function nobodyElseNoticed(assert, { manager, bystander, pid }) {
    assert.strictEqual(await within(bystander.page.evaluate(() => document.title), 'the bystander answers'), 'standby', 'a bystander keeps its page');
    assert.strictEqual((await manager.getBrowser()).process().pid, pid, 'and everybody their Chrome');
  }

  for (const [name, kind] of Object.entries(kinds)) {
    test(`${name}, released: its tenant and a newcomer are served`, async (assert) => {
      // On a busy machine a page that answers may take its time.
      const at = await scene(kind, kind.answers ? { tabHealthProbeMs: PATIENT_MS } : {});
      at.stuck.release();
      const again = await within(at.pool.getPage('stuck'), 'its tenant is served', SLACK_MS + CLOSE_TIMEOUT_MS + PATIENT_MS);
      const works = () => new Promise((resolve) => setTimeout(() => resolve(6 * 7)));
      assert.strictEqual(await within(again.page.evaluate(works), 'its page works', PATIENT_MS), 42, 'on a page that works');
      if (kind.answers) {
        assert.strictEqual(again.pageId, at.stuck.pageId, 'which is the same: it was not to blame');
        assert.deepEqual(at.pool.getUnresponsiveTabSwaps(), {}, 'and was not taken for stuck');
      } else {
        assert.notStrictEqual(again.pageId, at.stuck.pageId, 'which is another');
      }
      const newcomer = watch(at.pool.getPage('newcomer'));
      again.release();
      await within(newcomer.settled, 'a newcomer gets the slot', SLACK_MS + CLOSE_TIMEOUT_MS);
      assert.strictEqual(newcomer.state, 'fulfilled', `a newcomer: ${newcomer.error}`);
      assert.strictEqual(await newcomer.value.page.evaluate(works), 42, 'on a page that works');
      newcomer.value.release();
      await nobodyElseNoticed(assert, at);
    });
  }

  for (const [name, kind] of Object.entries(kinds)) {
    test(`${name}, held: a disposal gets the slot back without a release`, async (assert) => {
      const at = await scene(kind, { leaseGraceMs: LEASE_GRACE_MS });
      const newcomer = watch(at.pool.getPage('newcomer'));
      // One that answers is left its grace first.
      const limit = CLOSE_TIMEOUT_MS + (kind.answers ? LEASE_GRACE_MS : 0) + SLACK_MS;
      await within(at.pool.disposeAffinity('stuck'), 'the disposal', limit);
      await within(newcomer.settled, 'a newcomer gets the slot', SLACK_MS);
      assert.strictEqual(newcomer.state, 'fulfilled', `a newcomer: ${newcomer.error}`);
      assert.strictEqual(await newcomer.value.page.evaluate(() => 6 * 7), 42, 'on a page that works');
      at.stuck.release();
      const { totalPending } = at.pool.getQueueDepthSnapshot();
      assert.strictEqual(totalPending, 2, 'the release that comes late gives nothing back: two leases are held');
      newcomer.value.release();
      await nobodyElseNoticed(assert, at);
    });
  }

  test('a service worker in a loop, in a context that was retained: its tenant comes back all the same', async (assert) => {
    const at = await scene(kinds['a service worker in a loop']);
    at.stuck.release();
    await within(at.pool.disposeAffinity('stuck', { retainSharedContext: true }), 'the disposal', SLACK_MS);
    const again = await within(at.pool.getPage('stuck'), 'its tenant is served', 30_000);
    assert.strictEqual(await within(again.page.evaluate(() => document.title), 'its page answers'), 'standby', 'on a page that works');
    again.release();
    await within(at.pool.disposeAffinity('stuck'), 'the context closes', SLACK_MS);
    await nobodyElseNoticed(assert, at);
  });

  test('a GPU process that was stopped: screenshots reject in time, all else goes on', async (assert) => {
    // Long enough for a busy machine: what is late is to be the GPU process alone.
    const protocolTimeout = 12_000;
    const { pool, manager } = kit().pool({ manager: kit().manager({ protocolTimeout }), closeTimeoutMs: 30_000, standbyTimeoutMs: 60_000 });
    const lease = await kit().take(pool, 'painter');
    const { pid } = (await manager.getBrowser()).process();
    const gpu = processes().find(({ group, command }) => group === pid && command.includes('--type=gpu-process'));
    assert.ok(gpu, 'Chrome has a GPU process');
    process.kill(gpu.pid, 'SIGSTOP');
    const shot = watch(lease.page.screenshot());
    assert.strictEqual(await lease.page.evaluate(() => 6 * 7), 42, 'the page still answers');
    await within(shot.settled, 'the screenshot ends', protocolTimeout + SLACK_MS);
    assert.deepEqual([shot.state, shot.error?.name, shot.error?.code], ['rejected', 'ProtocolError', 'TIMEOUT'], 'it is rejected');
    lease.release();
    assert.strictEqual(await kit().visit(pool, 'newcomer'), 'ready', 'a newcomer is served');
    process.kill(gpu.pid, 'SIGKILL');
    const again = await kit().take(pool, 'painter');
    assert.ok((await within(again.page.screenshot(), 'a screenshot', protocolTimeout + SLACK_MS)).length > 0, 'with another GPU process there are screenshots again');
    again.release();
  });
});
