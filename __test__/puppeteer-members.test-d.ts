// Checked by the compiler only: each member of our classes is, by itself, what puppeteer declares it to be. Whole
// classes cannot be compared: puppeteer's have private members, which nobody else's can have. So its classes are read
// as ours wherever they stand in a signature.

import type * as p24 from 'puppeteer-core'
import type * as p25 from 'puppeteer-core-25' with { 'resolution-mode': 'import' }
import type * as ours from '..'
import { PagePool } from '..'

/** The same type with our classes for puppeteer's. */
type Ours<T> = 0 extends 1 & T
  ? T
  : unknown extends T
    ? T
    : T extends p24.ElementHandle<infer E> | p25.ElementHandle<infer E>
      ? ours.ElementHandle<E>
      : T extends p24.JSHandle<infer V> | p25.JSHandle<infer V>
        ? ours.JSHandle<V>
        : T extends p24.Browser | p25.Browser
          ? ours.Browser
        : T extends p24.BrowserContext | p25.BrowserContext
          ? ours.BrowserContext
        : T extends p24.CDPSession | p25.CDPSession
          ? ours.CDPSession
        : T extends p24.ConsoleMessage | p25.ConsoleMessage
          ? ours.ConsoleMessage
        : T extends p24.Dialog | p25.Dialog
          ? ours.Dialog
        : T extends p24.Frame | p25.Frame
          ? ours.Frame
        : T extends p24.HTTPRequest | p25.HTTPRequest
          ? ours.HTTPRequest
        : T extends p24.HTTPResponse | p25.HTTPResponse
          ? ours.HTTPResponse
        : T extends p24.Keyboard | p25.Keyboard
          ? ours.Keyboard
        : T extends p24.Mouse | p25.Mouse
          ? ours.Mouse
        : T extends p24.Page | p25.Page
          ? ours.Page
        : T extends p24.Target | p25.Target
          ? ours.Target
        : T extends p24.Touchscreen | p25.Touchscreen
          ? ours.Touchscreen
        : T extends p24.Tracing | p25.Tracing
          ? ours.Tracing
        : T extends p24.FileChooser | p25.FileChooser
          ? ours.FileChooser
        : T extends p24.Connection | p25.Connection
          ? ours.Connection
        : string extends keyof T
          ? T
        : T extends p24.SerializedAXNode | p25.SerializedAXNode
          ? ours.SerializedAXNode
        : T extends p24.SnapshotOptions | p25.SnapshotOptions
          ? ours.SnapshotOptions
        : T extends p24.WebWorker | p25.WebWorker
          ? ours.WebWorker
        : T extends p24.Coverage | p25.Coverage
          ? ours.Coverage
        : T extends p24.Accessibility | p25.Accessibility
          ? ours.Accessibility
        : T extends p24.SecurityDetails | p25.SecurityDetails
          ? ours.SecurityDetails
        : T extends p24.Locator<infer L> | p25.Locator<infer L>
          ? ours.Locator<L>
        : T extends p24.TargetType | p25.TargetType | p24.InterceptResolutionAction | p25.InterceptResolutionAction
          ? `${T}`
        : T extends p24.InterceptResolutionState | p25.InterceptResolutionState
          ? { action: `${T['action']}`; priority?: number }
        : T extends Map<infer K, infer V>
          ? Map<K, Ours<V>>
        : T extends Promise<infer R>
          ? Promise<Ours<R>>
        : T extends (...args: infer A) => infer R
          ? (...args: { [I in keyof A]: Ours<A[I]> }) => Ours<R>
        : T extends (infer I)[]
          ? Ours<I>[]
          : T

/** The members that puppeteer's class has as well, and that are not as it declares them. */
type Differing<O, P> = { [K in keyof O & keyof P]: O[K] extends Ours<P[K]> ? never : K }[keyof O & keyof P]

