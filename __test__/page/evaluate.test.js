'use strict';

/* global order -- what the pages' own scripts define */

const { differential, scenario } = require('./harness.js');

/** What comes back of an expression evaluated in the page. */
const returns = (name, source) => scenario(`returns ${name}`, ({ page }) => page.evaluate(source));

/** What a value is in the page, and what comes back when it is returned. */
const passes = (name, value) =>
  scenario(`passes ${name} as an argument`, async ({ page }) => [
    await page.evaluate(
      (given) => `${Object.prototype.toString.call(given)} ${Object.is(given, -0) ? '-0' : String(given)}`,
      value(),
    ),
    await page.evaluate((given) => given, value()),
  ]);

differential('evaluate', [
  returns('a number', '1 + 1'),
  returns('a string', '"text"'),
  returns('an empty string', '""'),
  returns('text outside the basic plane', '"\\u{1F600} ünï \\u0000 end"'),
  returns('a lone surrogate', '"a\\ud800b".length'),
  scenario('halves of surrogate pairs arrive as they were said', async ({ page }) => {
    const said = new Promise((resolve) => page.once('console', (message) => resolve(message.text())));
    const uncaught = new Promise((resolve) => page.once('pageerror', (error) => resolve([error.message, error.stack.split('\n')[0]])));
    await page.evaluate(() => {
      console.log('log \ud83d', new Error('e\ude00'), '\ufffd');
      setTimeout(() => { throw new Error('\ufffd uncaught \ud83d'); });
    });
    const thrown = await page.evaluate(() => { throw new TypeError('x\ud83d y\ude00'); }).catch((error) => [error.name, error.message]);
    return [await said, await uncaught, thrown];
  }, { right: ['log \ud83d Error: e\ude00 \ufffd', ['Uncaught Error: \ufffd uncaught \ud83d', 'Error: Uncaught Error: \ufffd uncaught \ud83d'], ['TypeError', 'x\ud83d y\ude00']] }),
  scenario('halves of surrogate pairs are sent as they are', async ({ page }) => {
    await page.setContent('<p>half \ud83d</p>');
    return [
      await page.evaluate((text) => [text.length, text.charCodeAt(1), text], 'a\ud83d'),
      await page.evaluate((object) => object.key, { key: '\ude00' }),
      await page.evaluate('[..."\ud83d"].map((unit) => unit.charCodeAt(0))'),
      await page.evaluate(() => document.querySelector('p').textContent),
    ];
  }, { right: [[2, 0xd83d, 'a\ud83d'], '\ude00', [0xd83d], 'half \ud83d'] }),
  returns('true', 'true'),
  returns('undefined', 'undefined'),
  returns('null', 'null'),
  returns('NaN', 'NaN'),
  returns('minus zero', '-0'),
  returns('Infinity', 'Infinity'),
  returns('minus Infinity', '-Infinity'),
  returns('a BigInt', '123456789012345678901234567890n'),
  returns('a negative BigInt', '-5n'),
  returns('a large integer', '9007199254740993'),
  returns('a small fraction', '5e-324'),
  returns('an array', '[1, "two", null, true]'),
  returns('an array with holes', '[1, , 3]'),
  returns('undefined within an array', '[undefined, 1]'),
  returns('undefined within an object', '({ a: undefined, b: 1 })'),
  returns('NaN within an object', '({ a: NaN, b: -0, c: Infinity })'),
  returns('a nested object', '({ a: { b: [{ c: 1 }] } })'),
  returns('an empty object', '({})'),
  returns('a Date', 'new Date(0)'),
  returns('a Date in an object', '({ at: new Date(0) })'),
  returns('a Map', 'new Map([[1, 2]])'),
  returns('a Set', 'new Set([1])'),
  returns('a RegExp', '/a+/g'),
  returns('an Error', 'new Error("x")'),
  returns('a function', '(() => () => 1)()'),
  returns('a symbol', 'Symbol("s")'),
  returns('a symbol within an object', '({ a: Symbol("s"), b: 1 })'),
  returns('a BigInt within an object', '({ a: 1n })'),
  returns('a typed array', 'new Uint8Array([1, 2])'),
  returns('a DOM element', 'document.body'),
  returns('the window', 'window'),
  returns('an object with a cycle', '(() => { const a = {}; a.a = a; return a; })()'),
  returns('an object with toJSON', '({ toJSON() { return 7; } })'),
  returns('an object with a getter', '({ get a() { return 1; } })'),
  returns('a class instance', 'new (class Foo { x = 1; #y = 2; })()'),
  returns('an object without prototype', 'Object.assign(Object.create(null), { a: 1 })'),
  returns('a key named __proto__', 'JSON.parse(`{"__proto__": 1, "b": 2}`)'),
  returns('numeric keys in their order', '({ b: 1, 2: 2, 1: 1 })'),
  returns('what a promise resolves with', 'Promise.resolve(8)'),
  returns('what a thenable resolves with', '({ then(f) { f(9); } })'),
  returns('the last of several statements', 'var first = 1; var second = 2; first + second'),
  returns('nothing for a declaration', 'function declared() {}'),
  returns('a value despite a trailing comment', '1 + 4; // five'),
  returns('a value despite a semicolon', '6;'),
  returns('what an expression with await gives', 'await Promise.resolve(3)'),

  scenario('calls a function', ({ page }) => page.evaluate(() => 7 * 3)),
  scenario('calls an async function', ({ page }) => page.evaluate(async () => 7 * 6)),
  scenario('calls a function declared with the keyword', ({ page }) =>
    page.evaluate(function named(a, b) {
      return a + b;
    }, 1, 2),
  ),
  scenario('calls an async method shorthand', ({ page }) =>
    page.evaluate(
      {
        async shorthand(a) {
          return a + 1;
        },
      }.shorthand,
      1,
    ),
  ),
  scenario('calls a method shorthand', ({ page }) =>
    page.evaluate(
      {
        sum(a, b) {
          return a + b;
        },
      }.sum,
      1,
      2,
    ),
  ),
  scenario('calls a function with default and rest parameters', ({ page }) =>
    page.evaluate((a, b = 5, ...rest) => [a, b, rest], 1, undefined, 3, 4),
  ),
  scenario('passes several arguments', ({ page }) => page.evaluate((...all) => all, 1, 'two', null, [3], { four: 4 })),
  scenario('passes no arguments', ({ page }) => page.evaluate((...all) => all.length)),
  passes('undefined', () => undefined),
  passes('null', () => null),
  passes('NaN', () => NaN),
  passes('minus zero', () => -0),
  passes('Infinity', () => Infinity),
  passes('minus Infinity', () => -Infinity),
  passes('a BigInt', () => 12345678901234567890n),
  passes('a string', () => 'te"xt\n\u2028 \u{1F600}'),
  passes('an array', () => [1, [2, [3]]]),
  passes('an object', () => ({ a: { b: 'c' } })),
  passes('a Date', () => new Date(0)),
  passes('a Map', () => new Map([[1, 2]])),
  passes('undefined within an object', () => ({ a: undefined })),
  passes('NaN within an array', () => [NaN, Infinity]),
  passes('a class instance', () => new (class Foo {
    constructor() {
      this.a = 1;
    }
  })()),
  passes('a function', () => () => 1),
  passes('a symbol', () => Symbol('s')),
  scenario('refuses an object with a cycle', ({ page }) => {
    const cycle = {};
    cycle.cycle = cycle;
    return page.evaluate((given) => given, cycle);
  }),
  scenario('passes a BigInt within an object', ({ page }) => page.evaluate((given) => given, { a: 1n })),

  scenario('rejects with the error of the page', ({ page }) =>
    page.evaluate(() => {
      throw new TypeError('no such thing');
    }),
  ),
  scenario('an error\'s stack begins where it was thrown', async ({ page }) => {
    const frames = ({ stack }) => stack.split('\n').slice(1).map((line) => /at (\w+) \((\w+) at /.exec(line)).filter(Boolean)
      .map(([, called, how]) => [called, how]);
    const thrower = await page.evaluateHandle(() => () => { throw new Error('thrown'); });
    const handed = await thrower.evaluate((given) => given()).catch((error) => error);
    return frames(handed);
  }, { right: [['evaluateHandle', 'evaluateHandle'], ['evaluate', 'evaluate']] }),
  scenario('gives an error of the page its stack', async ({ page }) => {
    const error = await page
      .evaluate(function thrower() {
        throw new Error('deep');
      })
      .catch((caught) => caught);
    return [error instanceof Error, error.stack.split('\n')[0], error.stack.includes('thrower')];
  }),
  scenario('rejects with a custom error name', ({ page }) =>
    page.evaluate(() => {
      const error = new Error('custom');
      error.name = 'CustomError';
      throw error;
    }),
  ),
  scenario('rejects with an error class of the page', ({ page }) =>
    page.evaluate(() => {
      class Special extends Error {}
      throw new Special('one of a kind');
    }),
  ),
  scenario('rejects with a multi-line message', ({ page }) =>
    page.evaluate(() => {
      throw new Error('line one\nline two');
    }),
  ),
  scenario('rejects with an error without message', ({ page }) =>
    page.evaluate(() => {
      throw new Error();
    }),
  ),
  scenario('rejects with a DOMException', ({ page }) => page.evaluate(() => document.querySelector('::::'))),
  ...[
    ['a string', () => { throw 'just text'; }],
    ['a number', () => { throw 100500; }],
    ['null', () => { throw null; }],
    ['undefined', () => { throw undefined; }],
    ['NaN', () => { throw NaN; }],
    ['a BigInt', () => { throw 5n; }],
    ['false', () => { throw false; }],
    ['an object', () => { throw { a: 1 }; }],
    ['an array', () => { throw [1, 2]; }],
    ['a symbol', () => { throw Symbol('thrown'); }],
    ['a function', () => { throw () => 1; }],
  ].map(([name, thrower]) => scenario(`rejects when the page throws ${name}`, ({ page }) => page.evaluate(thrower))),
  scenario('rejects with the reason of a rejected promise', ({ page }) =>
    page.evaluate(() => Promise.reject(new RangeError('too far'))),
  ),
  scenario('rejects with the primitive reason of a rejected promise', ({ page }) =>
    page.evaluate(() => Promise.reject('a reason')),
  ),
  scenario('rejects on a syntax error', ({ page }) => page.evaluate('this is no script')),
  scenario('rejects on a reference error', ({ page }) => page.evaluate('notDefinedAnywhere')),
  scenario('rejects when a function uses what is outside of it', ({ page }) => {
    const outside = 1;
    return page.evaluate(() => outside);
  }),
  scenario('refuses a native function', ({ page }) => page.evaluate(Math.max, 1, 2)),
  scenario('refuses a bound function', ({ page }) => page.evaluate((() => 1).bind(null))),

  scenario('keeps globals between calls', async ({ page }) => {
    await page.evaluate(() => void (globalThis.kept = { n: 1 }));
    return page.evaluate('kept.n');
  }),
  scenario('runs calls made at once in their order', async ({ page }) => {
    await page.evaluate(() => void (globalThis.order = []));
    await Promise.all([1, 2, 3, 4, 5].map((n) => page.evaluate((value) => order.push(value), n)));
    return page.evaluate('order');
  }),
  scenario('returns a megabyte of text', async ({ page }) => {
    const text = await page.evaluate(() => 'é'.repeat(1024 * 1024));
    return [text.length, text[0], text.at(-1)];
  }),
  scenario('passes a megabyte of text', ({ page }) => page.evaluate((text) => text.length, 'x'.repeat(1024 * 1024))),
  scenario('returns a large array', async ({ page }) => {
    const list = await page.evaluate(() => Array.from({ length: 10_000 }, (_, n) => ({ n })));
    return [list.length, list[9999]];
  }),
  scenario('counts as a gesture of the user', ({ page }) => page.evaluate(() => navigator.userActivation.isActive)),
  scenario('survives a page that replaces JSON and Promise', async ({ page }) => {
    await page.evaluate(() => {
      window.JSON = null;
      window.Promise = null;
    });
    return [await page.evaluate(() => ({ a: [1] })), await page.evaluate(() => 1)];
  }),
  scenario('rejects when the page navigates meanwhile', async ({ page, server, attempt }) => {
    const pending = attempt(page.evaluate(() => new Promise(() => {})));
    await page.goto(server.url('/'));
    return pending;
  }),
  scenario('returns the text of a symbol', ({ page }) => page.evaluate(() => Symbol.iterator.toString())),

  scenario('evaluateOnNewDocument runs before the page\'s own scripts', async ({ page, server }) => {
    await page.evaluateOnNewDocument(() => void (globalThis.early = 'set'));
    await page.goto(server.html('<script>globalThis.seen = globalThis.early</script>'));
    return page.evaluate('seen');
  }),
  scenario('evaluateOnNewDocument takes arguments', async ({ page, server }) => {
    await page.evaluateOnNewDocument((a, b) => void (globalThis.sum = a + b.n), 1, { n: 2 });
    await page.goto(server.url('/'));
    return page.evaluate('sum');
  }),
  scenario('evaluateOnNewDocument takes a string', async ({ page, server }) => {
    await page.evaluateOnNewDocument('globalThis.text = "from a string"');
    await page.goto(server.url('/'));
    return page.evaluate('text');
  }),
  scenario('evaluateOnNewDocument runs in frames', async ({ page, server }) => {
    await page.evaluateOnNewDocument(() => void (globalThis.early = true));
    await page.goto(server.html(`<iframe src="${server.url('/')}"></iframe>`));
    return page.evaluate(() => document.querySelector('iframe').contentWindow.early);
  }),
  scenario('evaluateOnNewDocument answers with an identifier', async ({ page }) => {
    const script = await page.evaluateOnNewDocument('1');
    return [Object.keys(script), typeof script.identifier];
  }),
  scenario('evaluateOnNewDocument runs in order of registration', async ({ page, server }) => {
    await page.evaluateOnNewDocument('globalThis.order = ["one"]');
    await page.evaluateOnNewDocument('globalThis.order.push("two")');
    await page.goto(server.url('/'));
    return page.evaluate('order');
  }),
  scenario('removeScriptToEvaluateOnNewDocument takes it back', async ({ page, server }) => {
    const { identifier } = await page.evaluateOnNewDocument('globalThis.early = 1');
    await page.goto(server.url('/'));
    const before = await page.evaluate('typeof early');
    await page.removeScriptToEvaluateOnNewDocument(identifier);
    await page.reload();
    return [before, await page.evaluate('typeof early')];
  }),
  scenario('removeScriptToEvaluateOnNewDocument refuses an unknown identifier', ({ page }) =>
    page.removeScriptToEvaluateOnNewDocument('12345'),
  ),

  scenario('exposeFunction calls back with arguments and answers', async ({ page, note }) => {
    await page.exposeFunction('add', (a, b) => {
      note('called', a, b);
      return a + b;
    });
    return page.evaluate(() => globalThis.add(2, 3));
  }),
  scenario('exposeFunction waits for an async function', async ({ page }) => {
    await page.exposeFunction('later', async (value) => ({ got: value }));
    return page.evaluate(() => globalThis.later([1]));
  }),
  scenario('exposeFunction survives a navigation', async ({ page, server }) => {
    await page.exposeFunction('add', (a, b) => a + b);
    await page.goto(server.url('/'));
    return page.evaluate(() => globalThis.add(1, 1));
  }),
  scenario('exposeFunction is there for the page\'s own scripts', async ({ page, server }) => {
    await page.exposeFunction('ask', () => 'answer');
    await page.goto(server.html('<script>globalThis.asked = ask()</script>'));
    return page.evaluate('asked');
  }),
  scenario('exposeFunction passes an error on', async ({ page }) => {
    await page.exposeFunction('fail', () => {
      throw new RangeError('out of it');
    });
    return page.evaluate(async () => {
      try {
        await globalThis.fail();
        return 'no error';
      } catch (error) {
        return [error instanceof Error, error.name, error.message];
      }
    });
  }),
  scenario('exposeFunction passes a thrown null on', async ({ page }) => {
    await page.exposeFunction('fail', () => {
      throw null;
    });
    return page.evaluate(async () => {
      try {
        await globalThis.fail();
        return 'no error';
      } catch (error) {
        return error === null;
      }
    });
  }),
  scenario('exposeFunction answers in a frame', async ({ page, server }) => {
    await page.exposeFunction('add', (a, b) => a + b);
    await page.goto(server.html(`<iframe src="${server.url('/')}"></iframe>`));
    return page.frames()[1].evaluate(() => globalThis.add(3, 4));
  }),
  scenario('exposeFunction refuses a name taken', async ({ page }) => {
    await page.exposeFunction('taken', () => 1);
    return page.exposeFunction('taken', () => 2);
  }),
  scenario('exposeFunction serves calls at the same time', async ({ page }) => {
    await page.exposeFunction('double', (n) => n * 2);
    return page.evaluate(() => Promise.all([1, 2, 3].map((n) => globalThis.double(n))));
  }),
  scenario('exposeFunction takes a default export of a module', async ({ page }) => {
    await page.exposeFunction('fromModule', { default: () => 'module' });
    return page.evaluate(() => globalThis.fromModule());
  }),
  scenario('code has the place of its call: in console messages', async ({ page }) => {
    const seen = [];
    page.on('console', (given) => seen.push(given.location(), given.stackTrace()));
    await page.evaluate(() => console.log('a function'));
    await page.evaluate('console.log("an expression")');
    await page.evaluate(() => 1);
    return seen;
  }),
  scenario('code has the place of its call: in what it throws', async ({ page }) => {
    const stacks = [];
    const inner = (code) => page.evaluate(code).catch((error) => stacks.push(error.stack.split('\n').slice(0, 2)));
    await inner(() => {
      throw new Error('of a function');
    });
    await inner(function named() {
      throw new TypeError('of a named function');
    });
    await inner('throw new RangeError("of an expression")');
    return stacks;
  }),
  scenario('code has the place of its call: in what is thrown later', async ({ page }) => {
    const thrown = new Promise((resolve) => page.once('pageerror', resolve));
    await page.evaluate(() => void setTimeout(() => Promise.reject(new Error('late')), 0));
    return (await thrown).stack;
  }),
  scenario('code has the place of its call, unless it has a name itself', async ({ page }) => {
    const seen = [];
    page.on('console', (given) => seen.push(given.location()));
    await page.evaluate('console.log(1)\n//# sourceURL=card.js');
    await page.evaluate('console.log(1)\n//@ sourceURL=card.js\n');
    return seen;
  }),
  scenario('code has the place of its call: where somebody has taken stacks over', async ({ page }) => {
    const seen = [];
    page.on('console', (given) => seen.push(given.location().url));
    const { prepareStackTrace, stackTraceLimit } = Error;
    Error.prepareStackTrace = () => 'taken over';
    await page.evaluate(() => console.log(1));
    Error.prepareStackTrace = prepareStackTrace;
    return [seen, Error.stackTraceLimit === stackTraceLimit];
  }),
  scenario('removeExposedFunction takes it away', async ({ page, server }) => {
    await page.exposeFunction('gone', () => 1);
    await page.removeExposedFunction('gone');
    await page.goto(server.url('/'));
    return page.evaluate(() => typeof globalThis.gone);
  }),
  scenario('removeExposedFunction refuses an unknown name', ({ page }) => page.removeExposedFunction('unknown')),
]);
