'use strict';

/* global events, heard -- what the pages' own scripts define */

const { differential, scenario, once } = require('./harness.js');

/** A page that keeps what happened to its elements in `events`. */
const watched = (body, names) => `<style>body { margin: 0 }</style>${body}<script>
  globalThis.events = [];
  for (const name of ${JSON.stringify(names)}) {
    document.addEventListener(name, (event) => {
      const parts = [name, event.target.id || event.target.nodeName];
      if (event instanceof KeyboardEvent) parts.push(event.key, event.code, event.location, event.keyCode, event.repeat,
        [event.shiftKey && 'shift', event.ctrlKey && 'ctrl', event.altKey && 'alt', event.metaKey && 'meta'].filter(Boolean).join('+'));
      else if (event instanceof WheelEvent) parts.push(event.deltaX, event.deltaY);
      else if (event instanceof MouseEvent) parts.push(event.button, event.buttons, event.detail, event.clientX, event.clientY, event.isTrusted);
      else if (event instanceof InputEvent) parts.push(event.inputType, event.data);
      events.push(parts.join(' '));
    }, true);
  }
</script>`;

const MOUSE = ['mousedown', 'mouseup', 'click', 'dblclick', 'contextmenu', 'auxclick'];
const KEYS = ['keydown', 'keypress', 'input', 'keyup'];
const BUTTON = '<button id="b" style="position:absolute;left:10px;top:20px;width:100px;height:40px">press</button>';
const FIELD = '<input id="i" style="position:absolute;left:0;top:0">';
const AREA = '<textarea id="t"></textarea>';

const mouse = (name, run, body = BUTTON, names = MOUSE) =>
  scenario(name, async (given) => {
    const answer = await run(given);
    // Chrome may tell a page that has just been shown where the mouse rests.
    return [answer, await given.page.evaluate(() => events.filter((line) => !/^mouse\w+ HTML 0 0 0 0 0/.test(line)))];
  }, { body: watched(body, names) });

const keys = (name, run, body = AREA, names = KEYS) =>
  scenario(name, async (given) => {
    await given.page.focus('input, textarea');
    const answer = await run(given);
    return [answer, await given.page.evaluate('events'), await given.page.$eval('input, textarea', (e) => e.value)];
  }, { body: watched(body, names) });

