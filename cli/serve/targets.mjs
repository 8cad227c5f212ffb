// Which addresses may be rendered.

import { HTTPError } from './failures.mjs';

const SCHEMES = ['http:', 'https:'];

/** Reads a host for the list of those that are allowed: a name, `*.` and a name, or an IPv4 address; in any case, without a port. */
export function host(given) {
  const [, wildcard = '', name] = /^(\*\.)?([^*/:@?#\s,[\]]+)$/.exec(given.trim()) ?? [];
  const url = name && URL.canParse(`http://${name}`) ? new URL(`http://${name}`) : undefined;
  // What has been read as a host, and nothing else: it becomes part of Chrome's command line.
  if (!url || !/^[a-z0-9._-]+$/.test(url.hostname)) {
    throw new Error('a host without a port, such as example.com, *.example.com or 192.0.2.1');
  }
  return wildcard + url.hostname;
}

const matches = (pattern, name) =>
  pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) && name !== pattern.slice(1) : name === pattern;

/** Whether the list, where there is one, has the host of the address. */
export const isAllowed = (hosts, url) =>
  hosts === undefined || hosts.some((pattern) => matches(pattern, new URL(url).hostname));

/** Throws unless the address may be rendered. */
export function checkTarget(hosts, url) {
  if (!URL.canParse(url)) {
    throw new HTTPError(400, 'INVALID_URL', 'url must be an absolute address', { field: 'url' });
  }
  const { protocol, hostname } = new URL(url);
  if (!SCHEMES.includes(protocol)) {
    const why = `url must begin with http: or https:, not with ${protocol}`;
    throw new HTTPError(403, 'URL_NOT_ALLOWED', why, { field: 'url' });
  }
  if (!isAllowed(hosts, url)) {
    throw new HTTPError(403, 'URL_NOT_ALLOWED', `pages of ${hostname} are not rendered here`, {
      field: 'url',
    });
  }
}

/**
 * What keeps Chrome from all other hosts, whoever names them: redirects, scripts, frames, and addresses without a name.
 * A proxy would look names up by itself, so there is none.
 */
export function chromeArguments(hosts) {
  if (hosts === undefined) return [];
  const excluded = hosts.map((pattern) => `EXCLUDE ${pattern}`).join(' , ');
  return [`--host-resolver-rules=MAP * ~NOTFOUND , ${excluded}`, '--no-proxy-server'];
}

/** Arguments of the operator's that Chrome would take instead of ours. */
export const conflicting = (given = '') =>
  given
    .split(/\s+/)
    .find((each) => /^--(host-resolver-rules|host-rules|proxy-(server|pac-url|auto-detect))\b/.test(each));
