// The page and what belongs to it, in puppeteer's shape. docs/page-api.md says what is tested and what differs.

import type { ChildProcess } from 'node:child_process'
import type { BrowserManagerOptions, ConsoleErrorLocation } from './index.js'
import type { Locator } from './locator.js'

export * from './locator.js'

type Listener = (...args: any[]) => void

type ListenerOf<E, K> = K extends keyof E ? (argument: E[K]) => unknown : Listener

/** Listeners by event; `E` says what the listener of each event gets. */
export interface EventSource<E extends object = {}> {
  /** Adds a listener. One that is added twice is called twice. */
  on<K extends string>(event: K, listener: ListenerOf<E, K>): this
  /** Adds a listener for the next event only. */
  once<K extends string>(event: K, listener: ListenerOf<E, K>): this
  /** Takes a listener off; without one, all of the event. */
  off(event: string, listener?: Listener): this
  /** Takes off all listeners of an event, or of every event. */
  removeAllListeners(event?: string): this
  listenerCount(event: string): number
  /** Calls the listeners of an event; says whether there were any. */
  emit(event: string, argument?: unknown): boolean
}

/** An emitter that ends with nothing: `using` takes its listeners off. */
export interface DisposableEventSource<E extends object = {}> extends EventSource<E> {
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
}

/** A query handler of the caller's: at least one of both. They run in pages. */
export interface CustomQueryHandler {
  /** The first below a node. Default: the first of `queryAll`. */
  queryOne?: (node: Node, selector: string) => Node | null
  /** All below a node. Default: that of `queryOne`. */
  queryAll?: (node: Node, selector: string) => Iterable<Node>
}

type Unwrapped<A extends unknown[]> = { [I in keyof A]: A[I] extends JSHandle<infer T> ? T : A[I] }
export type HandleOf<T> = T extends Node ? ElementHandle<T> : JSHandle<T>

/** Runs code in a page. Arguments and results are values; handles stand for their objects. */
export interface Evaluates {
  /** Runs a function, or a script given as text; what it returns is copied. Promises are awaited. */
  evaluate<R, A extends unknown[]>(fn: (...args: Unwrapped<A>) => R, ...args: A): Promise<Awaited<R>>
  evaluate(expression: string): Promise<any>
  /** The same; what it returns stays in the page. */
  evaluateHandle<R, A extends unknown[]>(fn: (...args: Unwrapped<A>) => R, ...args: A): Promise<HandleOf<Awaited<R>>>
  evaluateHandle(expression: string): Promise<JSHandle<any>>
}

/**
 * Finds elements by selector: CSS, `text/…`, `xpath/…`, `pierce/…`, `aria/…`, and CSS with `>>>`, `>>>>` and
 * `::-p-text(…)`, `::-p-xpath(…)`, `::-p-aria(…)`.
 */
export interface Queries {
  /** The first, or null. */
  $<T extends Node = Element>(selector: string): Promise<ElementHandle<T> | null>
  /** All. */
  $$<T extends Node = Element>(selector: string): Promise<ElementHandle<T>[]>
  /** Calls a function with the first; rejects where there is none. */
  $eval<R, A extends unknown[], T extends Node = Element>(
    selector: string,
    fn: (element: T, ...args: Unwrapped<A>) => R,
    ...args: A
  ): Promise<Awaited<R>>
  /** Calls a function with an array of all. */
  $$eval<R, A extends unknown[], T extends Node = Element>(
    selector: string,
    fn: (elements: T[], ...args: Unwrapped<A>) => R,
    ...args: A
  ): Promise<Awaited<R>>
  /** Waits until there is one; null where `hidden` waits for none. Goes on across navigations. */
  waitForSelector<T extends Node = Element>(
    selector: string,
    options?: WaitForSelectorOptions,
  ): Promise<ElementHandle<T> | null>
}

/** Makes locators: they wait for what they look for, and until it is ready. */
export interface Locates {
  /** Looks for elements by selector. */
  locator<S extends string>(selector: S): Locator<Element>
  /** Waits for what a function in the page returns. */
  locator<R>(fn: () => R | Promise<R>): Locator<R>
}

/** Chrome's `Runtime.RemoteObject`. */
export interface RemoteObject {
  type: 'object' | 'function' | 'undefined' | 'string' | 'number' | 'boolean' | 'symbol' | 'bigint'
  subtype?:
    | 'array'
    | 'null'
    | 'node'
    | 'regexp'
    | 'date'
    | 'map'
    | 'set'
    | 'weakmap'
    | 'weakset'
    | 'iterator'
    | 'generator'
    | 'error'
    | 'proxy'
    | 'promise'
    | 'typedarray'
    | 'arraybuffer'
    | 'dataview'
    | 'webassemblymemory'
    | 'wasmvalue'
  className?: string
  value?: any
  unserializableValue?: string
  description?: string
  objectId?: string
}

/** An object that stayed in its page. */
export interface JSHandle<T = unknown> {
  /** Calls a function in the page with the object, and then the arguments. */
  evaluate<R, A extends unknown[]>(fn: (object: T, ...args: Unwrapped<A>) => R, ...args: A): Promise<Awaited<R>>
  evaluateHandle<R, A extends unknown[]>(
    fn: (object: T, ...args: Unwrapped<A>) => R,
    ...args: A
  ): Promise<HandleOf<Awaited<R>>>
  getProperty<K extends keyof T>(name: K): Promise<HandleOf<T[K]>>
  getProperty(name: string): Promise<JSHandle<any>>
  /** Its own enumerable properties. */
  getProperties(): Promise<Map<string, JSHandle<any>>>
  /** A copy; rejects where it cannot be copied. */
  jsonValue(): Promise<T>
  /** Itself, where it is a node. */
  asElement(): ElementHandle<T & Node> | null
  /** Lets go of the object. */
  dispose(): Promise<void>
  readonly disposed: boolean
  /** Chrome's id; primitives have none. */
  readonly id: string | undefined
  /** Chrome's description of it. */
  remoteObject(): RemoteObject
  move(): this
  toString(): string
  /** The same as `dispose()`, for `using`. */
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
}

