// Checked by the compiler only: what callers of the pool write in TypeScript must be right, and what is wrong must not be.

import {
  AsyncSemaphore,
  BrowserManager,
  PagePool,
  PrerenderCancelledError,
  StandbyTargetNotReadyError,
  TabQueue,
  type WornTabSwaps,
  abortable,
  getPendingNetworkRequests,
  isPrerenderCancellation,
  throwIfAborted,
  type ConsoleErrorEntry,
  type ConsoleErrorLocation,
  type GetPageTrace,
  type Lease,
  type Page,
  type PagePoolMessage,
  type PoolStats,
  type RetirementReason,
} from '..';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(proof: Equal<A, B>): void;

// Construction, with our browser manager and with anybody's.
const own = new PagePool({
  maxPages: 4,
  serverURL: 'http://server',
  boxelHostURL: 'http://host',
  browserManager: new BrowserManager(),
  standbyTimeoutMs: 30_000,
  idleTrimMs: 2_000,
  renderSemaphore: new AsyncSemaphore(4),
  disableStandbyRefill: false,
  disableFileAdmission: false,
  allowTabMigration: false,
  keepPopups: false,
  contractionTickMs: 1000,
  tabHealthProbeMs: 3000,
  closeTimeoutMs: undefined,
  onAffinityDisposed: (key: string) => void key,
  logger: () => ({ debug() {}, info() {}, warn() {}, error() {} }),
});
new PagePool({
  maxPages: 1,
  serverURL: '',
  boxelHostURL: '',
  browserManager: {
    getBrowser: async () => ({ async createBrowserContext() {} }),
    async cleanupUserDataDirs() {},
  },
  renderSemaphore: {
    acquire: async (signal?: AbortSignal, priority?: number) => () => void [signal, priority],
  },
});
// @ts-expect-error maxPages is required
new PagePool({ serverURL: '', boxelHostURL: '', browserManager: new BrowserManager() });
// @ts-expect-error maxPages is a number
new PagePool({ maxPages: 'five', serverURL: '', boxelHostURL: '', browserManager: new BrowserManager() });

own.serverURL = 'http://elsewhere';
same<typeof own.currentMaxPages, number>(true);
same<typeof own.highPriorityThreshold, number>(true);

// Leases.
async function leases(signal: AbortSignal): Promise<void> {
  const lease: Lease = await own.getPage('a');
  await own.getPage('a', 'module', { signal });
  await own.getPage('a', 'command', { signal, priority: 5 });
  // @ts-expect-error no such queue
  await own.getPage('a', 'files');
  // @ts-expect-error a key is needed
  await own.getPage();
  const page: Page = lease.page;
  same<typeof lease.pageId, string>(true);
  same<typeof lease.reused, boolean>(true);
  const { semaphoreMs, admissionMs, tabQueueMs, tabStartupMs, tabProbeMs } = lease.waits;
  const sum: number = semaphoreMs + admissionMs + tabQueueMs + tabStartupMs + tabProbeMs - lease.launchMs;
  const { release } = lease;
  release();
  void [sum, page];
}

// Disposal, snapshots, console errors.
async function rest(): Promise<void> {
  await own.disposeAffinity('a', { awaitIdle: false, retainConsoleErrors: true, retainSharedContext: true });
  const keys: string[] = [...(await own.evictIdleAffinities(1000)), ...own.getWarmAffinities()];
  await own.warmStandbys();
  await own.closeAll();
  await own[Symbol.asyncDispose]();
  const vacancy = own.getVacancySnapshot()['a'];
  const priority: number | undefined = vacancy?.maxPendingPriority;
  const depth = own.getQueueDepthSnapshot();
  const numbers: number[] = [depth.totalTabs, depth.totalPending, own.getSharedContextSnapshot().cap];
  for (const row of depth.affinities) {
    numbers.push(row.tabCount, row.byQueue.file, row.byQueue.module, row.byQueue.command, row.admission.cap);
    const queued: Record<string, number> = { ...row.tabQueuedByPriority, ...row.admissionQueuedByPriority };
    void queued;
  }
  const swaps: Record<string, number> = own.getUnresponsiveTabSwaps();
  const worn: WornTabSwaps = own.getWornTabSwaps();
  numbers.push(worn.uses, worn.age, worn.memory);
  own.resetConsoleErrors('id');
  const errors: ConsoleErrorEntry[] = own.takeConsoleErrors('id');
  const location: ConsoleErrorLocation | undefined = errors[0]?.location;
  const expanded: boolean = own.__test_tryExpand(5) || own.__test_maybeExpandUnderSaturation();
  own.__test_seedRevokedException('id', { type: 'error', text: 'boom', source: 'exception' }, 7);
  const source: 'console' | 'exception' | undefined = errors[0]?.source;
  void [keys, priority, swaps, location, source, expanded];
}

