'use strict';

// A browser manager of plain objects in puppeteer's shape. Every step it performs can be held at a gate,
// replaced, made to throw, reject or never settle; and it watches from outside that no context is closed
// twice, none beyond the pool's limit is made, and no method is called detached from its object.

const { deferred, microtasks } = require('./wait.js');

/** What a step's rule returns to fall through to the next rule or the default. */
const PASS = Symbol('pass');
/** A promise that never settles. */
const NEVER = new Promise(() => {});

class Gate {
  constructor() {
    this.waiting = [];
    this.isOpen = false;
  }

  enter(info, run) {
    if (this.isOpen) {
      return PASS;
    }
    const d = deferred();
    this.waiting.push({ info, run, d });
    return d.promise;
  }

  /** How many calls stand at the gate. */
  get count() {
    return this.waiting.length;
  }

  /** Lets the oldest call through. */
  next() {
    const call = this.waiting.shift();
    if (!call) {
      throw new Error('nobody stands at this gate');
    }
    call.d.resolve(call.run());
  }

  /** Makes the oldest call fail. */
  fail(error) {
    const call = this.waiting.shift();
    if (!call) {
      throw new Error('nobody stands at this gate');
    }
    call.d.reject(error);
  }

  /** Lets everything through, now and from now on. */
  open() {
    this.isOpen = true;
    while (this.waiting.length) {
      this.next();
    }
  }
}

class FakePage {
  constructor(fake, context) {
    this.fake = fake;
    this.context = context;
    this.id = ++fake.counters.pages;
    this.closeCalls = 0;
    this.closed = false;
    this.listeners = [];
    this.sessions = [];
    this.preloads = [];
    this.evaluations = [];
    const { without = [] } = fake.options;
    for (const name of without) {
      this[name] = undefined;
    }
    fake.pages.push(this);
    context.pages.push(this);
  }

  browserContext() {
    return this.fake.step('browserContext', { page: this }, () => this.context);
  }

  goto(url, options) {
    this.url = url;
    return this.fake.step('goto', { page: this, url, options }, () => this.fake.soon(undefined));
  }

  waitForFunction(fn) {
    return this.fake.step('waitForFunction', { page: this, fn }, () => this.fake.soon(true));
  }

  evaluate(fn) {
    this.evaluations.push(fn);
    return this.fake.step('evaluate', { page: this, fn }, () => this.fake.soon(true));
  }

  evaluateOnNewDocument(fn) {
    this.preloads.push(fn);
    return this.fake.step('evaluateOnNewDocument', { page: this, fn }, () => this.fake.soon(undefined));
  }

  createCDPSession() {
    return this.fake.step('createCDPSession', { page: this }, () => {
      const session = new FakeSession(this.fake, this);
      this.sessions.push(session);
      return this.fake.soon(session);
    });
  }

  on(event, fn) {
    this.fake.step('on', { page: this, event, fn }, () => undefined);
    this.listeners.push({ event, fn });
    return this;
  }

  off(event, fn) {
    this.fake.step('off', { page: this, event, fn }, () => undefined);
    this.listeners = this.listeners.filter((l) => l.event !== event || l.fn !== fn);
    return this;
  }

  removeAllListeners(event) {
    this.fake.step('removeAllListeners', { page: this, event }, () => undefined);
    this.listeners = this.listeners.filter((l) => l.event !== event);
    return this;
  }

  close() {
    this.closeCalls++;
    if (this.leasedBy) {
      this.fake.violations.push(`page ${this.id} was closed under the lease of ${this.leasedBy}`);
    }
    return this.fake.step('pageClose', { page: this }, () => this.fake.soon(undefined), () => {
      this.closed = true;
      this.context.pageClosed();
    });
  }

  /** For tests: the page says something. */
  emit(event, payload) {
    for (const l of [...this.listeners]) {
      if (l.event === event) {
        l.fn(payload);
      }
    }
  }
}

class FakeSession {
  constructor(fake, page) {
    this.fake = fake;
    this.page = page;
    this.handlers = [];
    this.sent = [];
  }

  send(method, params) {
    this.sent.push(method);
    return this.fake.step('send', { page: this.page, session: this, method, params }, () => this.fake.soon({}));
  }

  on(event, fn) {
    this.handlers.push({ event, fn });
    return this;
  }

  emit(event, payload) {
    for (const h of [...this.handlers]) {
      if (h.event === event) {
        h.fn(payload);
      }
    }
  }
}

class FakeContext {
  constructor(fake) {
    this.fake = fake;
    this.id = ++fake.counters.contexts;
    this.pages = [];
    this.closeCalls = 0;
    this.closing = false;
    this.closed = false;
    this.becameOrphan = false;
    this.wasOrphan = false;
    fake.contexts.push(this);
  }

  newPage() {
    this.fake.slotCheck('newPage', this);
    return this.fake.step('newPage', { context: this }, () => this.fake.soon(new FakePage(this.fake, this)));
  }

