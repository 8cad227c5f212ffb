// Loads the addon, and defines what N-API cannot: error classes, functions that run in pages, well-known symbols.
'use strict';

const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
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

const native = inThisRealm(load());

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
  root: __dirname,
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

if (native.PagePool) {
  Object.defineProperty(native.PagePool.prototype, 'use', { value: use, writable: true, configurable: true });
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

function load() {
  const { platform, arch } = process;
  // The package has its sources along: where they are not beside this file, it has become part of a bundle.
  const isBundled = typeof __dirname !== 'string' || !existsSync(join(__dirname, 'Cargo.toml'));
  if (isBundled) {
    throw missing("this file is part of a bundle, and the addon cannot be: mark 'pagepool' as external in the bundler's configuration");
  }
  const stem = `pagepool.${platform}-${arch}`;
  const abis = { linux: ['-gnu', '-musl'], win32: ['-msvc'] }[platform] ?? [''];
  const files = abis.map((abi) => join(__dirname, `${stem}${abi}.node`)).filter((path) => existsSync(path));
  // Making the report takes long: only where there is a choice.
  const file = files.length > 1 && isMusl() ? files[1] : files[0];
  if (!file) {
    const there = readdirSync(__dirname).filter((name) => name.endsWith('.node'));
    const make = existsSync(join(__dirname, '__test__')) ? 'npm run build' : 'npm rebuild pagepool';
    const others = there.length ? ` (there: ${there.join(', ')})` : '';
    throw missing(`no addon for ${platform} ${arch} beside index.js${others}; "${make}" makes it`);
  }
  return require(file);
}

function missing(why) {
  return Object.assign(new Error(`pagepool: ${why}`), { code: 'MODULE_NOT_FOUND' });
}

function isMusl() {
  return !process.report?.getReport?.().header?.glibcVersionRuntime;
}