/** A rectangle in CSS pixels of the page's viewport. */
export interface BoundingBox {
  x: number
  y: number
  width: number
  height: number
}

export interface Point {
  x: number
  y: number
}

/** Four corners, clockwise from the upper left. */
export type Quad = [Point, Point, Point, Point]

/** The corners of an element's boxes. */
export interface BoxModel {
  content: Quad
  padding: Quad
  border: Quad
  margin: Quad
  width: number
  height: number
}

/** What is done to elements; each is scrolled into view first. */
interface Actions<Prefix extends unknown[]> {
  /** Clicks its middle. */
  click(...args: [...Prefix, options?: ClickOptions]): Promise<void>
  hover(...args: Prefix): Promise<void>
  focus(...args: Prefix): Promise<void>
  tap(...args: Prefix): Promise<void>
  /** Focuses it and types. */
  type(...args: [...Prefix, text: string, options?: TypeOptions]): Promise<void>
  /** Selects options by value; resolves with those that are selected. */
  select(...args: [...Prefix, ...values: string[]]): Promise<string[]>
}

/** An element (or another node) that stayed in its page. */
export interface ElementHandle<T extends Node = Element> extends JSHandle<T>, Queries, Actions<[]> {
  /** The frame that it is in. */
  readonly frame: Frame
  /** A locator of this very element. */
  asLocator(): Locator<T>
  press(key: string, options?: PressOptions): Promise<void>
  /** Touches its middle. */
  touchStart(): Promise<TouchHandle>
  /** Moves a touch, by default the oldest, to its middle. */
  touchMove(touch?: TouchHandle): Promise<void>
  /** Lifts the oldest touch. */
  touchEnd(): Promise<void>
  /**
   * Drags it over a point or another element by the mouse, and leaves the button down. Where drags are intercepted,
   * resolves with what would be dropped.
   */
  drag(target: Point | ElementHandle<Node>): Promise<DragData | void>
  dragEnter(data?: DragData): Promise<void>
  dragOver(data?: DragData): Promise<void>
  /** Drags another element here and lets it go; or lets go what Chrome handed over. */
  drop(dragged: ElementHandle<Node> | DragData): Promise<void>
  /** As the mouse's, from element to element. */
  dragAndDrop(target: ElementHandle<Node>, options?: { delay?: number }): Promise<void>
  /**
   * Fills the form that the field belongs to, as Chrome's autofill does. Chrome refuses what is no field of a form, and
   * a headless shell has no autofill.
   */
  autofill(data: AutofillData): Promise<void>
  /** Puts files into a file input; none takes away what is there. */
  uploadFile(...paths: string[]): Promise<void>
  scrollIntoView(): Promise<void>
  /** Its middle, or a place relative to its upper left corner. */
  clickablePoint(offset?: Point): Promise<Point>
  /** null where it has no place. */
  boundingBox(): Promise<BoundingBox | null>
  boxModel(): Promise<BoxModel | null>
  isVisible(): Promise<boolean>
  isHidden(): Promise<boolean>
  isIntersectingViewport(options?: { threshold?: number }): Promise<boolean>
  /** The frame in it, where it holds one. */
  contentFrame(): Promise<Frame | null>
  /** Itself; rejects where that is not its tag. */
  toElement<K extends keyof HTMLElementTagNameMap | keyof SVGElementTagNameMap>(
    tagName: K,
  ): Promise<
    ElementHandle<
      K extends keyof HTMLElementTagNameMap
        ? HTMLElementTagNameMap[K]
        : K extends keyof SVGElementTagNameMap
          ? SVGElementTagNameMap[K]
          : never
    >
  >
  backendNodeId(): Promise<number>
  screenshot(options: ElementScreenshotOptions & { encoding: 'base64' }): Promise<string>
  screenshot(options?: ElementScreenshotOptions): Promise<Uint8Array>
}

export interface WaitOptions {
  /** Milliseconds; 0: no limit. Default: the page's, 30000. */
  timeout?: number
  /** Ends the wait with its reason. */
  signal?: AbortSignal
}

export interface WaitForFunctionOptions extends WaitOptions {
  /** When the function is called again: each frame, after changes, or every so many milliseconds. Default: `'raf'`. */
  polling?: 'raf' | 'mutation' | number
}

export interface WaitForSelectorOptions extends WaitOptions {
  /** It must be seen. Default: false. */
  visible?: boolean
  /** It must not be there, or not be seen. Default: false. */
  hidden?: boolean
}

export interface WaitForNetworkIdleOptions extends WaitOptions {
  /** How long, in milliseconds. Default: 500. */
  idleTime?: number
  /** How many requests do not count. Default: 0. */
  concurrency?: number
}

export type LifecycleEvent = 'load' | 'domcontentloaded' | 'networkidle0' | 'networkidle2'

export interface NavigationOptions extends WaitOptions {
  /** All of these. Default: `'load'`. */
  waitUntil?: LifecycleEvent | LifecycleEvent[]
}

export interface GotoOptions extends NavigationOptions {
  referer?: string
  referrerPolicy?: string
}

export interface ScriptTagOptions {
  url?: string
  path?: string
  content?: string
  id?: string
  type?: string
}

