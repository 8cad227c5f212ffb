// Who may ask: the token, and pages of other sites, which may not.

import { createHash, timingSafeEqual } from 'node:crypto';

import { HTTPError } from './failures.mjs';

const digest = (value) => createHash('sha256').update(value).digest();
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether only this machine can reach the address. */
export const isLoopback = (host) => LOOPBACK.test(host.includes(':') ? `[${host}]` : host);

/** What a client gives: a bearer token, or the password that a browser asks its user for. */
function given({ authorization = '' }) {
  const [, scheme, value] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  if (scheme?.toLowerCase() === 'bearer') return value;
  if (scheme?.toLowerCase() !== 'basic') return undefined;
  const pair = Buffer.from(value, 'base64').toString();
  return pair.slice(pair.indexOf(':') + 1);
}

/** A function that throws unless the request may be answered. */
export function guard({ token, host }) {
  const expected = token === undefined ? undefined : digest(token);
  // With a token it does not matter: no browser sends that to a name that is a stranger's.
  const isLocalOnly = token === undefined && isLoopback(host);
  return ({ headers }, { needsToken, isOpenToSites }) => {
    // A name that a stranger's site has pointed to this machine: its pages would count as of the same origin.
    const [, named = ''] = /^(.*?)(?::\d+)?$/.exec(headers.host ?? '');
    if (isLocalOnly && named !== '' && !LOOPBACK.test(named.toLowerCase())) {
      throw new HTTPError(
        403,
        'HOST_NOT_ALLOWED',
        'this server listens on a loopback address, and is asked by another name',
      );
    }
    const site = headers['sec-fetch-site'];
    if (!isOpenToSites && site !== undefined && site !== 'same-origin' && site !== 'none') {
      throw new HTTPError(403, 'CROSS_SITE', 'pages of other sites may not ask this server');
    }
    if (!needsToken || expected === undefined) return;
    const token = given(headers);
    // Digests are of one length, and how far they agree tells nothing.
    if (token === undefined || !timingSafeEqual(digest(token), expected)) {
      const message =
        token === undefined ? 'a token is needed: "Authorization: Bearer TOKEN"' : 'the token is wrong';
      throw new HTTPError(401, 'UNAUTHORIZED', message, {
        // A line each: Chrome reads the first scheme of a line only.
        headers: {
          'www-authenticate': ['Bearer realm="pagepool"', 'Basic realm="pagepool", charset="UTF-8"'],
        },
      });
    }
  };
}
