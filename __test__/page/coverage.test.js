'use strict';

const { differential, scenario, throws } = require('./harness.js');

const script = (server, code) => server.url('/script.js', { code });
const style = (server, css) => server.url('/style.css', { css });

/** What was used, as text. */
const used = ({ text, ranges }) => ranges.map(({ start, end }) => text.slice(start, end));
const shown = (entries) => entries.map((entry) => [new URL(entry.url).pathname, used(entry)]);

const CODE = 'function called() { return 1; }\nfunction never() { return 2; }\nif (called()) { called(); } else { never(); }\n';
const CSS = '.seen { color: green }\n.unseen { color: red }\n@media print { .seen { color: blue } }\n';

async function jsOf(page, url, options, during = async () => {}) {
  await page.coverage.startJSCoverage(options);
  await page.goto(url);
  await during();
  return page.coverage.stopJSCoverage();
}

differential('coverage', [
  scenario('coverage is one object', ({ page }) => page.coverage === page.coverage, { right: true }),
  scenario('of a script', async ({ page, server }) => {
    const entries = await jsOf(page, server.html(`<script src="${script(server, CODE)}"></script>`));
    return [entries.length, entries[0].text === CODE, shown(entries)];
  }),
  scenario('of a script by its functions', async ({ page, server }) =>
    shown(await jsOf(page, server.html(`<script src="${script(server, CODE)}"></script>`), { useBlockCoverage: false }))),
  scenario('of several scripts', async ({ page, server }) => {
    const tags = ['let a = 1', 'let b = () => 2; b()'].map((code) => `<script src="${script(server, code)}"></script>`);
    return shown(await jsOf(page, server.html(tags.join(''))));
  }),
  scenario('of a script in the document', async ({ page, server }) => {
    const [entry] = await jsOf(page, server.html('<script>function f() {}\nlet x = 1;</script>'));
    return [entry.text, entry.ranges];
  }),
  scenario('of what runs later', async ({ page, server }) => {
    const url = server.html(`<script src="${script(server, 'function a() { return 1 }\nfunction b() { return 2 }')}"></script>`);
    return shown(await jsOf(page, url, {}, () => page.evaluate(() => globalThis.a())));
  }),
  scenario('without what the caller evaluates', async ({ page, server }) => {
    const entries = await jsOf(page, server.url('/'), {}, () => page.evaluate(() => [1].map((x) => x)));
    return entries.length;
  }, { right: 0 }),
  scenario('anonymous scripts are left out', async ({ page, server }) => {
    const code = "eval('globalThis.x = 1'); new Function('globalThis.y = 2')()";
    return shown(await jsOf(page, server.html(`<script src="${script(server, code)}"></script>`)));
  }),
  scenario('anonymous scripts', async ({ page, server }) => {
    const code = "eval('globalThis.x = 1')";
    const entries = await jsOf(page, server.html(`<script src="${script(server, code)}"></script>`), { reportAnonymousScripts: true });
    return entries.map(({ url, text }) => [url.replace(/\d+$/, 'N').replace(/\?.*/, ''), text]).sort();
  }),
  scenario('raw', async ({ page, server }) => {
    const [entry] = await jsOf(page, server.html(`<script src="${script(server, CODE)}"></script>`), { includeRawScriptCoverage: true });
    return [Object.keys(entry).sort(), entry.rawScriptCoverage.functions.map((each) => [each.functionName, each.ranges, each.isBlockCoverage])];
  }),
  scenario('a navigation resets it', async ({ page, server }) => {
    await page.coverage.startJSCoverage();
    await page.goto(server.html(`<script src="${script(server, CODE)}"></script>`));
    await page.goto(server.url('/'));
    return (await page.coverage.stopJSCoverage()).length;
  }, { right: 0 }),
  scenario('a navigation does not reset it', async ({ page, server }) => {
    await page.coverage.startJSCoverage({ resetOnNavigation: false });
    await page.goto(server.html(`<script src="${script(server, CODE)}"></script>`));
    await page.goto(server.url('/'));
    return shown(await page.coverage.stopJSCoverage()).length;
  }),
  scenario('started twice', async ({ page }) => {
    await page.coverage.startJSCoverage();
    await page.coverage.startJSCoverage();
  }, { right: throws('Error: JSCoverage is already enabled') }),
  scenario('stopped before it was started', ({ page }) => page.coverage.stopJSCoverage(), { right: throws('Error: JSCoverage is not enabled') }),
  scenario('once more', async ({ page, server }) => {
    const url = server.html(`<script src="${script(server, CODE)}"></script>`);
    const first = shown(await jsOf(page, url));
    return JSON.stringify(first) === JSON.stringify(shown(await jsOf(page, url)));
  }, { right: true }),
  scenario('a debugger statement does not stop it', async ({ page, server }) => {
    const entries = await jsOf(page, server.html(`<script src="${script(server, 'debugger; let x = 1')}"></script>`));
    return entries.length;
  }, { right: 1 }),
  scenario('of a style sheet', async ({ page, server }) => {
    await page.coverage.startCSSCoverage();
    await page.goto(server.html(`<link rel=stylesheet href="${style(server, CSS)}"><p class=seen>text</p>`));
    const entries = await page.coverage.stopCSSCoverage();
    return [entries.length, entries[0].text === CSS, shown(entries)];
  }, { right: [1, true, [['/style.css', ['.seen { color: green }']]]] }),
  scenario('of several style sheets', async ({ page, server }) => {
    await page.coverage.startCSSCoverage();
    const links = ['p { color: red }', 'i { color: red }'].map((css) => `<link rel=stylesheet href="${style(server, css)}">`);
    await page.goto(server.html(`${links.join('')}<p>text</p>`));
    return shown(await page.coverage.stopCSSCoverage()).sort();
  }),
  scenario('of a style sheet that comes later', async ({ page, server }) => {
    await page.goto(server.html('<p class=seen>text</p>'));
    await page.coverage.startCSSCoverage();
    await page.addStyleTag({ url: style(server, CSS) });
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    return shown(await page.coverage.stopCSSCoverage());
  }),
  scenario('of a style element', async ({ page, server }) => {
    await page.coverage.startCSSCoverage();
    await page.goto(server.html('<style>p { color: red }\nb { color: red }</style><p>text</p>'));
    const [entry] = await page.coverage.stopCSSCoverage();
    return [entry.text, entry.ranges];
  }),
  scenario('CSS: a navigation resets it', async ({ page, server }) => {
    await page.coverage.startCSSCoverage();
    await page.goto(server.html(`<link rel=stylesheet href="${style(server, CSS)}">`));
    await page.goto(server.url('/'));
    return (await page.coverage.stopCSSCoverage()).length;
  }, { right: 0 }),
  scenario('CSS: a navigation does not reset it', async ({ page, server }) => {
    await page.coverage.startCSSCoverage({ resetOnNavigation: false });
    await page.goto(server.html(`<link rel=stylesheet href="${style(server, CSS)}">`));
    await page.evaluate(() => document.styleSheets.length);
    await page.goto(server.url('/'));
    return (await page.coverage.stopCSSCoverage()).length;
  }, { right: 1 }),
  scenario('CSS: started twice', async ({ page }) => {
    await page.coverage.startCSSCoverage();
    await page.coverage.startCSSCoverage();
  }, { right: throws('Error: CSSCoverage is already enabled') }),
  scenario('CSS: stopped before it was started', ({ page }) => page.coverage.stopCSSCoverage(), { right: throws('Error: CSSCoverage is not enabled') }),
]);