/** Goes somewhere, and waits. */
export interface Navigates {
  /** Loads an address; null where nothing was requested, as within the same document. */
  goto(url: string, options?: GotoOptions): Promise<HTTPResponse | null>
  /** Replaces the document. */
  setContent(html: string, options?: NavigationOptions): Promise<void>
  /** Waits for a navigation that something else begins. */
  waitForNavigation(options?: NavigationOptions): Promise<HTTPResponse | null>
  /** Waits until the function returns something truthy; goes on across navigations. */
  waitForFunction<R, A extends unknown[]>(
    fn: ((...args: Unwrapped<A>) => R) | string,
    options?: WaitForFunctionOptions,
    ...args: A
  ): Promise<HandleOf<Awaited<R>>>
  /** The document as HTML. */
  content(): Promise<string>
  title(): Promise<string>
  url(): string
  /** Adds a script by exactly one of `url`, `path` and `content`. */
  addScriptTag(options: ScriptTagOptions): Promise<ElementHandle<HTMLScriptElement>>
  /** Adds a style by exactly one of `path` and `content`, or a link by `url`. */
  addStyleTag(options: Omit<ScriptTagOptions, 'id' | 'type' | 'url'>): Promise<ElementHandle<HTMLStyleElement>>
  addStyleTag(options: Omit<ScriptTagOptions, 'id' | 'type'>): Promise<ElementHandle<HTMLLinkElement>>
}

/** A frame of a page, of any site. */
export interface Frame extends DisposableEventSource, Evaluates, Queries, Locates, Navigates, Actions<[selector: string]> {
  name(): string
  page(): Page
  parentFrame(): Frame | null
  childFrames(): Frame[]
  /** The element that holds it. */
  frameElement(): Promise<ElementHandle<HTMLIFrameElement> | null>
  isDetached(): boolean
  readonly detached: boolean
}

export interface ScreenshotOptions {
  /** Default: by the path's ending, else `'png'`. */
  type?: 'png' | 'jpeg' | 'webp'
  /** 0 to 100, not for PNG. */
  quality?: number
  /** Also written there. */
  path?: string
  /** The whole document. Default: false. */
  fullPage?: boolean
  clip?: BoundingBox & { scale?: number }
  /** Without the white background. Default: false. */
  omitBackground?: boolean
  /** Default: true with `clip` or `fullPage`. */
  captureBeyondViewport?: boolean
  fromSurface?: boolean
  optimizeForSpeed?: boolean
  /** Default: `'binary'`. */
  encoding?: 'binary' | 'base64'
}

export interface ElementScreenshotOptions extends Omit<ScreenshotOptions, 'fullPage'> {
  /** Default: true. */
  scrollIntoView?: boolean
}

export interface PDFOptions {
  /** 0.1 to 2. Default: 1. */
  scale?: number
  displayHeaderFooter?: boolean
  headerTemplate?: string
  footerTemplate?: string
  printBackground?: boolean
  landscape?: boolean
  /** Such as `'1-3, 5'`. Default: all. */
  pageRanges?: string
  /** Goes before `width` and `height`. Default: letter. */
  format?: string
  /** Pixels, or text with `px`, `in`, `cm` or `mm`. */
  width?: string | number
  height?: string | number
  preferCSSPageSize?: boolean
  margin?: { top?: string | number; bottom?: string | number; left?: string | number; right?: string | number }
  /** Also written there; not for a stream. */
  path?: string
  omitBackground?: boolean
  /** Default: true. */
  tagged?: boolean
  outline?: boolean
  /** Default: true. */
  waitForFonts?: boolean
  /** Milliseconds; 0: no limit. Default: the page's. */
  timeout?: number
}

export interface Viewport {
  width: number
  height: number
  deviceScaleFactor?: number
  isMobile?: boolean
  isLandscape?: boolean
  hasTouch?: boolean
}

export interface Cookie {
  name: string
  value: string
  domain: string
  path: string
  /** Seconds since 1970; -1 for a session's. */
  expires: number
  size: number
  httpOnly: boolean
  secure: boolean
  session: boolean
  sameSite?: CookieSameSite
  /** Which cookies go first where there are too many. */
  priority?: 'Low' | 'Medium' | 'High'
  sourceScheme?: 'Unset' | 'NonSecure' | 'Secure'
  sameParty?: boolean
  /** The site of the page in which it is sent; of a context's cookies with whether an ancestor is of another site. */
  partitionKey?: CookiePartitionKey | string
  partitionKeyOpaque?: boolean
}

export type CookieSameSite = 'Strict' | 'Lax' | 'None' | 'Default'

export interface CookiePartitionKey {
  sourceOrigin: string
  hasCrossSiteAncestor?: boolean
}

export type CookieParam = Pick<Cookie, 'name' | 'value'> & Partial<Cookie> & { url?: string }

export interface Credentials {
  username: string
  password: string
}

/** Chrome's counters of a page, by name. */
export type Metrics = Record<string, number>

/** What the listeners of a page get. */
export interface PageEvents {
  console: ConsoleMessage
  /** An exception that nobody caught: an error, or what else was thrown. */
  pageerror: Error
  /** The renderer crashed. */
  error: Error
  dialog: Dialog
  request: HTTPRequest
  requestservedfromcache: HTTPRequest
  requestfinished: HTTPRequest
  requestfailed: HTTPRequest
  response: HTTPResponse
  domcontentloaded: undefined
  load: undefined
  frameattached: Frame
  framenavigated: Frame
  framedetached: Frame
  popup: Page
  /** Dedicated workers. */
  workercreated: WebWorker
  workerdestroyed: WebWorker
  issue: Issue
  metrics: { title: string; metrics: Metrics }
  close: undefined
}

/** What Chrome finds wrong with a page, by its audits. */
export interface Issue {
  /** Such as `'MixedContentIssue'`. */
  code: string
  /** Chrome's `InspectorIssueDetails`. */
  details: any
}

export interface WebWorkerEvents {
  console: ConsoleMessage
  /** An exception that it does not catch. */
  error: Error
}

/** A dedicated, shared or service worker. */
export interface WebWorker extends DisposableEventSource<WebWorkerEvents>, Evaluates {
  /** The address of its script. */
  url(): string
  readonly client: CDPSession
  /** Ends it. */
  close(): Promise<void>
}

