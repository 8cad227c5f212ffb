// What the commands have in common: their options, and the text that they print.

import { readFileSync } from 'node:fs';
import { parseArgs, stripVTControlCharacters } from 'node:util';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** The package's version. */
export const { version } = manifest;
/** The oldest Node.js that the package is for. */
export const oldestNode = manifest.engines.node.replace('>=', '');

/** A command line that cannot be followed; ends with status 2. */
export class UsageError extends Error {
  constructor(message, help) {
    super(message);
    this.help = help;
  }
}

/**
 * Reads a command's options. A description is one of `parseArgs`, and may have a `read` that turns a text into a value, or
 * throws with what it takes, an `env`: the variables that are looked at, in this order, where the option is not given, and
 * `secret`, where no message may have what was given.
 *
 * @returns what was given by name, or undefined where the help was asked for and has been printed
 */
export function readOptions(args, { help, options }) {
  const described = { ...options, help: { type: 'boolean', short: 'h' } };
  const forParser = Object.fromEntries(
    Object.entries(described).map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short ? { short } : {}) },
    ]),
  );
  let parsed;
  try {
    parsed = parseArgs({ args, options: forParser });
  } catch (error) {
    if (error.code?.startsWith('ERR_PARSE_ARGS')) throw new UsageError(error.message, help);
    throw error;
  }
  if (parsed.values.help) {
    process.stdout.write(help);
    return undefined;
  }
  const values = {};
  for (const [name, { read = (text) => text, env = [], multiple, secret, ...rest }] of Object.entries(
    described,
  )) {
    // An empty variable counts as unset, as it is what "NAME= command" and a form's empty field make.
    const variable = env.find((each) => process.env[each]);
    const inherited = variable && (multiple ? process.env[variable].split(',') : process.env[variable]);
    const given = parsed.values[name] ?? inherited ?? rest.default;
    if (given === undefined) continue;
    const called = parsed.values[name] === undefined && variable ? variable : `--${name}`;
    const readOne = (text) => {
      try {
        return read(text);
      } catch (error) {
        const instead = secret ? '' : `, and not '${printable(text)}'`;
        throw new UsageError(`${called} takes ${error.message}${instead}`, help);
      }
    };
    values[name] = multiple ? given.map(readOne) : readOne(given);
  }
  return values;
}

/** Reads a whole number of at least `least`. */
export const integer =
  (least = 1, most = 2 ** 31 - 1) =>
  (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most) {
      throw new Error(`a whole number from ${least} to ${most}`);
    }
    return number;
  };

/** Reads an address of any kind. */
export function anyURL(text) {
  if (!URL.canParse(text)) throw new Error('an absolute address');
  return text;
}

/** Text of others for one line of a terminal: without control characters, and not without end. */
export function printable(text, most = 500) {
  const line = stripVTControlCharacters(String(text))
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  return line.length > most ? `${line.slice(0, most)}… (${line.length} characters)` : line;
}
