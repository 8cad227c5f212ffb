// The callers: tenants of skewed popularity whose renders go well, badly, or never end.

import { setTimeout as delay } from 'node:timers/promises';

const ROWS = 40;
/** How long a caller looks at a render that does not end before it gives up, ms. */
const PATIENCE_MS = 1500;

async function render(lease, tenant, run) {
  const { foreign, text } = await lease.page.evaluate(
    (...given) => globalThis.render(...given),
    tenant,
    ROWS,
  );
  run.renders += 1;
  if (foreign.length > 0) run.violate(`${tenant} found of another tenant: ${foreign.join(', ')}`);
  const others = run.tenants.filter((name) => name !== tenant && text.includes(name));
  if (others.length > 0) run.violate(`${tenant} was shown ${others.join(', ')}`);
}

/** A render that does not end: its caller gives up on it as a server does, and lets go when its call has ended. */
async function abandon(lease, tenant, run, spin) {
  const rendering = lease.page.evaluate(spin);
  await Promise.race([rendering.catch(() => {}), delay(PATIENCE_MS)]);
  await run.pool.disposeAffinity(tenant, { awaitIdle: false });
  await rendering;
}

const session = async (lease, work) => {
  const cdp = await lease.page.createCDPSession();
  try {
    await work(cdp);
  } finally {
    await cdp.detach().catch(() => {});
  }
};

/** Its caller forgets the lease: the garbage collector finds it, and its tab comes back. */
const DROPPED = 'lease dropped';

/** What a tenant does with its lease, each with its weight. */
const BEHAVIOURS = {
  render: [70, render],
  'render after a navigation': [
    8,
    async (lease, tenant, run) => {
      await lease.page.goto(`${run.host.url}/card`, { waitUntil: 'domcontentloaded', timeout: 4000 });
      await render(lease, tenant, run);
    },
  ],
  'endless loop': [
    3,
    (lease, tenant, run) =>
      abandon(lease, tenant, run, () => {
        for (;;);
      }),
  ],
  'endless microtasks': [
    1,
    (lease, tenant, run) =>
      abandon(lease, tenant, run, () => {
        const again = () => Promise.resolve().then(again);
        return again();
      }),
  ],
  'loop after the release': [
    2,
    (lease) =>
      lease.page.evaluate(() => {
        setTimeout(() => {
          for (;;);
        }, 30);
      }),
  ],
  'navigation without an answer': [
    2,
    (lease, tenant, run) =>
      lease.page.evaluate((url) => {
        location.href = url;
      }, `${run.host.url}/never`),
  ],
  'console flood': [
    3,
    (lease) =>
      lease.page.evaluate(() => {
        for (let i = 0; i < 3000; i += 1) console.log('flood', { i, of: 'objects' });
        console.error('flood');
      }),
  ],
  popups: [
    2,
    (lease, tenant, run) =>
      lease.page.evaluate((url) => {
        for (let i = 0; i < 2; i += 1) window.open(url);
      }, `${run.host.url}/popup`),
  ],
  'page crashes': [
    2,
    (lease) => session(lease, (cdp) => Promise.race([cdp.send('Page.crash'), delay(3000)])),
  ],
  'page closed by its caller': [2, (lease) => lease.page.close()],
  [DROPPED]: [2, render],
  'page frozen': [
    1,
    (lease) => session(lease, (cdp) => cdp.send('Page.setWebLifecycleState', { state: 'frozen' })),
  ],
  'exceptions thrown': [
    2,
    (lease) =>
      lease.page.evaluate(() => {
        Promise.reject(new Error('nobody listens'));
        setTimeout(() => {
          throw new Error('nobody catches');
        });
      }),
  ],
};
const WEIGHTED = Object.entries(BEHAVIOURS).flatMap(([name, [weight]]) => Array(weight).fill(name));

/** How a request ended: served, cancelled, or rejected with a code; anything else is a violation. */
function outcomeOf(error, run) {
  if (!error) return 'served';
  if (error.code === 'PRERENDER_CANCELLED' || error.name === 'AbortError') return 'cancelled';
  if (typeof error.code === 'string') return error.code;
  // A page's own exception or an unknown error of the browser comes as it is.
  if (run.isOfThePage(error)) return 'error of the page';
  run.violate(`an error without a code: ${error.stack ?? error}`);
  return 'error without a code';
}

async function request(run, random) {
  const tenant = run.tenants[Math.floor(run.tenants.length * random.next() ** 2.5)];
  const behaviour = random.pick(WEIGHTED);
  const impatient = random.chance(0.06);
  const signal = impatient ? AbortSignal.timeout(random.below(400)) : undefined;
  const queue = random.pick(['file', 'file', 'module', 'command']);
  const open = run.begin(`${tenant}, ${behaviour}`);
  let lease;
  let failure;
  try {
    lease = await run.pool.getPage(tenant, queue, { signal, priority: random.below(3) });
    run.waited.push(lease.launchMs);
    await BEHAVIOURS[behaviour][1](lease, tenant, run);
  } catch (error) {
    failure = error;
  } finally {
    if (behaviour === DROPPED && lease) run.dropped += 1;
    else lease?.release();
  }
  run.end(open, behaviour, outcomeOf(failure, run));
}

/** One caller: requests one after another until the run is over. */
export async function call(run, random) {
  while (!run.over()) {
    if (random.chance(0.03))
      await run.pool.disposeAffinity(random.pick(run.tenants), { awaitIdle: random.chance(0.5) });
    if (random.chance(0.01)) await run.pool.evictIdleAffinities(random.below(2000));
    await request(run, random);
    if (random.chance(0.3)) await delay(random.below(60));
  }
}