/** One page, in puppeteer's shape. */
export interface Page
  extends EventSource<PageEvents>,
    Evaluates,
    Queries,
    Locates,
    Navigates,
    Actions<[selector: string]> {
  readonly keyboard: Keyboard
  readonly mouse: Mouse
  readonly touchscreen: Touchscreen
  readonly tracing: Tracing
  readonly coverage: Coverage
  readonly accessibility: Accessibility
  reload(options?: NavigationOptions & { ignoreCache?: boolean }): Promise<HTTPResponse | null>
  goBack(options?: NavigationOptions): Promise<HTTPResponse | null>
  goForward(options?: NavigationOptions): Promise<HTTPResponse | null>
  /** Waits for a request by its address, or for one that the function accepts. */
  waitForRequest(
    wanted: string | ((request: HTTPRequest) => boolean | undefined | PromiseLike<boolean | undefined>),
    options?: WaitOptions,
  ): Promise<HTTPRequest>
  waitForResponse(
    wanted: string | ((response: HTTPResponse) => boolean | undefined | PromiseLike<boolean | undefined>),
    options?: WaitOptions,
  ): Promise<HTTPResponse>
  waitForFrame(wanted: string | ((frame: Frame) => boolean | PromiseLike<boolean>), options?: WaitOptions): Promise<Frame>
  waitForNetworkIdle(options?: WaitForNetworkIdleOptions): Promise<void>
  /** Waits until the page asks its user for a device, as `navigator.bluetooth.requestDevice()` does. */
  waitForDevicePrompt(options?: WaitOptions): Promise<DeviceRequestPrompt>
  /**
   * Waits until the page opens a chooser of files, in any of its frames. From the first call on choosers are handed to
   * the caller and not shown. All who wait get the same object.
   */
  waitForFileChooser(options?: WaitOptions): Promise<FileChooser>
  /** Runs a function or script before any other in each new document. */
  evaluateOnNewDocument<A extends unknown[]>(
    fn: ((...args: A) => unknown) | string,
    ...args: A
  ): Promise<{ identifier: string }>
  removeScriptToEvaluateOnNewDocument(identifier: string): Promise<void>
  /** Lets all documents of the page call a function of the caller. */
  exposeFunction(name: string, fn: Function | { default: Function }): Promise<void>
  removeExposedFunction(name: string): Promise<void>
  /** All objects with a prototype, as a handle on an array. */
  queryObjects<T>(prototype: JSHandle<T>): Promise<JSHandle<T[]>>
  screenshot(options: ScreenshotOptions & { encoding: 'base64' }): Promise<string>
  screenshot(options?: ScreenshotOptions): Promise<Uint8Array>
  pdf(options?: PDFOptions): Promise<Uint8Array>
  createPDFStream(options?: PDFOptions): Promise<ReadableStream<Uint8Array>>
  /** A session of its own on Chrome's protocol; a page can have several. */
  createCDPSession(): Promise<CDPSession>
  /** Holds each request back until a listener of `request` continues, answers or aborts it. */
  setRequestInterception(enabled: boolean): Promise<void>
  /** Hands drags to the caller instead of letting Chrome do them. */
  setDragInterception(enabled: boolean): Promise<void>
  isDragInterceptionEnabled(): boolean
  /** Answers servers that ask for a password; null: not any more. */
  authenticate(credentials: Credentials | null): Promise<void>
  setExtraHTTPHeaders(headers: Record<string, string>): Promise<void>
  setUserAgent(userAgent: string, metadata?: object): Promise<void>
  setUserAgent(options: { userAgent?: string; userAgentMetadata?: object; platform?: string }): Promise<void>
  setCacheEnabled(enabled?: boolean): Promise<void>
  setJavaScriptEnabled(enabled: boolean): Promise<void>
  isJavaScriptEnabled(): boolean
  /** Ignores the content security policy of the next documents. */
  setBypassCSP(enabled: boolean): Promise<void>
  setBypassServiceWorker(bypass: boolean): Promise<void>
  isServiceWorkerBypassed(): boolean
  setOfflineMode(enabled: boolean): Promise<void>
  emulateNetworkConditions(
    conditions: { download?: number; upload?: number; latency?: number; offline?: boolean } | null,
  ): Promise<void>
  setViewport(viewport: Viewport | null): Promise<void>
  /** As it was set. Default: 800 × 600. */
  viewport(): Viewport | null
  emulate(device: { viewport: Viewport; userAgent: string }): Promise<void>
  /** `'screen'` or `'print'`. */
  emulateMediaType(type?: string | null): Promise<void>
  emulateMediaFeatures(features?: { name: string; value: string }[] | null): Promise<void>
  emulateTimezone(timezoneId?: string | null): Promise<void>
  /** A locale by its name, such as `'de-DE'`; none: the computer's. */
  emulateLocale(locale?: string | null): Promise<void>
  emulateIdleState(state?: { isUserActive: boolean; isScreenUnlocked: boolean }): Promise<void>
  emulateVisionDeficiency(type?: string): Promise<void>
  /** So many times slower; null: full speed. */
  emulateCPUThrottling(factor: number | null): Promise<void>
  emulateFocusedPage(enabled: boolean): Promise<void>
  setGeolocation(place: { longitude: number; latitude: number; accuracy?: number }): Promise<void>
  /** The cookies that requests to these addresses, or to the page's, would carry. */
  cookies(...urls: string[]): Promise<Cookie[]>
  setCookie(...cookies: CookieParam[]): Promise<void>
  deleteCookie(...cookies: { name: string; url?: string; domain?: string; path?: string }[]): Promise<void>
  deleteCookies(...cookies: { name: string; url?: string; domain?: string; path?: string }[]): Promise<void>
  metrics(): Promise<Metrics>
  /** Collects what is garbage, and writes the heap of the page's scripts to a file, as V8's JSON. */
  captureHeapSnapshot(options: { path: string }): Promise<void>
  bringToFront(): Promise<void>
  close(options?: { runBeforeUnload?: boolean }): Promise<void>
  isClosed(): boolean
  mainFrame(): Frame
  /** All frames, the main one first. */
  frames(): Frame[]
  /** Its dedicated workers. */
  workers(): WebWorker[]
  /** The window that it is in, for `Browser.getWindowBounds`. */
  windowId(): Promise<string>
  /** Whether the developer tools are open on it. */
  hasDevTools(): Promise<boolean>
  /** Changes the size of its window so that its content has this size, in pixels of the screen. */
  resize(size: { contentWidth: number; contentHeight: number }): Promise<void>
  target(): Target
  browser(): Browser
  browserContext(): BrowserContext
  /** The limit of waits, in milliseconds; 0: none. */
  setDefaultTimeout(ms: number): void
  /** The limit of navigations, in milliseconds; 0: none. */
  setDefaultNavigationTimeout(ms: number): void
  getDefaultTimeout(): number
  getDefaultNavigationTimeout(): number
  /** Closes it, and waits for nothing. */
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
}

