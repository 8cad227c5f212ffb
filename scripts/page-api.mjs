// `node scripts/page-api.mjs`: puppeteer's documented classes and members beside ours, by reflection.
//
// What puppeteer-core documents is read from its `types.d.ts`: the public members of its classes and of what they
// extend, and disposal by symbols where its classes have it. What we have is looked up on the prototypes of our classes.
// `JSCoverage` and `CSSCoverage` are not among them: they are what puppeteer's `Coverage` is made of.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const require = createRequire(import.meta.url);
const root = join(fileURLToPath(import.meta.url), '../..');

/** The classes of puppeteer's that an object of ours can stand in for. */
const CLASSES = [
  'Accessibility',
  'Browser',
  'BrowserContext',
  'CDPSession',
  'Connection',
  'ConsoleMessage',
  'Coverage',
  'DeviceRequestPrompt',
  'Dialog',
  'ElementHandle',
  'EventEmitter',
  'FileChooser',
  'Frame',
  'HTTPRequest',
  'HTTPResponse',
  'JSHandle',
  'Keyboard',
  'Locator',
  'Mouse',
  'Page',
  'Puppeteer',
  'SecurityDetails',
  'Target',
  'Touchscreen',
  'Tracing',
  'WebWorker',
];

const EXTENSIONS = 'extensions are not of a pool: its pages are headless and short-lived';
const SCREENS = 'a pool has no screens';

/** What is left out on purpose, and why. */
export const LEFT_OUT = {
  'Browser.addScreen': SCREENS,
  'Browser.extensions': EXTENSIONS,
  'Browser.installExtension': EXTENSIONS,
  'Browser.removeScreen': SCREENS,
  'Browser.screens': SCREENS,
  'Browser.uninstallExtension': EXTENSIONS,
  'Frame.extensionRealms': EXTENSIONS,
  'Page.bluetooth': 'a pool has no devices',
  'Page.extensionRealms': EXTENSIONS,
  'Page.openDevTools': 'a pool has no windows to open the developer tools in',
  'Page.screencast': 'recording a film needs ffmpeg, which is another program',
  'Page.triggerExtensionAction': EXTENSIONS,
  'Page.webmcp': 'experimental in Chrome, behind a flag',
};

/** Of puppeteer 25, whose types the installed puppeteer-core may be too old to hold. */
const LATER = {
  ConsoleMessage: ['frame', 'page', 'worker'],
  Dialog: ['handled'],
  HTTPRequest: ['asFetchRequest'],
  HTTPResponse: ['asFetchResponse'],
  Page: ['emulateLocale'],
};

const isHidden = (member) =>
  ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected) ||
  (member.name && ts.isPrivateIdentifier(member.name)) ||
  ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');

/** `@@name` stands for `Symbol.name`, as in `[Symbol.dispose]`. */
function nameOf(member) {
  const text = member.name.getText();
  return /^\[(?:Symbol\.|\w*(?=dispose|asyncDispose))/.test(text)
    ? text.replace(/^\[(?:Symbol\.)?(.*)\]$/, '@@$1')
    : text;
}

function documented() {
  const file = join(root, 'node_modules/puppeteer-core/lib/types.d.ts');
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const classes = new Map();
  for (const node of source.statements) {
    if (!ts.isClassDeclaration(node)) continue;
    const members = new Map();
    for (const member of node.members) {
      if (!member.name || isHidden(member)) continue;
      const isStatic = Boolean(ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static);
      const name = nameOf(member);
      // Of the types alone: nothing has it when it runs.
      if (name === '_') continue;
      members.set(isStatic ? `static ${name}` : name, { name, isStatic });
    }
    const parent = node.heritageClauses
      ?.filter(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)
      .map(({ types }) => types[0].expression.getText())[0];
    classes.set(node.name.text, { members, parent });
  }
  return classes;
}

/** `Symbol.dispose` and `Symbol.asyncDispose`, which the types leave out, where a class of puppeteer's has them. */
function disposal(className) {
  const prototype = require('puppeteer-core')[className]?.prototype ?? {};
  const names = ['dispose', 'asyncDispose'].filter((name) => Symbol[name] && Symbol[name] in prototype);
  return names.map((name) => [`@@${name}`, { name: `@@${name}`, isStatic: false }]);
}

/** A class's own members and those that it inherits. */
function membersOf(classes, name) {
  const found = classes.get(name);
  if (!found) return new Map();
  return new Map([...membersOf(classes, found.parent), ...found.members]);
}

/** Our classes, by puppeteer's names. What puppeteer's default export can do is of the package itself. */
function ours() {
  const addon = require('../index.js');
  return { ...addon, Puppeteer: { ...addon.Puppeteer, prototype: addon } };
}

function has(target, { name, isStatic }) {
  if (!target) return false;
  const object = isStatic ? target : target.prototype;
  const key = name.startsWith('@@') ? Symbol[name.slice(2)] : name;
  return key !== undefined && key in object;
}

/** One row for each class: its members, which of them are missing, and which are left out. */
export function compare() {
  const theirs = documented();
  const mine = ours();
  return CLASSES.map((className) => {
    const members = membersOf(theirs, className);
    for (const name of LATER[className] ?? []) members.set(name, { name, isStatic: false });
    for (const [name, member] of disposal(className)) members.set(name, member);
    // Emitters of ours are no class of their own.
    const target = className === 'EventEmitter' ? mine.Frame : mine[className];
    const absent = [...members].filter(([, member]) => !has(target, member)).map(([key]) => key);
    const isLeftOut = (key) => `${className}.${key}` in LEFT_OUT;
    return {
      className,
      total: members.size,
      leftOut: absent.filter(isLeftOut),
      missing: absent.filter((key) => !isLeftOut(key)),
    };
  });
}

/** How many of the documented members there are, those left out counted as absent. */
export function totals(rows) {
  const sum = (of) => rows.reduce((all, row) => all + of(row), 0);
  const documentedMembers = sum((row) => row.total);
  const present = documentedMembers - sum((row) => row.leftOut.length + row.missing.length);
  return { documented: documentedMembers, present, percent: (100 * present) / documentedMembers };
}

function print() {
  const rows = compare();
  console.log('| class | documented | here | left out | missing |\n|---|---|---|---|---|');
  for (const { className, total, leftOut, missing } of rows) {
    const here = total - leftOut.length - missing.length;
    console.log(`| ${className} | ${total} | ${here} | ${leftOut.join(', ')} | ${missing.join(', ')} |`);
  }
  const { documented: all, present, percent } = totals(rows);
  console.log(`\n${present} of ${all} documented members: ${percent.toFixed(1)} %`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) print();