  close() {
    this.closeCalls++;
    this.closing = true;
    const empty = this.pages.length > 0 && this.pages.every((page) => page.closed);
    this.wasOrphan = empty && (this.becameOrphan || Boolean(this.fake.options.cappedOrphans));
    if (this.closeCalls > 1) {
      this.fake.violations.push(`context ${this.id} was closed ${this.closeCalls} times`);
    }
    for (const page of this.pages) {
      if (page.leasedBy) {
        this.fake.violations.push(`context ${this.id} was closed under the lease of ${page.leasedBy}`);
      }
    }
    return this.fake.step('contextClose', { context: this }, () => this.fake.soon(undefined), () => {
      this.closed = true;
    });
  }

  /** Without a page that is not closed: it takes no slot. One that is being disposed of with its page does. */
  get isOrphan() {
    if (this.closing) {
      return this.wasOrphan;
    }
    return this.pages.length > 0 && this.pages.every((page) => page.closed);
  }

  /** Its context is an orphan once its close does not follow within a few microtasks. */
  async pageClosed() {
    await microtasks(4);
    this.becameOrphan ||= !this.closing;
  }
}

class FakeBrowser {
  constructor(fake) {
    this.fake = fake;
  }

  createBrowserContext() {
    this.fake.counters.contextCalls++;
    this.fake.slotCheck('createBrowserContext', null);
    return this.fake.step('createBrowserContext', {}, () => this.fake.soon(new FakeContext(this.fake)));
  }
}

class FakeBrowserManager {
  /**
   * @param {object} [options]
   * @param {boolean} [options.plain] steps return plain values instead of promises
   * @param {string[]} [options.without] names of optional page methods that are missing
   * @param {boolean} [options.cappedOrphans] orphans may be closed as soon as they are ones, so that a context
   *   that is closed right after its page counts as one too
   */
  constructor(options = {}) {
    this.options = options;
    this.contexts = [];
    this.pages = [];
    this.calls = [];
    this.rules = [];
    this.gates = [];
    this.violations = [];
    this.pools = [];
    this.counters = { contexts: 0, pages: 0, contextCalls: 0 };
    this.browser = new FakeBrowser(this);
    this.maxTaken = 0;
  }

  getBrowser() {
    return this.step('getBrowser', {}, () => this.soon(this.browser));
  }

  cleanupUserDataDirs() {
    return this.step('cleanupUserDataDirs', {}, () => this.soon(undefined));
  }

  soon(value) {
    return this.options.plain ? value : Promise.resolve(value);
  }

  /** Performs a step by the newest rule for it; `done` runs when what it returned has settled, either way. */
  step(name, info, normal, done) {
    this.calls.push({ name, ...info });
    let result = PASS;
    try {
      for (let i = this.rules.length - 1; i >= 0 && result === PASS; i--) {
        const rule = this.rules[i];
        if (rule.step === name && rule.when(info)) {
          result = rule.run(info, normal);
        }
      }
      if (result === PASS) {
        result = normal();
      }
    } catch (error) {
      done?.();
      throw error;
    }
    if (done) {
      if (result && typeof result.then === 'function') {
        result.then(done, done);
      } else {
        done();
      }
    }
    return result;
  }

  /** From now on `step` does `run(info, normal)` where `when(info)` holds. Returns a function that ends this. */
  rule(step, run, when = () => true) {
    const rule = { step, run, when };
    this.rules.push(rule);
    return () => {
      this.rules = this.rules.filter((r) => r !== rule);
    };
  }

  /** The next `times` calls of `step` do `run`. */
  once(step, run, times = 1) {
    let left = times;
    return this.rule(step, (info, normal) => (left-- > 0 ? run(info, normal) : PASS));
  }

  /** From now on calls of `step` stand at the returned gate. */
  gate(step, when) {
    const gate = new Gate();
    this.gates.push(gate);
    this.rule(step, (info, normal) => gate.enter(info, normal), when);
    return gate;
  }

  openAllGates() {
    for (const gate of this.gates) {
      gate.open();
    }
  }

  /** How often `step` was called. */
  count(step, when = () => true) {
    return this.calls.filter((call) => call.name === step && when(call)).length;
  }

  /** Contexts that Chrome would have in memory, orphans included. */
  get alive() {
    return this.contexts.filter((context) => !context.closed);
  }

  /** Contexts that take a slot of the pool: alive, and not orphans. */
  get taken() {
    return this.alive.filter((context) => !context.isOrphan);
  }

  slotCheck(step, own) {
    const others = this.taken.filter((context) => context !== own).length;
    this.maxTaken = Math.max(this.maxTaken, others + 1);
    for (const pool of this.pools) {
      const limit = pool.currentMaxPages + 1;
      if (others + 1 > limit) {
        this.violations.push(`${step} made ${others + 1} contexts alive where ${limit} are allowed`);
      }
    }
  }
}

module.exports = { FakeBrowserManager, FakePage, FakeContext, PASS, NEVER };