export interface TypeOptions {
  /** Milliseconds between keys. Default: 0. */
  delay?: number
}

export interface PressOptions extends TypeOptions {
  /** What the key types. Default: what it says. */
  text?: string
  /** Editing commands, such as `'SelectAll'`. */
  commands?: string[]
}

/** Keys by their names, such as `'Enter'`, `'KeyA'` or `'%'`. */
export interface Keyboard {
  down(key: string, options?: Omit<PressOptions, 'delay'>): Promise<void>
  up(key: string): Promise<void>
  press(key: string, options?: PressOptions): Promise<void>
  type(text: string, options?: TypeOptions): Promise<void>
  /** Enters text without a key. */
  sendCharacter(text: string): Promise<void>
}

export type MouseButton = 'left' | 'right' | 'middle' | 'back' | 'forward'

export interface MouseOptions {
  /** Default: `'left'`. */
  button?: MouseButton
  /** The click's number as the page sees it. Default: 1. */
  clickCount?: number
}

export interface ClickOptions extends MouseOptions {
  /** How many clicks. Default: 1. */
  count?: number
  /** How long the button is down, in milliseconds. Default: 0. */
  delay?: number
  /** From the element's upper left corner. Default: its middle. */
  offset?: Point
}

/** In CSS pixels of the viewport. */
export interface Mouse {
  move(x: number, y: number, options?: { steps?: number }): Promise<void>
  down(options?: MouseOptions): Promise<void>
  up(options?: MouseOptions): Promise<void>
  click(x: number, y: number, options?: Omit<ClickOptions, 'offset'>): Promise<void>
  wheel(options?: { deltaX?: number; deltaY?: number }): Promise<void>
  /** Lets all buttons go. */
  reset(): Promise<void>
  /**
   * Drags what is at `start` to `target`; resolves with what would be dropped there. Rejects where drags are not
   * intercepted (`page.setDragInterception`), and with a `TimeoutError` where nothing can be dragged.
   */
  drag(start: Point, target: Point): Promise<DragData>
  dragEnter(target: Point, data: DragData): Promise<void>
  dragOver(target: Point, data: DragData): Promise<void>
  drop(target: Point, data: DragData): Promise<void>
  /** All of it; `delay` is what it waits over the target, in milliseconds. Needs interception too. */
  dragAndDrop(start: Point, target: Point, options?: { delay?: number }): Promise<void>
}

/** A chooser of files that a page has opened. */
export interface FileChooser {
  /** Whether it takes several files. */
  isMultiple(): boolean
  /** Chooses these files. Rejects where it was handled before, or does not take so many. */
  accept(paths: string[]): Promise<void>
  /** Chooses none. */
  cancel(): Promise<void>
}

/** What forms are filled with. */
export interface AutofillData {
  creditCard?: { number: string; name: string; expiryMonth: string; expiryYear: string; cvc: string }
  /** By Chrome's names of fields, such as `'NAME_FULL'`. */
  address?: { fields: { name: string; value: string }[] }
}

/** What is dragged. */
export interface DragData {
  items: { mimeType: string; data: string; title?: string; baseURL?: string }[]
  /** Paths. */
  files?: string[]
  /** What may become of it, as bits: copy 1, link 2, move 16. */
  dragOperationsMask: number
}

/** One finger on the page. */
export interface TouchHandle {
  move(x: number, y: number): Promise<void>
  /** Lifts it. Afterwards both methods reject with a `TouchError`. */
  end(): Promise<void>
}

/** In CSS pixels of the viewport. */
export interface Touchscreen {
  tap(x: number, y: number): Promise<void>
  /** Touches the page; several touches make a gesture. */
  touchStart(x: number, y: number): Promise<TouchHandle>
  /** Moves the oldest touch. Rejects with a `TouchError` where there is none. */
  touchMove(x: number, y: number): Promise<void>
  /** Lifts the oldest touch. Rejects with a `TouchError` where there is none. */
  touchEnd(): Promise<void>
}

/** A device that a prompt offers. */
export interface DeviceRequestPromptDevice {
  id: string
  name: string
}

/** A page's question for a device. */
export interface DeviceRequestPrompt {
  /** Those that it offers so far. */
  readonly devices: DeviceRequestPromptDevice[]
  /** Waits for one that the function accepts. */
  waitForDevice(
    filter: (device: DeviceRequestPromptDevice) => boolean,
    options?: WaitOptions,
  ): Promise<DeviceRequestPromptDevice>
  select(device: DeviceRequestPromptDevice): Promise<void>
  cancel(): Promise<void>
}

/** What of a script or a style sheet was used. */
export interface CoverageEntry {
  url: string
  text: string
  /** What was used: disjoint, in order, in UTF-16 units; `end` is behind the last. */
  ranges: { start: number; end: number }[]
}

