// The dashboard: one file, which may run and ask for nothing but itself.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const html = readFileSync(new URL('dashboard.html', import.meta.url), 'utf8');

/** The source of an inline element, as a content security policy names it. */
function sourceOf(element) {
  const [, content] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(html);
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

const policy = [
  "default-src 'none'",
  `script-src ${sourceOf('script')}`,
  `style-src ${sourceOf('style')}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The answer. */
export const dashboard = {
  status: 200,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'cache-control': 'no-cache',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  },
  body: html,
};
