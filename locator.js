// Locators: what to look for on a page, and what to do with it once it is there. Composed of the page's own methods.
'use strict';

const { EventEmitter } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');

/** Between two attempts, in milliseconds. */
const RETRY_MS = 100;

/** Text from this length on is set at once instead of typed. */
const TYPING_THRESHOLD = 100;

/** `TimeoutError`: the package's main file has it. */
let TimeoutError;

/** One action of a locator: its deadline, and the signal that ends everything begun for it. */
class Action {
  #ended = new AbortController();
  #timer;
  #outer;
  #abort;
  #over;

  constructor(name, timeout, outer) {
    this.#outer = outer;
    this.#over = new Promise((_, reject) => {
      const end = (error) => {
        reject(error);
        this.#ended.abort(error);
      };
      this.#abort = () => end(reasonOf(outer, name));
      if (outer?.aborted) {
        this.#abort();
        return;
      }
      outer?.addEventListener('abort', this.#abort, { once: true });
      // A longer one would be over at once.
      if (timeout > 0 && timeout < 2 ** 31) {
        this.#timer = setTimeout(() => {
          const cause = new Error(name, this.failure === undefined ? undefined : { cause: this.failure });
          end(new TimeoutError(`Timed out after waiting ${timeout}ms`, { cause }));
        }, timeout);
      }
    });
    this.#over.catch(() => {});
  }

  /** Why the latest attempt failed. */
  failure = undefined;

  get signal() {
    return this.#ended.signal;
  }

  /** Makes attempts until one succeeds, the time is up, or nothing can come any more. */
  async run(attempt, isOver) {
    try {
      return await Promise.race([this.#over, this.#attempts(attempt, isOver)]);
    } finally {
      clearTimeout(this.#timer);
      this.#outer?.removeEventListener('abort', this.#abort);
      this.#ended.abort();
    }
  }

  async #attempts(attempt, isOver) {
    for (;;) {
      try {
        return await attempt(this);
      } catch (error) {
        this.signal.throwIfAborted();
        if (isOver()) throw error;
        this.failure = error;
      }
      await sleep(RETRY_MS, undefined, { signal: this.signal });
    }
  }
}

function reasonOf(signal, name) {
  if (signal.reason instanceof Error) return signal.reason;
  const error = new Error(String(signal.reason), { cause: new Error(name) });
  error.code = 'PRERENDER_CANCELLED';
  return error;
}

/** Lets a handle go, unless it is the caller's. */
function letGo({ handle, isOwn }) {
  // Its page may have gone on, or away.
  if (isOwn) handle.dispose().catch(() => {});
}

// These run in pages: nothing of this file is in reach there.

function isEnabled(element) {
  const isControl = ['BUTTON', 'INPUT', 'OPTGROUP', 'OPTION', 'SELECT', 'TEXTAREA'].includes(element.nodeName);
  return !isControl || !element.hasAttribute('disabled');
}

function isStill(element) {
  const place = () => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return [x, y, width, height].join();
  };
  const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  return nextFrame().then(() => {
    const before = place();
    return nextFrame().then(() => before === place());
  });
}

/** How the element is filled: `'toggle'`, `'select'`, `'type'` or `'set'`; null where it cannot be. */
function wayToFill(element) {
  const tag = element.localName;
  if (tag === 'select') return 'select';
  if (tag === 'textarea') return 'type';
  if (tag === 'input') {
    if (element.type === 'checkbox' || element.type === 'radio') return 'toggle';
    return ['email', 'number', 'password', 'search', 'tel', 'text', 'url'].includes(element.type) ? 'type' : 'set';
  }
  if (['checkbox', 'radio', 'switch'].includes(element.getAttribute('role'))) return 'toggle';
  return element.isContentEditable ? 'type' : null;
}

function isChecked(element) {
  const aria = element.getAttribute('aria-checked');
  if (element.indeterminate || aria === 'mixed') return null;
  return Boolean(element.checked) || aria === 'true';
}

/** Keeps what is there where the text begins with it; gives back what is left to type. */
function prepareTyping(element, text) {
  const field = element.isContentEditable ? 'innerText' : 'value';
  const present = element[field];
  if (present === text) return '';
  const kept = text.startsWith(present) ? present : '';
  element[field] = '';
  // Setting it moves the caret behind it.
  if (kept) element[field] = kept;
  return text.slice(kept.length);
}

function setText(element, text) {
  const field = element.isContentEditable ? 'innerText' : 'value';
  if (element[field] === text) return;
  element[field] = text;
  for (const type of ['input', 'change']) element.dispatchEvent(new Event(type, { bubbles: true }));
}

function scrollTo(element, top, left) {
  if (top !== null) element.scrollTop = top;
  if (left !== null) element.scrollLeft = left;
}

