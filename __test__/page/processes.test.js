'use strict';
// Frames of other sites in processes of their own, which the headless shell does not give them by itself.

const { differential, scenario } = require('./harness.js');

/** Adds a frame to the page. */
const addFrame = (page, src) =>
  page.evaluate((src) => {
    const frame = document.createElement('iframe');
    frame.src = src;
    document.body.append(frame);
  }, src);

differential('processes', [
  scenario('the text of a frame\'s document', async ({ page, server }) => {
    await page.setContent('<iframe></iframe>');
    const response = await page.frames()[1].goto(server.url('/text', {}, server.crossOrigin));
    return [response.status(), await response.text()];
  }),
  scenario('the text of a document that a frame brings along', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const url = server.url('/json', {}, server.crossOrigin);
    const [response] = await Promise.all([page.waitForResponse(url), addFrame(page, url)]);
    return response.json();
  }),
  scenario('requests within a frame', async ({ page, server, record }) => {
    await page.goto(server.url('/'));
    const url = server.html('<script>fetch("/text?value=within").then((r) => r.text()).then((text) => (document.title = text))</script>', {}, server.crossOrigin);
    record(page, { requestfinished: (request) => [new URL(request.url()).pathname, request.frame() === page.frames()[1]] });
    await addFrame(page, url);
    const frame = await page.waitForFrame(url);
    await frame.waitForFunction(() => document.title === 'within');
  }),
], { args: ['--site-per-process'] });
