// Loads the addon, and defines what N-API cannot: error classes, functions that run in pages, well-known symbols.
'use strict';

// First of all: says what to do where this file has become part of a bundle, in which `require` may not work either.
const addon = load();

const { EventEmitter } = require('node:events');
const { channel, tracingChannel } = require('node:diagnostics_channel');
const { Locator, locate, locateHandle, setTimeoutError } = require('./locator.js');

class PrerenderCancelledError extends Error {
  constructor(init) {
    const { state = 'queued', reason, cause } = typeof init === 'string' ? { reason: init } : (init ?? {});
    super(reason ? `prerender cancelled: ${reason}` : 'prerender cancelled', cause === undefined ? undefined : { cause });
    this.state = state;
    if (reason !== undefined) {
      this.reason = reason;
    }
  }
}

class StandbyTargetNotReadyError extends Error {}

class TimeoutError extends Error {}

class ProtocolError extends Error {}

class TargetCloseError extends ProtocolError {}

class TouchError extends Error {}

// Names are written out: a minifier changes those of classes.
function describe(errorClass, name, code) {
  for (const [key, value] of [['name', name], ['code', code]]) {
    Object.defineProperty(errorClass.prototype, key, { value, writable: true, configurable: true });
  }
}

describe(PrerenderCancelledError, 'PrerenderCancelledError', 'PRERENDER_CANCELLED');
describe(StandbyTargetNotReadyError, 'StandbyTargetNotReadyError', 'STANDBY_NOT_READY');
describe(TimeoutError, 'TimeoutError', 'TIMEOUT');
describe(ProtocolError, 'ProtocolError', 'PROTOCOL_ERROR');
describe(TargetCloseError, 'TargetCloseError', 'PAGE_CLOSED');
describe(TouchError, 'TouchError', 'ERR_INVALID_ARG_VALUE');

setTimeoutError(TimeoutError);

// These run in pages: nothing of this file is in reach there.

function markStandby() {
  globalThis.__boxelDuringPrerender = true;
  globalThis.__boxelRenderContext = true;
}

function isStandbyReady() {
  return Boolean(document.querySelector('#standby-ready'));
}

function isInDocument(selector) {
  return Boolean(document.querySelector(selector));
}

function probe() {
  return true;
}

const native = inThisRealm(addon);

/** The events of pools; the channel of each is `pagepool:` and its name. */
const EVENTS = ['lease', 'release', 'reject', 'standby', 'evict', 'retire', 'migrate', 'expand', 'contract', 'browser'];

native.__register({
  PrerenderCancelledError,
  StandbyTargetNotReadyError,
  TimeoutError,
  ProtocolError,
  TargetCloseError,
  TouchError,
  AsyncSemaphore: native.AsyncSemaphore,
  BrowserManager: native.BrowserManager,
  PagePool: native.PagePool,
  TabQueue: native.TabQueue,
  markStandby,
  isStandbyReady,
  isInDocument,
  probe,
  locate,
  locateHandle,
  root: packageRoot(),
  EventEmitter,
  channels: Object.fromEntries(EVENTS.map((name) => [name, channel(`pagepool:${name}`)])),
});

if (native.PagePool && Symbol.asyncDispose) {
  Object.defineProperty(native.PagePool.prototype, Symbol.asyncDispose, {
    value: function asyncDispose() {
      return this.closeAll();
    },
    writable: true,
    configurable: true,
  });
}

/** A pool that needs nothing else: it starts a browser of its own, and ends it with itself. */
async function createPool(options = {}) {
  if (options === null || typeof options !== 'object') {
    throw invalidArgument('options', 'an object', options);
  }
  const { browserManager: given, ...others } = options;
  const stands = others.standbyURL ?? others.boxelHostURL;
  const browserManager = given ?? new native.BrowserManager();
  const pool = new native.PagePool({ ...(stands === undefined ? { standbyURL: 'about:blank' } : {}), ...others, browserManager });
  if (!given) {
    Object.defineProperty(pool, 'closeAll', {
      value: async () => {
        await native.PagePool.prototype.closeAll.call(pool);
        await browserManager.stop();
      },
      writable: true,
      configurable: true,
    });
    // Says at once when there is no browser.
    await browserManager.getBrowser();
  }
  await pool.warmStandbys();
  return pool;
}

function invalidArgument(name, expected, value) {
  const error = new TypeError(`${name} must be ${expected}, but is ${value === null || typeof value === 'number' ? value : typeof value}`);
  error.code = 'ERR_INVALID_ARG_VALUE';
  return error;
}

