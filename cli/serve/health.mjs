// Whether the server is alive, and whether it can take more.

import { HTTPError } from './failures.mjs';

const ANSWER_MS = 5000;

/** Rejects when the promise has not settled in time. */
function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function askBrowser(browserManager) {
  const browser = await browserManager.getBrowser();
  const session = await browser.target().createCDPSession();
  try {
    const { product } = await session.send('Browser.getVersion');
    return { version: product, pid: browser.process()?.pid ?? null };
  } finally {
    session.detach().catch(() => {});
  }
}

/** Asks the browser; one that has died is started again by that. Resolves with what it says, or rejects with an HTTPError. */
export async function health(browserManager) {
  try {
    return {
      status: 'ok',
      browser: await within(askBrowser(browserManager), ANSWER_MS, 'an answer of the browser'),
    };
  } catch (cause) {
    throw new HTTPError(503, cause.code ?? 'BROWSER_SILENT', `no browser answers: ${cause.message}`, {
      cause,
    });
  }
}