/** Looks for an object, waits until it is ready, and acts on it; looks again where that fails. */
class Locator extends EventEmitter {
  #settings;
  #source;

  /** Takes whichever of the locators finds something first. */
  static race(locators) {
    const candidates = [...locators];
    for (const candidate of candidates) {
      if (!(candidate instanceof Locator)) throw invalid('Unknown locator for race candidate');
    }
    const parts = candidates.map((candidate) => ({ source: candidate.#source, settings: candidate.#settings }));
    return new Locator(new Race(parts), DEFAULTS);
  }

  constructor(source, settings) {
    if (!(source instanceof Source)) throw invalid('Illegal constructor');
    super();
    this.#source = source;
    this.#settings = settings;
  }

  /** How long an action may take, in milliseconds; 0: as long as it takes. */
  get timeout() {
    return this.#settings.timeout;
  }

  setTimeout(timeout) {
    return this.#with({ timeout });
  }

  setVisibility(visibility) {
    return this.#with({ visibility });
  }

  setWaitForEnabled(isWaiting) {
    return this.#with({ waitsForEnabled: isWaiting });
  }

  setEnsureElementIsInTheViewport(isEnsured) {
    return this.#with({ scrolls: isEnsured });
  }

  setWaitForStableBoundingBox(isWaiting) {
    return this.#with({ waitsForStillness: isWaiting });
  }

  clone() {
    return this.#with({});
  }

  map(mapper) {
    return new Locator(new Mapped(this.#source, mapper), this.#settings);
  }

  filter(predicate) {
    return new Locator(new Filtered(this.#source, predicate), this.#settings);
  }

  async waitHandle(options) {
    return (await this.#find('Locator.waitHandle', options)).handle;
  }

  async wait(options) {
    const found = await this.#find('Locator.wait', options);
    try {
      return await found.handle.jsonValue();
    } finally {
      letGo(found);
    }
  }

  click(options) {
    return this.#act('Locator.click', options, true, (handle) => handle.click(options));
  }

  fill(value, options) {
    const threshold = options?.typingThreshold ?? TYPING_THRESHOLD;
    return this.#act('Locator.fill', options, true, async (handle) => {
      const way = await handle.evaluate(wayToFill);
      if (way === null) throw invalid('Element cannot be filled out.');
      if (way === 'toggle') {
        if ((await handle.evaluate(isChecked)) !== Boolean(value)) await handle.click();
      } else if (way === 'select') {
        await handle.select(value);
      } else if (way === 'type' && typeof value === 'string' && value.length < threshold) {
        const rest = await handle.evaluate(prepareTyping, value);
        if (rest) await handle.type(rest);
      } else {
        await handle.focus();
        await handle.evaluate(setText, String(value));
      }
    });
  }

  hover(options) {
    return this.#act('Locator.hover', options, false, (handle) => handle.hover());
  }

  scroll(options) {
    const { scrollTop = null, scrollLeft = null } = options ?? {};
    return this.#act('Locator.scroll', options, false, (handle) => handle.evaluate(scrollTo, scrollTop, scrollLeft));
  }

  /** As `removeAllListeners` where no listener is given. */
  off(event, listener) {
    return listener === undefined ? this.removeAllListeners(event) : super.off(event, listener);
  }

  #with(changes) {
    return new Locator(this.#source, { ...this.#settings, ...changes });
  }

  #find(name, options) {
    return this.#run(name, options, (action) => this.#source.find(action, this.#settings));
  }

  #run(name, options, attempt) {
    const action = new Action(name, this.timeout, options?.signal);
    return action.run(attempt, () => this.#source.isOver);
  }

  #act(name, options, needsEnabled, act) {
    return this.#run(name, options, async (action) => {
      const found = await this.#source.find(action, this.#settings);
      try {
        await this.#isReady(found.handle, needsEnabled);
        action.signal.throwIfAborted();
        this.emit('action');
        await act(found.handle);
      } finally {
        letGo(found);
      }
    });
  }

  async #isReady(handle, needsEnabled) {
    const { scrolls, waitsForStillness, waitsForEnabled } = this.#settings;
    const checks = [];
    if (scrolls) checks.push(bringIntoView(handle));
    if (waitsForStillness) checks.push(expect(handle.evaluate(isStill), 'the element moves'));
    if (needsEnabled && waitsForEnabled) checks.push(expect(handle.evaluate(isEnabled), 'the element is disabled'));
    await Promise.all(checks);
  }
}

// A locator ends with nothing but its listeners.
const disposal = {
  dispose() {
    this.removeAllListeners();
  },
  async asyncDispose() {
    this.removeAllListeners();
  },
};
for (const [name, value] of Object.entries(disposal)) {
  if (Symbol[name]) Object.defineProperty(Locator.prototype, Symbol[name], { value, writable: true, configurable: true });
}

const DEFAULTS = Object.freeze({
  timeout: 30_000,
  visibility: null,
  scrolls: true,
  waitsForStillness: true,
  waitsForEnabled: true,
});

function invalid(message) {
  const error = new Error(message);
  error.code = 'ERR_INVALID_ARG_VALUE';
  return error;
}

async function expect(answer, otherwise) {
  if (!(await answer)) throw new Error(otherwise);
}

async function bringIntoView(handle) {
  const isSeen = () => handle.isIntersectingViewport({ threshold: 0 });
  if (await isSeen()) return;
  await handle.scrollIntoView();
  await expect(isSeen(), 'the element is out of view');
}

/** Where a locator's handles come from. */
class Source {
  /** Whether nothing can be found any more. */
  get isOver() {
    return false;
  }
}

/** A page or a frame to look in. */
class Place extends Source {
  constructor(owner) {
    super();
    this.owner = owner;
  }

