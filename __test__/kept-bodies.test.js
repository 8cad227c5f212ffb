'use strict';

// A body that was read can be read again when Chrome has it no longer, as long as it is among those that its page keeps.

const QUnit = require('qunit');
const { chromeModule } = require('./helpers/real-chrome.js');
const { Server } = require('./page/server.js');
const lib = require('..');

const SIZE = 1000;

chromeModule('bodies of responses on a real Chrome', (kit, test) => {
  /** Reads three bodies, the first one twice, and what can be read of each once the page is elsewhere. */
  const left = async (options) => {
    const server = await Server.start();
    try {
      const page = await (await kit().manager(options).getBrowser()).newPage();
      await page.goto(server.url('/'));
      const responses = [];
      for (const letter of ['a', 'b', 'c']) {
        const url = server.url('/text', { value: letter.repeat(SIZE) });
        const [response] = await Promise.all([page.waitForResponse(url), page.evaluate(async (from) => void (await (await fetch(from)).text()), url)]);
        await response.text();
        await responses[0]?.text();
        responses.push(response);
      }
      await page.goto('about:blank');
      await page.goto(server.url('/json', {}, server.crossOrigin));
      return await Promise.all(responses.map((response) => response.text().then((text) => text[0], (error) => error.code)));
    } finally {
      await server.close();
    }
  };

  test('all are kept that fit by default', async (assert) => {
    assert.deepEqual(await left({}), ['a', 'b', 'c']);
  });

  test('what was not used for longest goes first beyond maxKeptBodyBytes', async (assert) => {
    assert.deepEqual(await left({ maxKeptBodyBytes: 2 * SIZE }), ['a', 'PROTOCOL_ERROR', 'c']);
  });

  test('nothing is kept where that is 0', async (assert) => {
    assert.deepEqual(await left({ maxKeptBodyBytes: 0 }), ['PROTOCOL_ERROR', 'PROTOCOL_ERROR', 'PROTOCOL_ERROR']);
  });
});

QUnit.module('maxKeptBodyBytes as an option', () => {
  QUnit.test('is a number of bytes, or refused', (assert) => {
    for (const maxKeptBodyBytes of [-1, NaN, '5000', null]) {
      const refused = (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && error.message.includes('options.maxKeptBodyBytes');
      assert.throws(() => new lib.BrowserManager({ maxKeptBodyBytes }), refused, String(maxKeptBodyBytes));
    }
    for (const maxKeptBodyBytes of [undefined, 0, 5000, Infinity]) {
      assert.ok(new lib.BrowserManager({ maxKeptBodyBytes }), String(maxKeptBodyBytes));
    }
  });
});
