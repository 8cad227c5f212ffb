'use strict';

// A browser in puppeteer's shape that does nothing by itself: every call is recorded, and a test may put
// a hook in the place of any of them (`browser.on.goto = ({ target, args, next }) => ...`).

const METHODS = {
  manager: ['getBrowser', 'cleanupUserDataDirs'],
};

class FakeSession {
  constructor(page) {
    this.page = page;
    this.listeners = new Map();
  }

  send(method, params) {
    return this.page.browser.run('send', this, [method, params], async () => ({}));
  }

  on(event, listener) {
    if (!this.listeners.has(event)) this.listeners.set(event, []);
    this.listeners.get(event).push(listener);
    return this;
  }

  off(event, listener) {
    const all = this.listeners.get(event) ?? [];
    this.listeners.set(
      event,
      all.filter((each) => each !== listener),
    );
    return this;
  }

  async detach() {}
}

class FakePage {
  constructor(context, number) {
    this.context = context;
    this.browser = context.browser;
    this.number = number;
    this.closed = false;
    this.closeCalls = 0;
    this.listeners = new Map();
    this.sessions = [];
  }

  browserContext() {
    return this.browser.run('browserContext', this, [], () => this.context);
  }

  goto(url, options) {
    this.address = url;
    return this.browser.run('goto', this, [url, options], async () => ({ status: () => 200 }));
  }

  waitForFunction(fn, ...rest) {
    return this.browser.run('waitForFunction', this, [fn, ...rest], async () => ({}));
  }

  evaluate(fn, ...args) {
    return this.browser.run('evaluate', this, [fn, ...args], async () => fn(...args));
  }

  evaluateOnNewDocument(fn, ...args) {
    return this.browser.run('evaluateOnNewDocument', this, [fn, ...args], async () => ({}));
  }

  createCDPSession() {
    return this.browser.run('createCDPSession', this, [], async () => {
      const session = new FakeSession(this);
      this.sessions.push(session);
      return session;
    });
  }

  close() {
    this.closeCalls += 1;
    return this.browser.run('closePage', this, [], async () => {
      this.closed = true;
    });
  }

  on(event, listener) {
    return this.browser.run('on', this, [event, listener], () => {
      if (!this.listeners.has(event)) this.listeners.set(event, []);
      this.listeners.get(event).push(listener);
      return this;
    });
  }

  off(event, listener) {
    return this.browser.run('off', this, [event, listener], () => {
      const all = this.listeners.get(event) ?? [];
      this.listeners.set(
        event,
        all.filter((each) => each !== listener),
      );
      return this;
    });
  }

  removeAllListeners(event) {
    return this.browser.run('removeAllListeners', this, [event], () => {
      this.listeners.delete(event);
      return this;
    });
  }

  /** What Chrome would report on this page. */
  emit(event, value) {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(value);
  }

  /** What Chrome would report on the page's CDP sessions. */
  emitCdp(event, params) {
    for (const session of this.sessions)
      for (const listener of [...(session.listeners.get(event) ?? [])]) listener(params);
  }
}

class FakeContext {
  constructor(browser, number) {
    this.browser = browser;
    this.number = number;
    this.pages = [];
    this.closed = false;
    this.closeCalls = 0;
  }

  newPage() {
    return this.browser.run('newPage', this, [], async () => {
      const page = new FakePage(this, this.browser.pages.length);
      this.browser.pages.push(page);
      this.pages.push(page);
      return page;
    });
  }

  close() {
    this.closeCalls += 1;
    return this.browser.run('closeContext', this, [], async () => {
      this.closed = true;
      for (const page of this.pages) page.closed = true;
    });
  }
}

class FakeBrowser {
  constructor() {
    this.contexts = [];
    this.pages = [];
    this.calls = [];
    /** Hooks by the name of the call. */
    this.on = {};
    /** The most contexts that were alive at one time. */
    this.peak = 0;
    const browser = this;
    this.manager = {};
    for (const method of METHODS.manager) {
      this.manager[method] = function () {
        return browser.run(method, this, [], async () => (method === 'getBrowser' ? browser : undefined));
      };
    }
  }

  createBrowserContext() {
    return this.run('createBrowserContext', this, [], async () => {
      const context = new FakeContext(this, this.contexts.length);
      this.contexts.push(context);
      this.peak = Math.max(this.peak, this.alive.length);
      return context;
    });
  }

  run(name, target, args, next) {
    this.calls.push({ name, target, args, at: performance.now() });
    const hook = this.on[name];
    return hook ? hook({ target, args, next, nth: this.count(name) }) : next();
  }

  /** How often a call was made. */
  count(name, filter = () => true) {
    return this.calls.filter((call) => call.name === name && filter(call)).length;
  }

  of(name) {
    return this.calls.filter((call) => call.name === name);
  }

  /** Contexts that were made and whose close has not ended. */
  get alive() {
    return this.contexts.filter((context) => !context.closed);
  }
}

/** A handle on a console argument. */
function handle(value, { text = String(value), fails = false } = {}) {
  return {
    async jsonValue() {
      if (fails) throw new Error('Could not serialize');
      return value;
    },
    toString: () => text,
  };
}

/** A console message in puppeteer's shape. */
function message({ type = 'error', text = '', args = [], location, stack } = {}) {
  return {
    type: () => type,
    text: () => text,
    args: () => args,
    location: () => location ?? {},
    ...(stack === undefined ? {} : { stackTrace: () => stack }),
  };
}

/** A request that failed, in puppeteer's shape. */
function failedRequest({ errorText, resourceType = 'document', url = 'https://host.example/x' }) {
  return { failure: () => ({ errorText }), resourceType: () => resourceType, url: () => url };
}

module.exports = { FakeBrowser, FakePage, FakeContext, failedRequest, handle, message };