/** Told apart by events, which a generic signature hides: compared below. */
type Emitter = 'on' | 'once' | 'off' | 'emit' | 'listenerCount' | 'removeAllListeners'
/** Generic in what they run, or in a tag's name: compared by calls below. `drop` has a form without data, which is deprecated. */
type Runs = 'drop' | 'evaluate' | 'evaluateHandle' | '$eval' | '$$eval' | 'toElement'
/** Puppeteer 25 takes `Headers` and null there, besides what 24 does. */
type Newer = 'setExtraHTTPHeaders' | 'setGeolocation' | 'continue' | 'respond'

declare function none<T extends never>(): void
none<Exclude<Differing<ours.Browser, p24.Browser>, Emitter | Runs>>()
none<Exclude<Differing<ours.Browser, p25.Browser>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.BrowserContext, p24.BrowserContext>, Emitter | Runs>>()
none<Exclude<Differing<ours.BrowserContext, p25.BrowserContext>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.CDPSession, p24.CDPSession>, Emitter | Runs>>()
none<Exclude<Differing<ours.CDPSession, p25.CDPSession>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.ConsoleMessage, p24.ConsoleMessage>, Emitter | Runs>>()
none<Exclude<Differing<ours.ConsoleMessage, p25.ConsoleMessage>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Dialog, p24.Dialog>, Emitter | Runs>>()
none<Exclude<Differing<ours.Dialog, p25.Dialog>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.ElementHandle, p24.ElementHandle>, Emitter | Runs>>()
none<Exclude<Differing<ours.ElementHandle, p25.ElementHandle>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Frame, p24.Frame>, Emitter | Runs>>()
none<Exclude<Differing<ours.Frame, p25.Frame>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.HTTPRequest, p24.HTTPRequest>, Emitter | Runs>>()
none<Exclude<Differing<ours.HTTPRequest, p25.HTTPRequest>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.HTTPResponse, p24.HTTPResponse>, Emitter | Runs>>()
none<Exclude<Differing<ours.HTTPResponse, p25.HTTPResponse>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.JSHandle, p24.JSHandle>, Emitter | Runs>>()
none<Exclude<Differing<ours.JSHandle, p25.JSHandle>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Keyboard, p24.Keyboard>, Emitter | Runs>>()
none<Exclude<Differing<ours.Keyboard, p25.Keyboard>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Mouse, p24.Mouse>, Emitter | Runs>>()
none<Exclude<Differing<ours.Mouse, p25.Mouse>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Page, p24.Page>, Emitter | Runs>>()
none<Exclude<Differing<ours.Page, p25.Page>, Emitter | Runs | Newer>>()
none<Differing<ours.SerializedAXNode, p24.SerializedAXNode>>()
none<Differing<ours.SerializedAXNode, p25.SerializedAXNode>>()
none<Exclude<Differing<ours.WebWorker, p24.WebWorker>, Emitter | Runs>>()
none<Exclude<Differing<ours.WebWorker, p25.WebWorker>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Coverage, p24.Coverage>, Emitter | Runs>>()
none<Exclude<Differing<ours.Coverage, p25.Coverage>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Accessibility, p24.Accessibility>, Emitter | Runs>>()
none<Exclude<Differing<ours.Accessibility, p25.Accessibility>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Target, p24.Target>, Emitter | Runs>>()
none<Exclude<Differing<ours.Target, p25.Target>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Touchscreen, p24.Touchscreen>, Emitter | Runs>>()
none<Exclude<Differing<ours.Touchscreen, p25.Touchscreen>, Emitter | Runs | Newer>>()
none<Exclude<Differing<ours.Tracing, p24.Tracing>, Emitter | Runs>>()
none<Exclude<Differing<ours.Tracing, p25.Tracing>, Emitter | Runs | Newer>>()

/** The events that are named, by name: all else is an index signature. */
type Named<E> = { [K in keyof E as string extends K ? never : symbol extends K ? never : `${K & string}`]: E[K] }
/** Those whose argument is not what puppeteer's listeners take. */
type DifferingEvents<O, P> = Differing<O, Named<P>>
type MissingEvents<O, P> = Exclude<keyof Named<P>, keyof O>