  get isOver() {
    return this.owner.isClosed?.() ?? this.owner.detached;
  }
}

class BySelector extends Place {
  constructor(owner, selector) {
    super(owner);
    this.selector = selector;
  }

  async find({ signal }, { visibility }) {
    const handle = await this.owner.waitForSelector(this.selector, { timeout: 0, signal });
    return seen({ handle, isOwn: true }, visibility);
  }
}

class Given extends Place {
  constructor(handle) {
    super(handle.frame);
    this.handle = handle;
  }

  get isOver() {
    return this.handle.disposed || super.isOver;
  }

  find(_, { visibility }) {
    return seen({ handle: this.handle, isOwn: false }, visibility);
  }
}

class ByFunction extends Place {
  constructor(owner, fn) {
    super(owner);
    this.fn = fn;
  }

  async find({ signal }) {
    return { handle: await this.owner.waitForFunction(this.fn, { timeout: 0, signal }), isOwn: true };
  }
}

async function seen(found, visibility) {
  if (!visibility) return found;
  try {
    const isFit = visibility === 'hidden' ? found.handle.isHidden() : found.handle.isVisible();
    await expect(isFit, `the element is not ${visibility}`);
    return found;
  } catch (error) {
    letGo(found);
    throw error;
  }
}

/** What depends on another source. */
class Derived extends Source {
  constructor(base, fn) {
    super();
    this.base = base;
    this.fn = fn;
  }

  get isOver() {
    return this.base.isOver;
  }
}

class Mapped extends Derived {
  async find(action, settings) {
    const found = await this.base.find(action, settings);
    try {
      return { handle: await found.handle.evaluateHandle(this.fn), isOwn: true };
    } finally {
      letGo(found);
    }
  }
}

class Filtered extends Derived {
  async find(action, settings) {
    const found = await this.base.find(action, settings);
    try {
      await expect(found.handle.evaluate(this.fn), 'the filter did not match');
      return found;
    } catch (error) {
      letGo(found);
      throw error;
    }
  }
}

/** Several sources, each with the settings of its locator; those that do not win let go of what they find. */
class Race extends Source {
  constructor(candidates) {
    super();
    this.candidates = candidates;
  }

  get isOver() {
    return this.candidates.every(({ source }) => source.isOver);
  }

  async find(action) {
    const losers = new AbortController();
    const signal = AbortSignal.any([action.signal, losers.signal]);
    let isWon = false;
    const searches = this.candidates.map(async ({ source, settings }) => {
      const found = await source.find({ signal }, settings);
      if (isWon) letGo(found);
      isWon = true;
      return found;
    });
    try {
      return await Promise.any(searches);
    } catch (error) {
      throw error.errors?.[0] ?? error;
    } finally {
      losers.abort();
    }
  }
}

/** `page.locator(target)`, `frame.locator(target)` */
function locate(owner, target) {
  if (typeof target === 'string') return begin(owner, new BySelector(owner, target));
  if (typeof target === 'function') return begin(owner, new ByFunction(owner, target));
  throw invalid(`a locator takes a selector or a function, but got ${String(target)}`);
}

/** `handle.asLocator()` */
function locateHandle(handle) {
  return begin(handle.frame, new Given(handle));
}

function begin(owner, source) {
  const timeout = (owner.getDefaultTimeout ? owner : owner.page()).getDefaultTimeout();
  return new Locator(source, { ...DEFAULTS, timeout });
}

module.exports = {
  Locator,
  locate,
  locateHandle,
  /** Tells the error class of a timeout. */
  setTimeoutError(errorClass) {
    TimeoutError = errorClass;
  },
};