// Errors and cancellation.
const cancelled = new PrerenderCancelledError({ state: 'rendering', reason: 'gone' });
new PrerenderCancelledError('gone');
new PrerenderCancelledError({ state: undefined, reason: undefined });
new PrerenderCancelledError();
same<typeof cancelled.state, 'queued' | 'rendering' | 'releasing'>(true);
// @ts-expect-error no such state
new PrerenderCancelledError({ state: 'waiting' });
const error: Error = new StandbyTargetNotReadyError('503', { cause: new Error('refused') });
const narrow = (e: unknown): string => (isPrerenderCancellation(e) ? e.state : 'other');
throwIfAborted(undefined);
throwIfAborted(new AbortController().signal, 'releasing');
const raced: Promise<number> = abortable(new AbortController().signal, async () => 5, 'queued');
void [error, narrow, raced];

// Semaphores.
async function queues(): Promise<void> {
  const semaphore = new AsyncSemaphore(3);
  const release: () => void = await semaphore.acquire(new AbortController().signal, 2);
  release();
  const waiting: Map<number, number> = semaphore.pendingByPriority();
  const queue = new TabQueue();
  (await queue.acquire())();
  void [waiting, queue.pendingCount];
}

// Subclasses and patches.
class Mine extends PagePool {
  override getPage(...args: Parameters<PagePool['getPage']>): Promise<Lease> {
    return super.getPage(...args);
  }
}
const original = PagePool.prototype.getPage;
PagePool.prototype.getPage = function patched(this: PagePool, ...args) {
  return original.apply(this, args);
};

// Browser manager.
async function browsers(): Promise<void> {
  const manager = new BrowserManager({ headless: 'new' });
  const browser = await manager.getBrowser();
  const version: string = await browser.version();
  await manager.restartBrowser();
  await manager.cleanupUserDataDirs();
  await manager.stop();
  void version;
}
void [leases, rest, queues, Mine, browsers, getPendingNetworkRequests];
// Pages.
async function pages({ page }: Lease): Promise<void> {
  const sum: number = await page.evaluate((a, b) => a + b, 1, 2);
  const tag: string = await page.$eval('h1', (heading) => heading.tagName);
  const body = await page.evaluateHandle(() => document.body);
  const width: number = await page.evaluate((element) => element.offsetWidth, body);
  await page.waitForFunction((id) => document.getElementById(id), { timeout: 1000 }, 'ready');
  const status: number | undefined = (
    await page.goto('http://host/', { waitUntil: 'domcontentloaded' })
  )?.status();
  const picture: Uint8Array = await page.screenshot({ type: 'png' });
  const text: string = await page.screenshot({ encoding: 'base64' });
  page.on('console', (message) => void message.text()).removeAllListeners('console');
  void [sum, tag, width, status, picture, text];
  // @ts-expect-error the function takes a number
  await page.evaluate((a: number) => a, 'one');
}
void pages;

// Numbers, events and channels.
declare const stats: PoolStats;
same<ReturnType<typeof own.stats>, PoolStats>(true);
same<typeof stats.totals.retirements.crashed, number>(true);
same<(typeof stats.waits.total.buckets)[number], { readonly le: number; readonly count: number }>(true);
// @ts-expect-error it is frozen
stats.leases = 1;
// @ts-expect-error so are its parts
stats.totals.leases.warm = 1;
// @ts-expect-error there may be no browser
stats.browser.pid;
own.on('lease', ({ affinityKey, waits }) => void [affinityKey satisfies string, waits.semaphoreMs satisfies number])
  .once('browser', (event) => event.state !== 'started' && (event.contexts satisfies number))
  .off('standby', ({ error }) => error?.phase)
  .addListener('retire', ({ reason }) => reason satisfies RetirementReason)
  .removeListener('evict', async ({ tabs }) => tabs satisfies number);
same<ReturnType<typeof own.listenerCount>, number>(true);
// @ts-expect-error there is no such event
own.on('leases', () => {});
declare const message: PagePoolMessage<'release'>;
same<typeof message.revoked, 'LEASE_TIMEOUT' | 'LEASE_REVOKED' | null>(true);
same<typeof message.leaseMs, number>(true);
declare const trace: GetPageTrace;
same<typeof trace.queue, 'file' | 'module' | 'command'>(true);
