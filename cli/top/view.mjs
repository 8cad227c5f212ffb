// The figures of a server as lines of text.

import { style } from '../../scripts/lib/steps.mjs';
import { printable } from '../command.mjs';

const numbers = new Intl.NumberFormat('en');
const count = (value) => numbers.format(value);
const sum = (record) => Object.values(record).reduce((all, each) => all + each, 0);
const bound = (le) => (le === '+Inf' ? Infinity : le);
const parts = (record) =>
  Object.entries(record)
    .filter(([, value]) => value > 0)
    .map(([name, value]) => `${count(value)} ${name}`)
    .join(', ');

const milliseconds = (ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);

function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  return s < 3600
    ? `${Math.floor(s / 60)} min ${s % 60} s`
    : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** Below which time this share of the waits was, as far as the buckets say. */
function quantile({ buckets, count: all }, share) {
  if (all === 0) return '–';
  const le = bound(buckets.find((bucket) => bucket.count >= share * all)?.le ?? '+Inf');
  if (le === 0) return 'at once';
  return le === Infinity ? `>${milliseconds(bound(buckets.at(-2).le))}` : `≤${milliseconds(le)}`;
}

function waits(histograms) {
  const names = {
    total: 'all',
    semaphore: 'semaphore',
    admission: 'admission',
    tabQueue: 'tab',
    tabStartup: 'start',
    tabProbe: 'probe',
  };
  const column = (text) => text.padStart(11);
  const row = (label, cell) =>
    `${label.padEnd(9)}${Object.keys(names)
      .map((name) => column(cell(name)))
      .join('')}`;
  return [
    style.bold(row('WAITS', (name) => names[name])),
    row('half', (name) => quantile(histograms[name], 0.5)),
    row('99 %', (name) => quantile(histograms[name], 0.99)),
  ];
}

const COLUMNS = [
  ['TABS', (tenant) => tenant.tabCount],
  ['FILE', (tenant) => tenant.byQueue.file],
  ['MODULE', (tenant) => tenant.byQueue.module],
  ['COMMAND', (tenant) => tenant.byQueue.command],
  ['WAITING', (tenant) => sum(tenant.tabQueuedByPriority) + tenant.admission.pending],
];

/** A line each; the name comes last, as it may be of any length. */
function table(tenants, moreTenants, most) {
  const width = (name) => Math.max(6, name.length) + 2;
  const heading = `${COLUMNS.map(([name]) => name.padStart(width(name))).join('')}  TENANT`;
  const shown = tenants.slice(0, Math.max(0, most));
  const lines = shown.map(
    (tenant) =>
      COLUMNS.map(([name, of]) => count(of(tenant)).padStart(width(name))).join('') +
      `  ${printable(tenant.affinityKey, 200)}`,
  );
  const left = tenants.length - shown.length + moreTenants;
  return [style.bold(heading), ...lines, ...(left > 0 ? [style.dim(`  and ${count(left)} more`)] : [])];
}

/**
 * The lines for what a server has told. `rate`: leases a second, where that is known; `rows`: how many lines there may be;
 * `note`: what else is to be said of the connection.
 */
export function lines(
  { version, startedAt, stats, tenants, moreTenants },
  { url, rate, rows = Infinity, note = '', now = Date.now() },
) {
  const { tabs, standbys, contexts, totals, browser } = stats;
  const { warm, cold } = totals.leases;
  const share = warm + cold === 0 ? '' : ` (${Math.floor((100 * warm) / (warm + cold))} % warm)`;
  const chrome = browser?.connected
    ? `${printable(browser.version ?? 'a browser', 80)}, pid ${browser.pid ?? 'unknown'}`
    : style.red('no browser');
  const pages = [
    `${style.bold(`${count(stats.leases)} of ${count(stats.maxPages)}`)} in use`,
    `${count(tabs.idle)} idle`,
    `${count(standbys.ready)} of ${count(standbys.wanted)} standing by`,
    ...(standbys.making > 0 ? [`${count(standbys.making)} being made`] : []),
    ...(tabs.closing > 0 ? [`${count(tabs.closing)} closing`] : []),
    ...(contexts.orphans > 0 ? [`${count(contexts.orphans)} kept without a page`] : []),
  ];
  const refused = sum(totals.rejected);
  const above = [
    `${style.bold('pagepool')} ${printable(version)}  ${url}  ${chrome}  up ${duration(now - startedAt)}${note ? `  ${style.yellow(note)}` : ''}`,
    '',
    `Pages    ${pages.join(', ')}`,
    `Leases   ${count(warm + cold)}${share}${rate === undefined ? '' : `, ${count(rate)} a second`}`,
    `Waiting  ${count(sum(stats.waiting))}${sum(stats.waiting) > 0 ? ` (${parts(stats.waiting)})` : ''}`,
    `Refused  ${count(refused)}${refused > 0 ? ` (${printable(parts(totals.rejected))})` : ''}`,
    '',
    ...waits(stats.waits),
    '',
  ];
  // Below: the heading, and the line that counts the rest.
  return [...above, ...table(tenants, moreTenants, rows - above.length - 2)].slice(0, rows);
}