/** `pool.use`: awaits a function of the caller's with a lease. */
async function use(affinityKey, run, options = {}) {
  if (typeof run !== 'function') {
    throw invalidArgument('run', 'a function', run);
  }
  if (options === null || typeof options !== 'object') {
    throw invalidArgument('options', 'an object', options);
  }
  const { queue, timeoutMs, signal, ...others } = options;
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    throw invalidArgument('options.timeoutMs', 'a number above 0', timeoutMs);
  }
  if (signal && !(signal instanceof AbortSignal)) {
    throw invalidArgument('options.signal', 'an AbortSignal', signal);
  }
  let state = 'queued';
  const controller = new AbortController();
  const stopped = new Promise((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  const onAbort = () => {
    const reason = typeof signal.reason === 'string' ? signal.reason : undefined;
    const error = new PrerenderCancelledError({ state, reason });
    if (reason === undefined) {
      error.cause = signal.reason;
    }
    controller.abort(error);
  };
  const late = () => controller.abort(new TimeoutError(`the page was not done with within ${timeoutMs} ms`));
  const timer = timeoutMs < 2 ** 31 ? setTimeout(late, timeoutMs).unref() : undefined;
  if (signal?.aborted) {
    onAbort();
  }
  signal?.addEventListener('abort', onAbort, { once: true });
  const used = (async () => {
    const lease = await this.getPage(affinityKey, queue, { ...others, signal: controller.signal, revokeOnAbort: true });
    state = 'rendering';
    try {
      controller.signal.throwIfAborted();
      return await run({ ...lease, extend: lease.extend, signal: AbortSignal.any([lease.signal, controller.signal]) });
    } finally {
      lease.release();
    }
  })();
  try {
    return await Promise.race([stopped, used]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    // What loses the race is nobody's any more.
    used.catch(() => {});
    stopped.catch(() => {});
  }
}

const getPageChannel = tracingChannel('pagepool.getPage');
const getPageUntraced = native.PagePool?.prototype.getPage;

/** `pool.getPage`, traced where somebody has subscribed to that. */
function getPage(...args) {
  if (!getPageChannel.hasSubscribers) {
    return getPageUntraced.apply(this, args);
  }
  const [affinityKey, queue = 'file', options] = args;
  const message = { pool: this, affinityKey, queue, priority: options?.priority ?? 0 };
  return getPageChannel.tracePromise(getPageUntraced, message, this, ...args);
}

/** `pool.on` and its like. The emitter only keeps the listeners: the addon calls them, and logs what they throw. */
function listening(name) {
  return { [name](...args) {
    const emitter = this.__emitter();
    const result = emitter[name](...args);
    return result === emitter ? this : result;
  } }[name];
}

if (native.PagePool) {
  const listeners = ['on', 'once', 'off', 'addListener', 'removeListener', 'listenerCount'].map(listening);
  for (const method of [use, getPage, ...listeners]) {
    Object.defineProperty(native.PagePool.prototype, method.name, { value: method, writable: true, configurable: true });
  }
}

for (const [name, value] of Object.entries(native)) {
  if (!name.startsWith('__')) {
    exports[name] = value;
  }
}

/** Where code written for puppeteer looks for query handlers. */
class Puppeteer {
  static registerCustomQueryHandler = native.registerCustomQueryHandler;
  static unregisterCustomQueryHandler = native.unregisterCustomQueryHandler;
  static customQueryHandlerNames = native.customQueryHandlerNames;
  static clearCustomQueryHandlers = native.clearCustomQueryHandlers;
}

/** The managers of browsers that were connected to, for as long as JavaScript keeps the browser. */
const managers = new WeakMap();

async function connect(options) {
  const { browserURL, ...rest } = options ?? {};
  const given = ['browserWSEndpoint', 'browserURL'].filter((name) => options?.[name] !== undefined);
  const [name] = given;
  const isFit = name === 'browserURL' ? URL.canParse(browserURL) : typeof rest.browserWSEndpoint === 'string';
  if (given.length !== 1 || !isFit) {
    const what = given.length === 1 ? `but ${name} is ${String(options[name])}` : given.length ? 'but both are there' : 'but is undefined';
    const error = new TypeError(`browserWSEndpoint or browserURL must be an address, ${what}`);
    throw Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
  }
  if (browserURL !== undefined) {
    rest.browserWSEndpoint = await endpointOf(browserURL, rest.launchTimeoutMs ?? 30_000);
  }
  const manager = new native.BrowserManager(rest);
  const browser = await manager.getBrowser();
  managers.set(browser, manager);
  return browser;
}

/** What a Chrome says on its debugging port of where to connect. */
async function endpointOf(browserURL, timeout) {
  let address = browserURL;
  try {
    address = new URL('/json/version', browserURL).href;
    const response = await fetch(address, { signal: AbortSignal.timeout(timeout) });
    const { webSocketDebuggerUrl } = response.ok ? await response.json() : {};
    if (typeof webSocketDebuggerUrl !== 'string') {
      throw new Error(response.ok ? 'the answer names no address' : `HTTP ${response.status} ${response.statusText}`);
    }
    return webSocketDebuggerUrl;
  } catch (cause) {
    const error = new Error(`Failed to fetch browser webSocket URL from ${address}: ${cause.message}`, { cause });
    throw Object.assign(error, { code: 'BROWSER_LAUNCH_FAILED' });
  }
}

// The page's classes, for `instanceof`: only the addon makes objects of them.
Object.assign(exports, native.__pageClasses());

Object.assign(exports, {
  Locator,
  Puppeteer,
  connect,
  createPool,
  PrerenderCancelledError,
  StandbyTargetNotReadyError,
  TimeoutError,
  ProtocolError,
  TargetCloseError,
  TouchError,
});

/**
 * The addon as this realm sees it. It belongs to Node's own; in a context of `vm`, as test runners make them, whatever
 * is called runs with the globals of that: its errors, `process.env`, `console` and `fetch`.
 */
function inThisRealm(addon) {
  const realm = addon.__realm(globalThis);
  if (realm === null) {
    return addon;
  }
  const within = (run) => {
    const before = addon.__enter(realm);
    try {
      return run();
    } finally {
      addon.__enter(before);
    }
  };
  const bound = (fn) => ({ [fn.name]: function (...args) { return within(() => fn.apply(this, args)); } })[fn.name];
  const subclass = (Class) => {
    const Bound = { [Class.name]: class extends Class {
      constructor(...args) {
        const before = addon.__enter(realm);
        try {
          super(...args);
        } finally {
          addon.__enter(before);
        }
      }
    } }[Class.name];
    const { constructor, ...members } = Object.getOwnPropertyDescriptors(Class.prototype);
    for (const [key, descriptor] of Object.entries(members)) {
      for (const part of ['value', 'get', 'set'].filter((part) => typeof descriptor[part] === 'function')) {
        descriptor[part] = bound(descriptor[part]);
      }
      Object.defineProperty(Bound.prototype, key, descriptor);
    }
    return Bound;
  };
  const own = {};
  for (const [name, value] of Object.entries(addon)) {
    const isClass = typeof value === 'function' && /^[A-Z]/.test(name);
    own[name] = typeof value !== 'function' || name === '__enter' ? value : isClass ? subclass(value) : bound(value);
  }
  return own;
}

/** Where the search for the package of an embedded Chrome begins, upwards through `node_modules`. */
function packageRoot() {
  // Yarn's Plug'n'Play has none, but knows where it has put what.
  const name = '@sparticuz/chromium';
  try {
    return process.versions.pnp ? require.resolve(name) : __dirname;
  } catch {
    return __dirname;
  }
}

function load() {
  const { existsSync } = process.getBuiltinModule('node:fs');
  const { join } = process.getBuiltinModule('node:path');
  // The package has its sources along: where they are not beside this file, it has become part of a bundle.
  if (typeof __dirname !== 'string' || !existsSync(join(__dirname, 'Cargo.toml'))) {
    throw missing("this file is part of a bundle, and the addon cannot be: mark 'pagepool' as external in the bundler's configuration");
  }
  const { platform, arch } = process;
  const abis = { linux: ['-gnu', '-musl'], win32: ['-msvc'] }[platform] ?? [''];
  const triples = abis.map((abi) => `${platform}-${arch}${abi}`);
  const beside = triples.map((triple) => join(__dirname, `pagepool.${triple}.node`)).filter((path) => existsSync(path));
  const found = beside.length > 0 ? beside : triples.map(prebuilt).filter((path) => path !== null);
  // Making the report takes long: only where there is a choice.
  const file = found.length > 1 && isMusl() ? found[1] : found[0];
  const isCheckout = existsSync(join(__dirname, '__test__'));
  const make = isCheckout ? '"npm run build" makes it' : `${rebuild(join)} builds it from source, with Rust`;
  if (!file) {
    const packages = isCheckout ? '' : ` and no package ${triples.map((triple) => `@pagepool/${triple}`).join(' or ')}`;
    throw missing(`no addon for ${platform} ${arch} (${triples.map((triple) => `pagepool.${triple}.node`).join(' or ')}) beside index.js${packages}; ${make}`);
  }
  try {
    return require(file);
  } catch (cause) {
    const error = new Error(`pagepool: ${file} does not load: ${cause.message}; ${make}`, { cause });
    throw Object.assign(error, { code: cause.code ?? 'ERR_DLOPEN_FAILED' });
  }
}

/** The addon of the package for a platform, which is an optional dependency. The names are written out for tools that trace files. */
function prebuilt(triple) {
  try {
    switch (triple) {
      case 'linux-x64-gnu': return require.resolve('@pagepool/linux-x64-gnu');
      case 'linux-arm64-gnu': return require.resolve('@pagepool/linux-arm64-gnu');
      default: return null;
    }
  } catch {
    return null;
  }
}

/** The command that builds the addon where the package is installed. The package with prebuilt addons has no install script. */
function rebuild(join) {
  return require('./package.json').scripts?.install ? '"npm rebuild pagepool"' : `"node ${join(__dirname, 'scripts', 'install.mjs')}"`;
}

function missing(why) {
  return Object.assign(new Error(`pagepool: ${why}`), { code: 'MODULE_NOT_FOUND' });
}

function isMusl() {
  return !process.report?.getReport?.().header?.glibcVersionRuntime;
}