none<DifferingEvents<ours.PageEvents, p24.PageEvents>>()
none<DifferingEvents<ours.PageEvents, p25.PageEvents>>()
none<DifferingEvents<ours.BrowserEvents, p24.BrowserEvents>>()
none<DifferingEvents<ours.BrowserEvents, p25.BrowserEvents>>()
none<DifferingEvents<ours.TargetEvents, p24.BrowserContextEvents>>()
none<DifferingEvents<ours.TargetEvents, p25.BrowserContextEvents>>()
none<MissingEvents<ours.BrowserEvents, p24.BrowserEvents>>()
none<MissingEvents<ours.TargetEvents, p24.BrowserContextEvents>>()
// Not named among ours: Chrome's issues.
none<Exclude<MissingEvents<ours.PageEvents, p24.PageEvents>, 'issue'>>()

// Calls that puppeteer's callers write, of each page; the results have the same types.
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function same<A, B>(proof: Equal<A, B>): void
export async function calls(a: ours.Page, b: p24.Page, c: p25.Page): Promise<void> {
  const sums = [await a.evaluate((x, y) => x + y, 1, 2), await b.evaluate((x, y) => x + y, 1, 2)] as const
  same<(typeof sums)[0], (typeof sums)[1]>(true)
  const texts = [await a.$eval('h1', (h) => h.textContent), await b.$eval('h1', (h) => h.textContent)] as const
  same<(typeof texts)[0], (typeof texts)[1]>(true)
  const all = [await a.$$eval('li', (l) => l.length), await c.$$eval('li', (l) => l.length)] as const
  same<(typeof all)[0], (typeof all)[1]>(true)
  const body = [await a.evaluateHandle(() => document.body), await c.evaluateHandle(() => document.body)] as const
  same<(typeof body)[0], Ours<(typeof body)[1]>>(true)
  const links = [await (await a.$('a'))?.toElement('a'), await (await b.$('a'))?.toElement('a')] as const
  same<(typeof links)[0], Ours<(typeof links)[1]>>(true)
  a.on('request', (request) => void [request.resourceType() === 'xhr', request.initiator()?.stack?.callFrames[0]?.url])
  a.on('console', (message) => void [message.type() === 'error', message.location().lineNumber])
  a.once('dialog', async (dialog) => dialog.type() === 'beforeunload' && dialog.accept())
  a.removeAllListeners('request')
  await a.evaluate('1 + 1')
}

// What they release at the end of their block.
export async function using(pool: ours.PagePool): Promise<void> {
  await using lease = await pool.getPage('tenant')
  await using browser = lease.page.browser()
  await using context = await browser.createBrowserContext()
  await using page = await context.newPage()
  using handle = await page.evaluateHandle(() => document)
  await using again = handle
  using other = page
  void [again, other]
  const disposed: Promise<void> = lease[Symbol.asyncDispose]()
  await disposed
}

// A pool over a browser manager of the caller's says once what its pages are.
declare const manager: { getBrowser(): Promise<p24.Browser>; cleanupUserDataDirs(): Promise<void> }
const pool = new PagePool<p24.Page>({ maxPages: 1, serverURL: '', boxelHostURL: '', browserManager: manager })
export async function render(signal: AbortSignal): Promise<string> {
  const lease: ours.Lease<p24.Page> = await pool.getPage('tenant', 'file', { signal })
  const capture = async (page: p24.Page): Promise<string> => page.content()
  try {
    return await capture(lease.page)
  } finally {
    lease.release()
  }
}
/** A subclass, as callers write it. */
export class Counted extends PagePool<p25.Page> {
  leases = 0
  override async getPage(...args: Parameters<PagePool<p25.Page>['getPage']>): Promise<ours.Lease<p25.Page>> {
    this.leases++
    return super.getPage(...args)
  }
}
export const mistaken = (lease: ours.Lease): p24.Page =>
  // @ts-expect-error without it, a page is ours
  lease.page
