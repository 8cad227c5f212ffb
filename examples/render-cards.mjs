// Renders the cards of several tenants through a pool of warm pages, several at once. One of them never stops
// computing: it is given up on, and everybody else's come out.
//
//   npm start -- [options]            with the set-up
//   node examples/render-cards.mjs    without

import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { cardOf, tenants as tenantList } from './host-app/cards.mjs';
import { startHostApp } from './host-app/server.mjs';
import { heading, Progress, quantile, table } from './lib/display.mjs';
import { gallery } from './lib/gallery.mjs';

const HELP = `Renders cards of several tenants through a pool of warm Chrome pages, several at once.

  npm start -- [options]

  --tenants N   tenants (4)
  --cards N     cards in all (40)
  --workers N   renders at once (6)
  --pages N     pages in the pool (5)
  --timeout MS  how long a card may take before it is given up on (6000)
  --out DIR     where the HTML and PNG files go (out)
  --verbose     print the pool's own log
  --help        this text
`;

const LIMITS = {
  tenants: [1, 100],
  cards: [1, 100_000],
  workers: [1, 200],
  pages: [1, 100],
  timeout: [250, 600_000],
};

class WrongOption extends Error {}

function readOptions(argv) {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        tenants: { type: 'string', default: '4' },
        cards: { type: 'string', default: '40' },
        workers: { type: 'string', default: '6' },
        pages: { type: 'string', default: '5' },
        timeout: { type: 'string', default: '6000' },
        out: { type: 'string', default: 'out' },
        verbose: { type: 'boolean', default: false },
        'check-options': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new WrongOption(error.message);
  }
  for (const [name, [least, most]] of Object.entries(LIMITS)) {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < least || number > most) {
      throw new WrongOption(
        `--${name} takes a whole number from ${least} to ${most}, and not '${values[name]}'`,
      );
    }
    values[name] = number;
  }
  return values;
}

/** `work`, or a rejection once `ms` have passed or the run has been called off. */
function within(work, ms, signal) {
  return new Promise((done, fail) => {
    const stop = (error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      fail(error);
    };
    const onAbort = () => stop(signal.reason);
    const timer = setTimeout(
      () => stop(Object.assign(new Error(`no card within ${ms} ms`), { code: 'GIVEN_UP' })),
      ms,
    );
    signal.addEventListener('abort', onAbort);
    work.then((value) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      done(value);
    }, stop);
  });
}

/** Renders one card on a page that has the app loaded already. */
async function renderOn(page, { tenant, number }) {
  const id = `${tenant}/${number}`;
  await page.evaluate((path) => {
    // Not awaited: the card says by its markup when it is done.
    globalThis.hostApp.transitionTo(path);
  }, `/cards/${id}`);
  await page.waitForFunction(
    (wanted) => {
      const card = document.querySelector('[data-prerender]');
      return card?.dataset.prerenderId === wanted && card.dataset.prerenderStatus !== 'loading';
    },
    { timeout: 0 },
    id,
  );
  const { status, html } = await page.evaluate(() => {
    const card = document.querySelector('[data-prerender]');
    return { status: card.dataset.prerenderStatus, html: card.outerHTML };
  });
  const png = await page.screenshot({ type: 'png' });
  return { status, html, png };
}

const affinityOf = (tenant) => `realm:https://${tenant}.example/`;
const slug = (title) => title.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** Cards of all tenants in turn, as requests come in. */
function cardsToRender({ tenants, cards }) {
  const ids = tenantList(tenants).map((tenant) => tenant.id);
  return Array.from({ length: cards }, (_, index) =>
    cardOf(ids[index % tenants], Math.floor(index / tenants) + 1),
  );
}

/** A page of its own around a card's markup, for whoever opens the file. */
function asDocument({ title }, html) {
  const head = `<meta charset="utf-8">\n<title>${title}</title>\n<link rel="stylesheet" href="../app.css">`;
  return `<!doctype html>\n<html lang="en">\n${head}\n${html}\n</html>\n`;
}

