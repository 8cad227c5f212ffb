// What can be made of a page: which fields a client may send for it, and how it is made.

import { boolean, integer, length, number, object, oneOf, text } from './fields.mjs';

const PAPER = ['letter', 'legal', 'tabloid', 'ledger', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6'];
const LIFECYCLE = ['load', 'domcontentloaded', 'networkidle0', 'networkidle2'];
const TEMPLATE = 100_000;
/** Of a URL, as Chrome takes it. */
const LONGEST_URL = 2 * 1024 * 1024;

/** The fields of every task. */
const common = ({ timeoutMs, maxBody }) => ({
  url: text(LONGEST_URL),
  html: text(maxBody),
  affinity: text(1024),
  waitUntil: oneOf(...LIFECYCLE),
  waitFor: text(10_000),
  timeoutMs: integer(1, timeoutMs),
  viewport: object(
    { width: integer(1, 10_000), height: integer(1, 10_000), deviceScaleFactor: number(0.1, 4) },
    ['width', 'height'],
  ),
});

const PDF = {
  format: {
    expected: `a paper size: ${PAPER.join(', ')}`,
    accepts: (value) => typeof value === 'string' && PAPER.includes(value.toLowerCase()),
  },
  width: length,
  height: length,
  margin: object({ top: length, right: length, bottom: length, left: length }),
  landscape: boolean,
  scale: number(0.1, 2),
  printBackground: boolean,
  preferCSSPageSize: boolean,
  pageRanges: text(
    1000,
    'page ranges such as "1-3, 5"',
    /^\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*$/,
  ),
  displayHeaderFooter: boolean,
  headerTemplate: text(TEMPLATE),
  footerTemplate: text(TEMPLATE),
  omitBackground: boolean,
  tagged: boolean,
  outline: boolean,
};

const SCREENSHOT = {
  type: oneOf('png', 'jpeg', 'webp'),
  quality: integer(0, 100),
  fullPage: boolean,
  clip: object(
    {
      x: number(0, 100_000),
      y: number(0, 100_000),
      width: number(1, 20_000),
      height: number(1, 20_000),
      scale: number(0.1, 4),
    },
    ['x', 'y', 'width', 'height'],
  ),
  omitBackground: boolean,
};

const own = (fields, names) =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => Object.hasOwn(names, name)));

/** The document, read again where the page went on to another one meanwhile. */
async function content(page, attempts = 3) {
  for (;;) {
    try {
      return await page.content();
    } catch (error) {
      attempts -= 1;
      if (attempts === 0 || !/context was destroyed|navigat/i.test(error.message)) throw error;
    }
  }
}

/** The tasks by path: `type` of what is sent, a further `check`, and `make`, which resolves with an answer. */
export const tasks = (limits) => ({
  '/render': {
    type: object(common(limits), ['affinity']),
    make: async (page) => ({ type: 'text/html; charset=utf-8', body: await content(page) }),
  },
  '/pdf': {
    type: object({ ...common(limits), ...PDF }, ['affinity']),
    make: async (page, fields, remaining) => ({
      type: 'application/pdf',
      body: await page.pdf({ ...own(fields, PDF), timeout: remaining() }),
    }),
  },
  '/screenshot': {
    type: object({ ...common(limits), ...SCREENSHOT }, ['affinity']),
    conflict({ type = 'png', quality, clip, fullPage }) {
      if (quality !== undefined && type === 'png')
        return ['quality', 'quality is not for png, which loses nothing'];
      if (clip && fullPage) return ['clip', 'only one of clip and fullPage can be there'];
      return undefined;
    },
    make: async (page, fields) => ({
      type: `image/${fields.type ?? 'png'}`,
      body: await page.screenshot(own(fields, SCREENSHOT)),
    }),
  },
});