export interface JSCoverageEntry extends CoverageEntry {
  /** V8's `ScriptCoverage`, with `includeRawScriptCoverage`. */
  rawScriptCoverage?: any
}

export interface CSSCoverageOptions {
  /** Forgets what was there at each navigation. Default: true. */
  resetOnNavigation?: boolean
}

export interface JSCoverageOptions extends CSSCoverageOptions {
  /** What has no address too, such as of `eval`. Default: false. */
  reportAnonymousScripts?: boolean
  /** Default: false. */
  includeRawScriptCoverage?: boolean
  /** Blocks, and not just functions. Default: true. */
  useBlockCoverage?: boolean
}

/** Which parts of scripts and style sheets are used. */
export interface Coverage {
  startJSCoverage(options?: JSCoverageOptions): Promise<void>
  stopJSCoverage(): Promise<JSCoverageEntry[]>
  startCSSCoverage(options?: CSSCoverageOptions): Promise<void>
  stopCSSCoverage(): Promise<CoverageEntry[]>
}

/** What a screen reader is told of an element. */
export interface SerializedAXNode {
  role: string
  name?: string
  value?: string | number
  description?: string
  keyshortcuts?: string
  roledescription?: string
  valuetext?: string
  disabled?: boolean
  expanded?: boolean
  focused?: boolean
  modal?: boolean
  multiline?: boolean
  multiselectable?: boolean
  readonly?: boolean
  required?: boolean
  selected?: boolean
  checked?: boolean | 'mixed'
  pressed?: boolean | 'mixed'
  level?: number
  valuemin?: number
  valuemax?: number
  autocomplete?: string
  haspopup?: string
  invalid?: string
  orientation?: string
  busy?: boolean
  live?: string
  atomic?: boolean
  relevant?: string
  errormessage?: string
  details?: string
  url?: string
  children?: SerializedAXNode[]
  /** The element, or that around it where it is text; null where there is none. */
  elementHandle(): Promise<ElementHandle | null>
}

export interface SnapshotOptions {
  /** Without what tells a reader nothing. Default: true. */
  interestingOnly?: boolean
  /** What is in frames too. Default: false. */
  includeIframes?: boolean
  /** Where to begin. Default: the document. */
  root?: ElementHandle<Node>
}

/** The accessibility tree. */
export interface Accessibility {
  /** null where there is nothing to tell. */
  snapshot(options?: SnapshotOptions): Promise<SerializedAXNode | null>
}

/** Records what the browser does; one recording at a time. */
export interface Tracing {
  start(options?: { path?: string; screenshots?: boolean; categories?: string[] }): Promise<void>
  /** The recording, as JSON. */
  stop(): Promise<Uint8Array>
}

/** What the listeners of a browser or a context get. */
export interface TargetEvents {
  targetcreated: Target
  targetchanged: Target
  targetdestroyed: Target
}

export interface BrowserEvents extends TargetEvents {
  disconnected: undefined
}

export type TargetType =
  | 'page'
  | 'background_page'
  | 'service_worker'
  | 'shared_worker'
  | 'browser'
  | 'webview'
  | 'other'

/** A page, a worker of several pages, or the browser itself. */
export interface Target {
  type(): TargetType
  url(): string
  /** null where it is no page. */
  page(): Promise<Page | null>
  /** The target as a page, whatever its type is. */
  asPage(): Promise<Page>
  /** null where it is no worker. */
  worker(): Promise<WebWorker | null>
  browser(): Browser
  browserContext(): BrowserContext
  /** The target that opened it. */
  opener(): Target | undefined
  createCDPSession(): Promise<CDPSession>
}

/** What browsers and contexts have in common. */
interface HasTargets {
  newPage(): Promise<Page>
  pages(): Promise<Page[]>
  targets(): Target[]
  /** Waits for a target that the function accepts. Default timeout: 30000. */
  waitForTarget(predicate: (target: Target) => boolean | Promise<boolean>, options?: WaitOptions): Promise<Target>
  cookies(): Promise<Cookie[]>
  setCookie(...cookies: CookieParam[]): Promise<void>
  deleteCookie(...cookies: (Pick<Cookie, 'name' | 'value' | 'domain' | 'path'> & Partial<Cookie>)[]): Promise<void>
  /** All cookies of these names. */
  deleteMatchingCookies(...filters: { name: string }[]): Promise<void>
  setPermission(
    origin: string,
    ...permissions: { permission: { name: string }; state: 'granted' | 'denied' | 'prompt' }[]
  ): Promise<void>
  close(): Promise<void>
  /** Closes it, and waits for nothing. */
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
}

/** A BrowserContext: storage and cache of its own. */
export interface BrowserContext extends EventSource<TargetEvents>, HasTargets {
  /** The default context has none. */
  readonly id: string | undefined
  readonly closed: boolean
  browser(): Browser
  /** Grants an origin these permissions and no others, by the web's names. */
  overridePermissions(origin: string, permissions: string[]): Promise<void>
  clearPermissionOverrides(): Promise<void>
}

export interface BrowserContextOptions {
  proxyServer?: string
  proxyBypassList?: string[]
  downloadBehavior?: { policy: 'deny' | 'allow' | 'allowAndName' | 'default'; downloadPath?: string }
}

/** In pixels of the screen. */
export interface WindowBounds {
  left?: number
  top?: number
  width?: number
  height?: number
  windowState?: 'normal' | 'minimized' | 'maximized' | 'fullscreen'
}