/** One card from the request to the files; tells how it went and throws only when the run is called off. */
async function renderCard(pool, card, { timeout, directory, signal }) {
  const began = performance.now();
  const affinity = affinityOf(card.tenant);
  const lease = await pool.getPage(affinity, 'file', { signal });
  const common = { card, warm: lease.reused, waited: lease.launchMs };
  const elapsed = () => performance.now() - began;
  pool.resetConsoleErrors(lease.pageId);
  try {
    const { status, html, png } = await within(renderOn(lease.page, card), timeout, signal);
    const consoleErrors = pool.takeConsoleErrors(lease.pageId);
    const file = `${card.tenant}/${String(card.number).padStart(2, '0')}-${slug(card.title)}`;
    await mkdir(join(directory, card.tenant), { recursive: true });
    await writeFile(join(directory, `${file}.html`), asDocument(card, html));
    await writeFile(join(directory, `${file}.png`), png);
    const state = status === 'ready' ? 'done' : 'failed';
    return {
      ...common,
      state,
      ms: elapsed(),
      file,
      consoleErrors,
      note: state === 'failed' ? 'the card threw' : '',
    };
  } catch (error) {
    if (signal.aborted) throw error;
    const ms = elapsed();
    if (error.code !== 'GIVEN_UP') return { ...common, state: 'given up', ms, error, note: error.message };
    // The page may never answer again. Its tenant starts over on a clean one; the lease's slot comes back when
    // Chrome has let go of the page.
    const freed = performance.now();
    const gone = pool.disposeAffinity(affinity);
    lease.release();
    await gone;
    return {
      ...common,
      state: 'given up',
      ms,
      error,
      freedMs: performance.now() - freed,
      note: 'given up on',
    };
  } finally {
    lease.release();
  }
}

function summary(outcomes, options) {
  const row = (name, of) => [
    name,
    of.length,
    of.filter((one) => one.warm).length,
    of.filter((one) => one.warm === false).length,
    of.filter((one) => one.state !== 'done').length,
    Math.round(of.reduce((sum, one) => sum + (one.waited ?? 0), 0) / Math.max(1, of.length)),
    Math.round(
      quantile(
        of.map((one) => one.ms),
        0.5,
      ) ?? 0,
    ),
    Math.round(
      quantile(
        of.map((one) => one.ms),
        0.95,
      ) ?? 0,
    ),
  ];
  const rows = tenantList(options.tenants).map(({ id, name }) =>
    row(
      name,
      outcomes.filter((one) => one.card.tenant === id),
    ),
  );
  const head = ['tenant', 'cards', 'warm', 'cold', 'failed', 'waited, mean ms', 'p50 ms', 'p95 ms'];
  return table(head, rows, row('all', outcomes));
}

function recovered(outcomes) {
  const lines = [];
  const name = ({ card }) => `${card.tenant}/${card.number} (${card.title})`;
  for (const one of outcomes.filter((each) => each.state === 'given up')) {
    if (one.freedMs === undefined) lines.push(`${name(one)}: ${one.error.message}`);
    else {
      lines.push(
        `${name(one)}: given up on after ${Math.round(one.ms)} ms; its page was gone and its slot free ` +
          `${Math.round(one.freedMs)} ms later`,
      );
    }
  }
  for (const one of outcomes.filter((each) => each.state === 'failed')) {
    const thrown = one.consoleErrors.find((entry) => entry.source === 'exception');
    lines.push(`${name(one)}: threw, and its page went on; captured: ${thrown?.text ?? 'nothing'}`);
  }
  const logged = outcomes.filter((one) => one.state === 'done' && one.consoleErrors.length > 0);
  if (logged.length > 0) {
    const entries = logged.reduce((sum, one) => sum + one.consoleErrors.length, 0);
    lines.push(`${logged.length} cards logged errors and came out all the same: ${entries} entries captured`);
  }
  return lines.length > 0 ? lines : ['nothing went wrong'];
}

/** The run failed when a card that should have come out did not. */
function surprises(outcomes) {
  const expected = { broken: 'failed', endless: 'given up' };
  return outcomes.filter((one) => one.state !== (expected[one.card.behaviour] ?? 'done'));
}

const silent = () => ({ debug() {}, info() {}, warn() {}, error() {} });