differential('input', [
  mouse('click', ({ page }) => page.click('#b')),
  mouse('click with the right button', ({ page }) => page.click('#b', { button: 'right' })),
  mouse('click with the middle button', ({ page }) => page.click('#b', { button: 'middle' })),
  mouse('click twice', ({ page }) => page.click('#b', { count: 2 })),
  mouse('click with an offset', ({ page }) => page.click('#b', { offset: { x: 5, y: 6 } })),
  mouse('click with a delay', ({ page }) => page.click('#b', { delay: 5 })),
  mouse('click through a handle', async ({ page }) => (await page.$('#b')).click()),
  mouse('click by mouse', ({ page }) => page.mouse.click(15, 25)),
  mouse('mouse down, move, up', async ({ page }) => {
    await page.mouse.move(20, 30);
    await page.mouse.down();
    await page.mouse.move(40, 50);
    await page.mouse.up();
  }, BUTTON, [...MOUSE, 'mousemove']),
  mouse('mouse move in steps', async ({ page }) => {
    await page.mouse.move(0, 100);
    await page.mouse.move(100, 100, { steps: 4 });
  }, BUTTON, ['mousemove']),
  mouse('mouse down twice', async ({ page, attempt }) => {
    await page.mouse.down();
    return attempt(() => page.mouse.down());
  }),
  mouse('mouse up without down', ({ page, attempt }) => attempt(() => page.mouse.up())),
  mouse('mouse refuses an unknown button', ({ page, attempt }) => attempt(() => page.mouse.down({ button: 'fourth' }))),
  mouse('two buttons at once', async ({ page }) => {
    await page.mouse.move(20, 30);
    await page.mouse.down({ button: 'left' });
    await page.mouse.down({ button: 'right' });
    await page.mouse.up({ button: 'left' });
    await page.mouse.up({ button: 'right' });
  }),
  mouse('mouse reset', async ({ page }) => {
    await page.mouse.move(20, 30);
    await page.mouse.down();
    await page.mouse.reset();
  }),
  mouse('mouse wheel', async ({ page }) => {
    await page.mouse.move(20, 30);
    const scrolled = page.evaluate(() => new Promise((resolve) => addEventListener('wheel', () => resolve(), { once: true })));
    await page.evaluate('1');
    await page.mouse.wheel({ deltaX: 1, deltaY: 20 });
    await scrolled;
  }, `${BUTTON}<div style="height:3000px"></div>`, ['wheel']),
  mouse('hover', ({ page }) => page.hover('#b'), BUTTON, ['mouseover', 'mousemove']),
  mouse('click with a modifier', async ({ page }) => {
    await page.keyboard.down('Shift');
    await page.click('#b');
    await page.keyboard.up('Shift');
    return page.evaluate('events.length');
  }),
  scenario('click scrolls into view', async ({ page }) => {
    await page.evaluate(() => document.querySelector('button').addEventListener('click', () => (globalThis.clicked = true)));
    await page.click('button');
    return [await page.evaluate('clicked'), await page.evaluate('scrollY > 0')];
  }, { body: '<div style="height:3000px"></div><button>far</button>' }),
  scenario('click has heard what the page says of it', async ({ page }) => {
    const heard = [];
    page.on('console', (message) => heard.push(message.text()));
    const counts = [];
    for (let click = 0; click < 20; click++) {
      await page.click('button');
      counts.push(heard.length);
    }
    return counts;
  }, { body: `${BUTTON}<script>document.querySelector('button').onclick = () => console.log('clicked')</script>`,
    right: Array.from({ length: 20 }, (_, click) => click + 1) }),
  ...Object.entries({
    click: (page) => page.mouse.click(15, 25),
    key: (page) => page.keyboard.press('a'),
  }).map(([what, act]) =>
    scenario(`a ${what} after an evaluate that has not begun`, async ({ page }) => {
      await page.evaluate(() => (globalThis.heard = []));
      await Promise.all([
        page.evaluate(() => {
          const end = performance.now() + 200;
          while (performance.now() < end);
        }),
        page.evaluate(() => {
          for (const name of ['click', 'keydown']) addEventListener(name, () => heard.push(name));
        }),
        act(page),
      ]);
      return page.evaluate('heard');
    }, { body: BUTTON })),
  scenario('a click that a pending evaluate waits for', async ({ page, side }) => {
    // Of puppeteer's it would never hear, now and then.
    if (side !== 'ours') return 'clicked';
    const [clicked] = await Promise.all([
      page.evaluate(() => new Promise((resolve) => addEventListener('click', () => resolve('clicked')))),
      page.mouse.click(15, 25),
    ]);
    return clicked;
  }, { body: BUTTON, right: 'clicked' }),
  scenario('click of nothing rejects', ({ page }) => page.click('.missing'), { body: BUTTON }),
  scenario('click of a hidden element rejects', ({ page }) => page.click('button'), { body: '<button style="display:none">x</button>' }),
  scenario('click of an element without size rejects', ({ page }) => page.click('p'), { body: '<p style="width:0;height:0;margin:0"></p>' }),
  scenario('click of what was removed rejects', async ({ page }) => {
    const button = await page.$('button');
    await button.evaluate((element) => element.remove());
    return button.click();
  }, { body: BUTTON }),
  scenario('click of a text node rejects', async ({ page }) => {
    const text = await page.evaluateHandle(() => document.querySelector('button').firstChild);
    return text.click();
  }, { body: BUTTON }),
  scenario('click a link and wait', async ({ page, server }) => {
    await page.goto(server.html('<a href="/text">go</a>'));
    const [response] = await Promise.all([page.waitForNavigation(), page.click('a')]);
    return response.url();
  }),
  scenario('click a rotated element', async ({ page }) => {
    await page.evaluate(() => document.querySelector('p').addEventListener('click', () => (globalThis.clicked = true)));
    await page.click('p');
    return page.evaluate('clicked');
  }, { body: '<p style="transform:rotate(30deg);width:100px">turned</p>' }),
  scenario('click a wrapped link', async ({ page }) => {
    await page.evaluate(() => document.querySelector('a').addEventListener('click', () => (globalThis.clicked = true)));
    await page.click('a');
    return page.evaluate('clicked');
  }, { body: '<div style="width:10ch;word-wrap:break-word">123321 <a href="#x">123456789 123456789</a></div>' }),
  scenario('click a checkbox by its label', async ({ page }) => {
    await page.click('label');
    return page.$eval('input', (input) => input.checked);
  }, { body: '<label for="c">check</label><input id="c" type="checkbox">' }),
  scenario('drag and drop by mouse', async ({ page }) => {
    await page.mouse.move(10, 10);
    await page.mouse.down();
    await page.mouse.move(60, 60, { steps: 3 });
    await page.mouse.up();
    return page.evaluate(() => String(getSelection()).length > 0);
  }, { body: '<p>some text to select with the mouse</p><p>and more of it</p>' }),

  scenario('focus', async ({ page }) => [await page.focus('#i'), await page.evaluate('document.activeElement.id')], { body: FIELD }),
  scenario('focus of nothing rejects', ({ page }) => page.focus('.missing'), { body: FIELD }),
  scenario('focus of a text node rejects', async ({ page }) =>
    (await page.evaluateHandle(() => document.createTextNode('x'))).focus()),
  keys('type in a text area', ({ page }) => page.type('#t', 'aB 1')),
  keys('type with a delay', ({ page }) => page.type('#t', 'ab', { delay: 2 })),
  keys('type what no key has', ({ page }) => page.type('#t', '嗨é')),
  keys('type an emoji', ({ page }) => page.type('#t', '\u{1F44D}x')),
  keys('type a line break', ({ page }) => page.type('#t', 'a\nb')),
  keys('type signs of a shifted key', ({ page }) => page.type('#t', '!@{}"')),
  scenario('type of nothing rejects', ({ page }) => page.type('.missing', 'x'), { body: FIELD }),
  keys('press', ({ page }) => page.keyboard.press('a')),
  ...['Enter', 'Tab', 'Backspace', 'ArrowLeft', 'F5', 'Escape', 'Space', 'Digit5', 'NumpadSubtract', 'ShiftRight'].map((key) =>
    keys(`press ${key}`, ({ page }) => page.keyboard.press(key), FIELD, [...KEYS, 'change']),
  ),
  keys('press with text', ({ page }) => page.keyboard.press('a', { text: 'Z' })),
  keys('press an unknown key', ({ page, attempt }) => attempt(() => page.keyboard.press('NotAKey'))),
  keys('hold shift', async ({ page }) => {
    await page.keyboard.down('Shift');
    await page.keyboard.press('KeyA');
    await page.keyboard.up('Shift');
  }),
  keys('repeat a held key', async ({ page }) => {
    await page.keyboard.down('b');
    await page.keyboard.down('b');
    await page.keyboard.up('b');
  }),
  keys('several modifiers', async ({ page }) => {
    await page.keyboard.down('Control');
    await page.keyboard.down('Alt');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.up('Alt');
    await page.keyboard.up('Control');
  }),
  keys('sendCharacter', ({ page }) => page.keyboard.sendCharacter('嗨')),
  keys('keyboard type', ({ page }) => page.keyboard.type('hi')),
  keys('select all by command and replace', async ({ page }) => {
    await page.keyboard.type('old');
    await page.keyboard.down('Control');
    await page.keyboard.press('a', { commands: ['SelectAll'] });
    await page.keyboard.up('Control');
    await page.keyboard.type('new');
  }, AREA, []),
  keys('backspace deletes', async ({ page }) => {
    await page.keyboard.type('abc');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Backspace');
  }, AREA, []),
  keys('press through a handle', async ({ page }) => (await page.$('#t')).press('c')),
  keys('type through a handle', async ({ page }) => (await page.$('#t')).type('de')),
  scenario('Enter sends a form', async ({ page, server }) => {
    await page.goto(server.html('<form action="/text"><input name="value"></form>'));
    await page.type('input', 'sent');
    const [response] = await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
    return [response.url(), await response.text()];
  }),

  scenario('select one', async ({ page }) => [await page.select('select', 'b'), await page.evaluate('heard')], {
    body: `<select><option value="a">A</option><option value="b">B</option></select>
      <script>globalThis.heard = []; for (const n of ['input', 'change']) document.querySelector('select').addEventListener(n, (e) => heard.push(n + e.bubbles))</script>`,
  }),
  scenario('select several', ({ page }) => page.select('select', 'a', 'c'), {
    body: '<select multiple><option value="a">A</option><option value="b">B</option><option value="c">C</option></select>',
  }),
  scenario('select several where one is possible', ({ page }) => page.select('select', 'a', 'c'), {
    body: '<select><option value="a">A</option><option value="b">B</option><option value="c">C</option></select>',
  }),
  scenario('select nothing', ({ page }) => page.select('select'), { body: '<select multiple><option value="a" selected>A</option></select>' }),
  scenario('select what is not there', ({ page }) => page.select('select', 'z'), { body: '<select><option value="a">A</option></select>' }),
  scenario('select on what is no select', ({ page }) => page.select('p', 'a'), { body: '<p>x</p>' }),
  scenario('select refuses what is no string', ({ page }) => page.select('select', 12), { body: '<select><option value="12">A</option></select>' }),
  scenario('tap', async ({ page }) => {
    await page.setViewport({ width: 400, height: 300, hasTouch: true });
    await page.evaluate(() => {
      globalThis.heard = [];
      for (const name of ['touchstart', 'touchend', 'click']) document.addEventListener(name, () => heard.push(name));
    });
    await page.tap('button');
    return page.evaluate('heard');
  }, { body: BUTTON }),
  scenario('uploadFile', async ({ page }) => {
    const input = await page.$('input');
    await input.uploadFile(__filename);
    return input.evaluate((e) => e.files[0].name);
  }, { body: '<input type="file">' }),
  scenario('a new window by a modified click is a popup of the page', async ({ page, server }) => {
    await page.goto(server.html('<a target="_blank" rel="opener" href="/text">go</a>'));
    const [popup] = await Promise.all([once(page, 'popup'), page.click('a')]);
    await popup.waitForFunction(() => location.pathname === '/text');
    const url = popup.url();
    await popup.close();
    return url;
  }),
]);
