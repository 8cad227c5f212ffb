'use strict';

const { differential, scenario } = require('./harness.js');

/** A snapshot without what differs from run to run, and what is not documented. */
function told(node) {
  if (!node) return node;
  const { elementHandle, backendNodeId, loaderId, children, ...rest } = node;
  return { ...rest, ...(children ? { children: children.map(told) } : {}) };
}

const PAGES = {
  'text and headings': '<title>T</title><h1>Heading</h1><h2>Sub <b>bold</b></h2><p>Text <i>in</i> parts</p>',
  'form controls': `
    <label>Name <input value=x></label><input placeholder=empty><input type=checkbox checked><input type=checkbox>
    <input type=radio disabled><textarea>long</textarea><select><option>A<option selected>B</select>
    <select multiple><option>A<option selected>B</select><button>Go</button><input type=password value=secret>
    <input type=range min=1 max=9 value=3><input required readonly value=r><progress value=1 max=4></progress>`,
  'aria': `
    <div role=checkbox aria-checked=mixed tabindex=0>mixed</div><div role=button aria-pressed=true>pressed</div>
    <div role=slider aria-valuemin=1 aria-valuemax=5 aria-valuenow=2 aria-valuetext=two tabindex=0>s</div>
    <div role=textbox aria-multiline=true aria-invalid=true contenteditable>rich</div>
    <div role=combobox aria-expanded=true aria-haspopup=listbox aria-autocomplete=list tabindex=0>c</div>
    <div role=scrollbar aria-orientation=vertical>bar</div><div aria-roledescription=thing>described</div>
    <div role=dialog aria-modal=true aria-label=Dialog>d</div><div aria-live=polite aria-atomic=true aria-relevant=text>live</div>
    <div aria-busy=true>busy</div><button aria-keyshortcuts="Alt+A">k</button><div role=tree><div role=treeitem aria-selected=true>t</div></div>`,
  'errors and details': `
    <input aria-errormessage=e aria-invalid=true><div id=e>wrong</div><div aria-details=d>x</div><div id=d>more</div>`,
  'landmarks': '<header>h</header><nav><a href="#">link</a></nav><main><form aria-label=f></form></main><footer>f</footer><section aria-label=s>in</section>',
  'hidden': '<div hidden>no</div><div aria-hidden=true>no</div><p style="visibility: hidden">no</p><p>yes</p>',
  'images and lists': '<img alt=picture src="data:,"><ul><li>one<li>two</ul><table><tr><th>h<td>d</table>',
  'editable': '<div contenteditable>Edit <b>this</b> <img alt=pic src="data:,"></div><div contenteditable=plaintext-only role=textbox>plain <b>b</b></div>',
  'nested buttons': '<button>outer <span>inner</span> <img alt=i src="data:,"></button><div role=menu><div role=menuitem>m <p>text</p></div></div>',
  'headings with links': '<h3>Heading <a href="#">link</a></h3>',
  'nothing': '',
};

const snapshot = async (page, options) => told(await page.accessibility.snapshot(options));

differential('accessibility', [
  scenario('accessibility is one object', ({ page }) => page.accessibility === page.accessibility, { right: true }),
  ...Object.entries(PAGES).flatMap(([name, body]) => [
    scenario(`snapshot of ${name}`, ({ page }) => snapshot(page), { body }),
    scenario(`all of ${name}`, ({ page }) => snapshot(page, { interestingOnly: false }), { body }),
  ]),
  scenario('what a snapshot says', async ({ page, server }) => {
    await page.goto(server.html('<h1>Heading</h1><button disabled>Go</button>', { title: 'T' }));
    const { url, ...rest } = await snapshot(page);
    return [rest, url === page.url()];
  }, {
    right: [{
      role: 'RootWebArea', name: 'T',
      children: [{ role: 'heading', name: 'Heading', level: 1 }, { role: 'button', name: 'Go', disabled: true }],
    }, true],
  }),
  scenario('what has the focus', async ({ page }) => {
    await page.focus('button');
    return (await snapshot(page)).children.filter((child) => child.focused).map((child) => child.name);
  }, { body: '<button>one</button><button>two</button>', right: ['one'] }),
  scenario('root', async ({ page }) => [
    await snapshot(page, { root: await page.$('ul') }),
    await snapshot(page, { root: await page.$('button') }),
    await snapshot(page, { root: await page.$('div'), interestingOnly: false }),
  ], { body: '<ul><li>one<li>two</ul><button>Go</button><div><p>text</p></div>' }),
  scenario('root that is not told', async ({ page }) => [
    await snapshot(page, { root: await page.$('div') }),
    await snapshot(page, { root: await page.$('p') }),
  ], { body: '<div><button>a</button><button>b</button></div><p hidden>no</p>' }),
  scenario('root that is gone', async ({ page, attempt }) => {
    const root = await page.$('button');
    await root.evaluate((button) => button.remove());
    return attempt(() => snapshot(page, { root }));
  }, { body: '<button>a</button>', right: { value: null } }),
  scenario('frames are left out', ({ page }) => snapshot(page), { body: '<iframe title=f srcdoc="<button>in</button>"></iframe><button>out</button>' }),
  scenario('frames', ({ page }) => snapshot(page, { includeIframes: true }), {
    body: '<iframe title=f srcdoc="<button>in</button><iframe srcdoc=\'<p>deep</p>\'></iframe>"></iframe><button>out</button>',
  }),
  scenario('frames, all', ({ page }) => snapshot(page, { includeIframes: true, interestingOnly: false }), {
    body: '<iframe title=f srcdoc="<button>in</button>"></iframe><button>out</button>',
  }),
  scenario('elementHandle', async ({ page }) => {
    const root = await page.accessibility.snapshot({ interestingOnly: false });
    const find = (node, role) => (node.role === role ? node : (node.children ?? []).map((child) => find(child, role)).find(Boolean));
    const button = await find(root, 'button').elementHandle();
    const text = await find(root, 'StaticText').elementHandle();
    return [await button.evaluate((element) => element.id), await text.evaluate((element) => element.id)];
  }, { body: '<p id=p>text</p><button id=b>Go</button>', right: ['b', 'p'] }),
  scenario('elementHandle in a frame', async ({ page }) => {
    const root = await page.accessibility.snapshot({ includeIframes: true });
    const find = (node, name) => (node.name === name ? node : (node.children ?? []).map((child) => find(child, name)).find(Boolean));
    const button = await find(root, 'in').elementHandle();
    return [await button.evaluate((element) => element.id), button.frame === page.frames()[1]];
  }, { body: '<iframe title=f srcdoc="<button id=inner>in</button>"></iframe>', right: ['inner', true] }),
  scenario('a deep document', async ({ page }) => {
    await page.evaluate(() => {
      let at = document.body;
      for (let depth = 0; depth < 300; depth++) at = at.appendChild(document.createElement('div'));
      at.innerHTML = '<button>deep</button>';
    });
    return (await snapshot(page)).children;
  }, { body: '', right: [{ role: 'button', name: 'deep' }] }),
]);
