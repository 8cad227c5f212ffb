'use strict';
// Runs each scenario on puppeteer-core and on ours, on the same Chrome binary and the same pages, and compares
// what a caller can see: the value, the error's name and message, and the order of events.
//
// Differences that are meant stand in docs/page-api.md, in the table under "Differences", and nowhere else: a
// scenario named there must give exactly the two outcomes of its row.

const { readFileSync } = require('node:fs');
const path = require('node:path');
const QUnit = require('qunit');
const { describe } = require('./describe.js');
const { names, openSide } = require('./sides.js');

const SCENARIO_MS = 15_000;
const LATE = `scenario did not end within ${SCENARIO_MS} ms`;
const isLate = (outcome) => outcome.startsWith(`error Error: ${LATE}`);

/** `area > scenario` to the outcomes it is meant to have. */
function meantDifferences() {
  const text = readFileSync(path.join(__dirname, '../../docs/page-api.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith('Differences')) ?? '';
  const rows = new Map();
  for (const line of section.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, '|'));
    const outcome = (cell) => /^`+\s?([\s\S]*?)\s?`+$/.exec(cell)?.[1];
    if (cells.length === 6 && outcome(cells[2]) !== undefined) {
      rows.set(cells[1], { puppeteer: outcome(cells[2]), ours: outcome(cells[3]), reason: cells[4] });
    }
  }
  return rows;
}

/** What one side gets to run a scenario with. */
class Run {
  #side;
  log = [];
  /** Contexts and pages made for this run, closed after it. */
  owned = [];

  constructor(side, context, page) {
    this.#side = side;
    this.browser = side.browser;
    this.server = side.server;
    this.manager = side.manager;
    this.context = context;
    this.page = page;
  }

  get side() {
    return this.#side.name;
  }

  /** Notes that something happened, in order. */
  note = (...parts) =>
    void this.log.push(parts.map((part) => (typeof part === 'string' ? part : describe(part))).join(' '));

  /** Notes each of these events of an emitter, with what `show` makes of its argument. */
  record = (emitter, events) => {
    for (const [event, show] of Object.entries(events)) {
      emitter.on(event, (argument) => {
        const shown = show === true ? undefined : show(argument);
        this.note(
          shown === undefined ? event : `${event} ${typeof shown === 'string' ? shown : describe(shown)}`,
        );
      });
    }
  };

  /** The outcome of a promise or function as a value, for scenarios with several of them. */
  attempt = async (work) => {
    try {
      return { value: await (typeof work === 'function' ? work() : work) };
    } catch (error) {
      return { threw: error instanceof Error ? `${error.name}: ${error.message}` : error };
    }
  };

  newPage = async (context = this.context) => {
    const page = await context.newPage();
    this.owned.push(page);
    return page;
  };

  newContext = async (options) => {
    const context = await this.browser.createBrowserContext(options);
    this.owned.push(context);
    return context;
  };
}

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

/** Ports, and what else differs between two runs by nature, become words. */
const neutral = (text, side) =>
  text
    .replaceAll(String(side.server.port), 'PORT')
    .replace(/\b[0-9A-F]{32}\b/g, 'ID')
    // Full Chrome's word for the same.
    .replace('No target with given id found', 'No target found for targetId');

async function outcomeOf(side, scenario) {
  side.server.reset();
  let timer;
  let run;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(LATE)), SCENARIO_MS);
  });
  let text;
  const body = async () => {
    const context = scenario.ownContext
      ? await side.browser.createBrowserContext()
      : await sharedContext(side);
    const page = scenario.noPage ? undefined : await context.newPage();
    run = new Run(side, context, page);
    if (page) run.owned.push(page);
    if (scenario.ownContext) run.owned.push(context);
    if (scenario.body !== undefined) await page.goto(side.server.html(scenario.body));
    return scenario.run(run);
  };
  try {
    text = `value ${describe(await Promise.race([body(), late]))}`;
  } catch (error) {
    text =
      error instanceof Error ? `error ${error.name}: ${error.message}` : `rejected with ${describe(error)}`;
    if (process.env.PAGE_SUITE_STACKS) console.error(side.name, scenario.name, error?.stack);
  } finally {
    clearTimeout(timer);
  }
  // What hung may hold its context, too: the next one does without it.
  if (isLate(text)) side.context = undefined;
  const log = run?.log.slice() ?? [];
  side.server.reset();
  await Promise.allSettled((run?.owned ?? []).reverse().map((owned) => bounded(owned.close())));
  return neutral([text, ...log.map((line) => `  · ${line}`)].join('\n'), side);
}