/** A running Chrome. */
export interface Browser extends EventSource<BrowserEvents>, HasTargets {
  createBrowserContext(options?: BrowserContextOptions): Promise<BrowserContext>
  defaultBrowserContext(): BrowserContext
  browserContexts(): BrowserContext[]
  /** The browser itself, for a session on it. */
  target(): Target
  version(): Promise<string>
  userAgent(): Promise<string>
  /** Empty where no port is open. */
  wsEndpoint(): string
  /**
   * The process that was started; null for a browser that was connected to. Of a `ChildProcess` it has `pid`, `spawnfile`,
   * `spawnargs`, `killed`, `exitCode`, `signalCode`, `kill()` and events.
   */
  process(): ChildProcess | null
  isConnected(): boolean
  readonly connected: boolean
  getWindowBounds(windowId: string): Promise<WindowBounds>
  setWindowBounds(windowId: string, bounds: WindowBounds): Promise<void>
  /** An error for each command that has no answer yet. */
  readonly debugInfo: { pendingProtocolErrors: Error[] }
  /** Ends it, also where it was connected to. */
  close(): Promise<void>
  /** Leaves a browser that was connected to; a Chrome that was started here ends with its only client. */
  disconnect(): Promise<void>
}

export type ConsoleMessageType =
  | 'log'
  | 'debug'
  | 'info'
  | 'error'
  | 'warn'
  | 'dir'
  | 'dirxml'
  | 'table'
  | 'trace'
  | 'clear'
  | 'startGroup'
  | 'startGroupCollapsed'
  | 'endGroup'
  | 'assert'
  | 'profile'
  | 'profileEnd'
  | 'count'
  | 'timeEnd'
  | 'verbose'

/** What a page said to its console. */
export interface ConsoleMessage {
  type(): ConsoleMessageType
  page(): Page
  /** The frame that said it, while it is there. */
  frame(): Frame | null
  /** null where it was no worker. */
  worker(): WebWorker | null
  text(): string
  args(): JSHandle[]
  location(): ConsoleErrorLocation
  stackTrace(): ConsoleErrorLocation[]
}

/** `alert`, `confirm`, `prompt` or `beforeunload`. One that nobody listens for is dismissed. */
export interface Dialog {
  type(): 'alert' | 'confirm' | 'prompt' | 'beforeunload'
  message(): string
  defaultValue(): string
  /** Whether it was accepted or dismissed. */
  readonly handled: boolean
  accept(text?: string): Promise<void>
  dismiss(): Promise<void>
}

export interface ContinueRequestOverrides {
  url?: string
  method?: string
  postData?: string | Uint8Array
  headers?: Record<string, string>
}

export interface ResponseForRequest {
  /** Default: 200. */
  status?: number
  headers?: Record<string, unknown>
  contentType?: string
  body?: string | Uint8Array
}

/** What a request is for: Chrome's name in lower case. */
export type ResourceType =
  | 'document'
  | 'stylesheet'
  | 'image'
  | 'media'
  | 'font'
  | 'script'
  | 'texttrack'
  | 'xhr'
  | 'fetch'
  | 'prefetch'
  | 'eventsource'
  | 'websocket'
  | 'manifest'
  | 'signedexchange'
  | 'ping'
  | 'cspviolationreport'
  | 'preflight'
  | 'fedcm'
  | 'other'

/** Chrome's `Network.Initiator`. */
export interface Initiator {
  type: 'parser' | 'script' | 'preload' | 'SignedExchange' | 'preflight' | 'FedCM' | 'other'
  stack?: StackTrace
  url?: string
  /** From 0. */
  lineNumber?: number
  /** From 0. */
  columnNumber?: number
  requestId?: string
}

/** Chrome's `Runtime.StackTrace`. */
export interface StackTrace {
  description?: string
  callFrames: { functionName: string; scriptId: string; url: string; lineNumber: number; columnNumber: number }[]
  parent?: StackTrace
  parentId?: { id: string; debuggerId?: string }
}

export interface InterceptResolutionState {
  action: 'abort' | 'respond' | 'continue' | 'disabled' | 'none' | 'already-handled'
  priority?: number
}

/** Chrome's `Network.ErrorReason`. */
export type ErrorReason =
  | 'Failed'
  | 'Aborted'
  | 'TimedOut'
  | 'AccessDenied'
  | 'ConnectionClosed'
  | 'ConnectionReset'
  | 'ConnectionRefused'
  | 'ConnectionAborted'
  | 'ConnectionFailed'
  | 'NameNotResolved'
  | 'InternetDisconnected'
  | 'AddressUnreachable'
  | 'BlockedByClient'
  | 'BlockedByResponse'

/** Chrome's `Network.ResourceTiming`: `requestTime` in seconds, the rest in milliseconds after it. */
export interface ResourceTiming {
  requestTime: number
  proxyStart: number
  proxyEnd: number
  dnsStart: number
  dnsEnd: number
  connectStart: number
  connectEnd: number
  sslStart: number
  sslEnd: number
  workerStart: number
  workerReady: number
  workerFetchStart: number
  workerRespondWithSettled: number
  workerRouterEvaluationStart?: number
  workerCacheLookupStart?: number
  sendStart: number
  sendEnd: number
  pushStart: number
  pushEnd: number
  receiveHeadersStart: number
  receiveHeadersEnd: number
}

/** A request of a page; what follows a redirect is another one. */
export interface HTTPRequest {
  readonly id: string
  url(): string
  method(): string
  /** Names in lower case. */
  headers(): Record<string, string>
  resourceType(): ResourceType
  isNavigationRequest(): boolean
  postData(): string | undefined
  hasPostData(): boolean
  fetchPostData(): Promise<string | undefined>
  /** null until there is an answer. */
  response(): HTTPResponse | null
  /** null unless it failed. */
  failure(): { errorText: string } | null
  /** The requests that were redirected to this one. */
  redirectChain(): HTTPRequest[]
  initiator(): Initiator | undefined
  frame(): Frame | null
  /** The same as the web's `Request`. */
  asFetchRequest(): Promise<Request>
  /** The session that it belongs to. */
  readonly client: CDPSession
  /** Lets it go on, changed or not; with a priority as a vote. */
  continue(overrides?: ContinueRequestOverrides, priority?: number): Promise<void>
  /** Answers it. */
  respond(response: Partial<ResponseForRequest>, priority?: number): Promise<void>
  /** Lets it fail. Default: `'failed'`. */
  abort(errorCode?: string, priority?: number): Promise<void>
  isInterceptResolutionHandled(): boolean
  interceptResolutionState(): InterceptResolutionState
  continueRequestOverrides(): Omit<ContinueRequestOverrides, 'postData'> & { postData?: string }
  responseForRequest(): Partial<ResponseForRequest> | null
  abortErrorReason(): ErrorReason | null
  /** Runs after the listeners, before the votes are counted. */
  enqueueInterceptAction(handler: () => unknown): void
  finalizeInterceptions(): Promise<void>
}