async function run(options) {
  // No prerender manager in this demonstration.
  process.env.PRERENDER_MANAGER_URL ??= '';
  const { AsyncSemaphore, BrowserManager, PagePool } = createRequire(import.meta.url)('../index.js');
  const directory = resolve(options.out);
  const calledOff = new AbortController();
  const callOff = () => {
    if (calledOff.signal.aborted) process.exit(130);
    calledOff.abort(Object.assign(new Error('called off'), { code: 'CALLED_OFF' }));
  };
  process.on('SIGINT', callOff);
  process.on('SIGTERM', callOff);

  const app = await startHostApp();
  const browserManager = new BrowserManager();
  const pool = new PagePool({
    maxPages: options.pages,
    serverURL: 'http://localhost:4221',
    boxelHostURL: app.origin,
    browserManager,
    renderSemaphore: new AsyncSemaphore(options.pages),
    ...(options.verbose ? {} : { logger: silent }),
  });

  const cards = cardsToRender(options);
  const outcomes = [];
  const began = performance.now();
  const { workers, tenants, pages } = options;
  process.stdout.write(`${cards.length} cards of ${tenants} tenants, ${workers} workers, ${pages} pages\n\n`);
  const progress = new Progress(cards.length, workers);
  try {
    const warmFrom = performance.now();
    await Promise.race([
      pool.warmStandbys(),
      new Promise((done) => calledOff.signal.addEventListener('abort', done)),
    ]);
    const warmMs = calledOff.signal.aborted ? undefined : performance.now() - warmFrom;
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    await copyFile(new URL('./host-app/public/app.css', import.meta.url), join(directory, 'app.css'));

    const queue = cards[Symbol.iterator]();
    const work = async (index) => {
      for (const card of queue) {
        if (calledOff.signal.aborted) return;
        const label = `${card.tenant}/${card.number}  ${card.title}`;
        progress.begin(index, label);
        const at = performance.now();
        let outcome;
        try {
          outcome = await renderCard(pool, card, { ...options, directory, signal: calledOff.signal });
        } catch (error) {
          if (calledOff.signal.aborted) return;
          outcome = { card, state: 'given up', ms: performance.now() - at, error, note: error.message };
        }
        outcomes.push(outcome);
        progress.end(index, label, outcome);
      }
    };
    await Promise.all(Array.from({ length: workers }, (_, index) => work(index)));
    progress.stop();

    const tookMs = performance.now() - began;
    const pictures = outcomes
      .filter((one) => one.state === 'done')
      .sort((a, b) => a.file.localeCompare(b.file))
      .map(({ card, file }) => ({ label: `${card.tenant}/${card.number}  ${card.title}`, file }));
    await writeFile(join(directory, 'index.html'), gallery(pictures));
    const near = relative(process.cwd(), directory) || '.';
    const shown = near.startsWith('..') ? directory : near;
    if (calledOff.signal.aborted) {
      process.stdout.write(`\n${heading('called off')} after ${outcomes.length} of ${cards.length} cards\n`);
    }
    process.stdout.write(`\n${summary(outcomes, options)}\n\n${heading('recovered')}\n`);
    for (const line of recovered(outcomes)) process.stdout.write(`  ${line}\n`);
    process.stdout.write(
      `\n${pictures.length} cards are in ${shown}/ as HTML and PNG; ${shown}/index.html shows them all.\n` +
        `The pool was ${warmMs === undefined ? 'not warm yet' : `warm after ${Math.round(warmMs)} ms`}; ` +
        `the whole run took ${(tookMs / 1000).toFixed(1)} s.\n`,
    );
    const wrong = surprises(outcomes);
    for (const { card, error, state } of wrong) {
      process.stderr.write(
        `not as expected: ${card.tenant}/${card.number} (${card.behaviour}) ${state} ${error?.stack ?? ''}\n`,
      );
    }
    if (calledOff.signal.aborted) process.exitCode = 130;
    else if (wrong.length > 0) process.exitCode = 1;
  } finally {
    progress.stop();
    await pool.closeAll();
    await browserManager.stop();
    await app.close();
    process.off('SIGINT', callOff);
    process.off('SIGTERM', callOff);
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options.help) process.stdout.write(HELP);
    else if (!options['check-options']) await run(options);
  } catch (error) {
    process.stderr.write(error instanceof WrongOption ? `${error.message}\n\n${HELP}` : `${error.stack}\n`);
    process.exitCode = error instanceof WrongOption ? 2 : 1;
  }
}