const bounded = (promise) => {
  let timer;
  return Promise.race([promise, new Promise((resolve) => (timer = setTimeout(resolve, 3000)))]).finally(() =>
    clearTimeout(timer),
  );
};

async function sharedContext(side) {
  side.context ??= await side.browser.createBrowserContext();
  return side.context;
}

/** Stands for an outcome that is an error of this name and message. */
class Thrown {
  constructor(error) {
    this.error = error;
  }
}

const throws = (error) => new Thrown(error);

/** The outcome that `right` stands for, as `outcomeOf` has it. */
const textOf = (right) => (right instanceof Thrown ? `error ${right.error}` : `value ${describe(right)}`);

/**
 * One scenario: `run` gets a `Run`; the options say what it needs beside a page in the file's shared context. With
 * `right` they say what it must come to on either side, so that two sides that fail alike do not pass.
 */
const scenario = (name, run, options = {}) => ({ name, run, ...options });

/** Declares the QUnit module of one area; `args` are Chrome's, beside the usual ones. */
function differential(area, scenarios, { args = [] } = {}) {
  const taken = new Set();
  for (const { name } of scenarios) {
    if (taken.has(name)) throw new Error(`two scenarios of ${area} are called "${name}"`);
    taken.add(name);
  }
  const meant = meantDifferences();
  QUnit.module(`page/${area}`, (hooks) => {
    let sides;
    hooks.before(async (assert) => {
      assert.timeout(60_000);
      sides = await Promise.all(names().map((name) => openSide(name, args)));
    });
    hooks.after(async (assert) => {
      assert.timeout(60_000);
      await Promise.all(
        (sides ?? []).map(async (side) => {
          await side.close();
          await side.server.close();
        }),
      );
    });
    for (const each of scenarios) {
      QUnit.test(each.name, async (assert) => {
        assert.timeout(120_000);
        const [first, ours] = await Promise.all(sides.map((side) => outcomeOf(side, each)));
        const oneLine = (text) => text.replaceAll('\n  · ', ' · ');
        const row = names().includes('ours') ? meant.get(`${area} > ${each.name}`) : undefined;
        // Puppeteer hangs now and then, and where it races with Chrome it has more than one outcome. Ours has one try, and
        // must have come to one of puppeteer's: that one is asked again, alone.
        let theirs = first;
        for (let tries = 1; (row ? oneLine(theirs) !== row.puppeteer : theirs !== ours) && tries < 3; tries += 1) {
          console.error(`# try ${tries} of "${each.name}" came to something else over puppeteer, which is asked again`);
          theirs = await outcomeOf(sides[0], each);
        }
        if (process.env.PAGE_SUITE_SHOW) console.error(`${area} > ${each.name}\n${theirs}\n`);
        if ('right' in each) {
          const [right, ...outcomes] = [textOf(each.right), theirs, ours].map(
            (text) => text.split('\n  · ')[0],
          );
          assert.strictEqual(outcomes[0], right, 'puppeteer does what is right');
          assert.strictEqual(outcomes[1], right, 'ours does what is right');
        }
        if (row) {
          assert.strictEqual(oneLine(theirs), row.puppeteer, 'puppeteer as docs/page-api.md says');
          assert.strictEqual(oneLine(ours), row.ours, 'ours as docs/page-api.md says');
        } else {
          assert.strictEqual(ours, theirs, 'ours gives what puppeteer gives');
          assert.notOk(isLate(theirs), 'puppeteer came to an end');
        }
      });
    }
  });
}

module.exports = { differential, scenario, once, throws };