/** The certificate of a server. */
export interface SecurityDetails {
  issuer(): string
  /** Seconds since 1970. */
  validFrom(): number
  validTo(): number
  protocol(): string
  subjectName(): string
  subjectAlternativeNames(): string[]
}

/** An answer to a request. */
export interface HTTPResponse {
  status(): number
  statusText(): string
  /** Whether it is a success. */
  ok(): boolean
  url(): string
  /** Names in lower case. */
  headers(): Record<string, string>
  request(): HTTPRequest
  fromCache(): boolean
  fromServiceWorker(): boolean
  remoteAddress(): { ip?: string; port?: number }
  securityDetails(): SecurityDetails | null
  timing(): ResourceTiming | null
  frame(): Frame | null
  buffer(): Promise<Buffer>
  content(): Promise<Uint8Array>
  /** The same as the web's `Response`. */
  asFetchResponse(): Promise<Response>
  text(): Promise<string>
  json(): Promise<any>
}

/** The connection's certificate and cipher. */
export interface SecurityDetails {
  issuer(): string
  /** Seconds since 1970. */
  validFrom(): number
  /** Seconds since 1970. */
  validTo(): number
  /** Such as `'TLS 1.3'`. */
  protocol(): string
  subjectName(): string
  subjectAlternativeNames(): string[]
}

/** What all sessions of a browser share. */
export interface Connection extends DisposableEventSource {
  /** Empty where no port is open. */
  url(): string
  /** How long a command may take, in milliseconds; 0: no limit. Default: 180000. */
  readonly timeout: number
  /** Sends a command on the browser's own session. */
  send(method: string, params?: object, options?: { timeout?: number }): Promise<any>
  /** The attached session of this id. */
  session(sessionId: string): CDPSession | null
  /** Attaches to a target. */
  createSession(targetInfo: { targetId: string }): Promise<CDPSession>
  /** Ends it, and the browser's pages with it. */
  dispose(): void
}

/** What the listeners of a session get, besides those of Chrome's own events. */
export interface CDPSessionEvents {
  /** A session was attached through this one. */
  sessionattached: CDPSession
  sessiondetached: CDPSession
  /** Every event of the protocol: its name, and then its parameters. */
  '*': string
}

/** Chrome's protocol, untyped, on a session of its own. */
export interface CDPSession extends DisposableEventSource<CDPSessionEvents> {
  /** undefined once it is detached. */
  connection(): Connection | undefined
  /** Sends a command. `timeout`, in milliseconds, takes the place of the manager's `protocolTimeout`; 0: no limit. */
  send(method: string, params?: object, options?: { timeout?: number }): Promise<any>
  detach(): Promise<void>
  id(): string
  readonly detached: boolean
}

/** A class whose objects come from a browser: for `instanceof`. */
export interface ClassOf<T> extends Function {
  readonly prototype: T
}

export declare const Accessibility: ClassOf<Accessibility>
export declare const Browser: ClassOf<Browser>
export declare const BrowserContext: ClassOf<BrowserContext>
export declare const CDPSession: ClassOf<CDPSession>
export declare const Connection: ClassOf<Connection>
export declare const ConsoleMessage: ClassOf<ConsoleMessage>
export declare const Coverage: ClassOf<Coverage>
export declare const DeviceRequestPrompt: ClassOf<DeviceRequestPrompt>
export declare const Dialog: ClassOf<Dialog>
export declare const ElementHandle: ClassOf<ElementHandle<any>>
export declare const FileChooser: ClassOf<FileChooser>
export declare const Frame: ClassOf<Frame>
export declare const HTTPRequest: ClassOf<HTTPRequest>
export declare const HTTPResponse: ClassOf<HTTPResponse>
export declare const JSHandle: ClassOf<JSHandle<any>>
export declare const Keyboard: ClassOf<Keyboard>
export declare const Mouse: ClassOf<Mouse>
export declare const Page: ClassOf<Page>
export declare const SecurityDetails: ClassOf<SecurityDetails>
export declare const Target: ClassOf<Target>
export declare const TouchHandle: ClassOf<TouchHandle>
export declare const Touchscreen: ClassOf<Touchscreen>
export declare const Tracing: ClassOf<Tracing>
export declare const WebWorker: ClassOf<WebWorker>

/**
 * Connects to a browser that runs elsewhere, as `new BrowserManager(options).getBrowser()` does, by one of its two
 * addresses: `browserURL` is that of its debugging port. Its pages, contexts and workers are known then; a page that
 * computes is not waited for. Rejects with the code `ERR_INVALID_ARG_VALUE` or `BROWSER_LAUNCH_FAILED`.
 */
export declare function connect(
  options: BrowserManagerOptions & ({ browserWSEndpoint: string } | { browserURL: string; browserWSEndpoint?: undefined }),
): Promise<Browser>

/** Where code written for puppeteer looks for query handlers: the same functions as of the package. */
export declare const Puppeteer: {
  registerCustomQueryHandler(name: string, handler: CustomQueryHandler): void
  unregisterCustomQueryHandler(name: string): void
  customQueryHandlerNames(): string[]
  clearCustomQueryHandlers(): void
}
