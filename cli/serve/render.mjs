// One render: a page of the tenant's, the document in it, and what is made of that.

import { createRequire } from 'node:module';

import { invalidField } from './failures.mjs';

const { abortable } = createRequire(import.meta.url)('../../index.js');

const DEFAULT_VIEWPORT = { width: 800, height: 600 };
/** What a page that is told to give up has beyond its time, before its lease ends under it. */
const MARGIN_MS = 2000;

const withoutFragment = (url) => url.split('#', 1)[0];

/** Shows nothing, and stops what the page was loading. */
const blank = (page, timeout) => page.goto('about:blank', { timeout });

async function setViewport(page, wanted) {
  const current = page.viewport() ?? {};
  const scale = ({ deviceScaleFactor = 1 }) => deviceScaleFactor;
  const isSame =
    current.width === wanted.width && current.height === wanted.height && scale(current) === scale(wanted);
  if (!isSame) await page.setViewport(wanted);
}

/** Loads what the client named; resolves with the answer of its server, where one was asked. */
async function load(page, { url, html, waitUntil = 'load' }, remaining) {
  if (html !== undefined) {
    // In a document of somebody's it would be of their origin.
    if (page.url() !== 'about:blank') await blank(page, remaining());
    await page.setContent(html, { waitUntil, timeout: remaining() });
    return null;
  }
  // An address that differs in its fragment only would not be loaded.
  const isSameDocument = withoutFragment(page.url()) === withoutFragment(new URL(url).href);
  if (isSameDocument && url.includes('#')) await blank(page, remaining());
  return page.goto(url, { waitUntil, timeout: remaining() });
}

async function waitFor(page, selector, timeout) {
  try {
    const found = await page.waitForSelector(selector, { timeout });
    await found?.dispose();
  } catch (error) {
    // Neither late nor gone: then it is the selector that cannot be looked for.
    if (error.code === 'PROTOCOL_ERROR')
      throw invalidField('waitFor', `waitFor must be a selector: ${error.message}`);
    throw error;
  }
}

/** A dialog holds its page up until somebody answers. */
const answerDialog = (dialog) => {
  const answer = dialog.type() === 'beforeunload' ? dialog.accept() : dialog.dismiss();
  answer.catch(() => {});
};

/**
 * Renders on a page of the tenant's. Rejects with what the pool or the page rejects with: `TIMEOUT` where it took longer than
 * `timeoutMs`, `PRERENDER_CANCELLED` when the signal is aborted. Whatever the page does, it is let go of by then.
 *
 * @returns what `make` makes, with the target's `status`, the `url` that it led to, and where the time went
 */
export function render(pool, fields, { make, timeoutMs, signal }) {
  const began = performance.now();
  const remaining = () => Math.max(1, Math.ceil(began + timeoutMs - performance.now()));
  const work = async ({ page, reused, launchMs, signal: ended }) => {
    // After each step: what was called off meanwhile goes on with nothing, as its page may be another render's by then.
    const step = async (promise) => {
      const value = await promise;
      ended.throwIfAborted();
      return value;
    };
    const leased = performance.now();
    await step(setViewport(page, fields.viewport ?? DEFAULT_VIEWPORT));
    const response = await step(load(page, fields, remaining));
    if (fields.waitFor !== undefined) await step(waitFor(page, fields.waitFor, remaining()));
    const loaded = performance.now();
    const made = await step(make(page, fields, remaining));
    const timing = { wait: leased - began, load: loaded - leased, make: performance.now() - loaded };
    return { ...made, status: response?.status(), url: page.url(), reused, launchMs, timing };
  };
  const run = async (lease) => {
    const { page, signal: ended } = lease;
    page.on('dialog', answerDialog);
    try {
      return await abortable(ended, () => work(lease));
    } catch (error) {
      // The tab stays its tenant's, and what it was loading does not go on in it.
      if (ended.aborted || error.code === 'TIMEOUT') await blank(page, MARGIN_MS / 2).catch(() => {});
      throw error;
    } finally {
      page.off('dialog', answerDialog);
    }
  };
  return pool.use(fields.affinity, run, {
    signal,
    timeoutMs: timeoutMs + MARGIN_MS,
    acquireTimeoutMs: timeoutMs,
  });
}
