// Checks what clients send, before it costs anybody a page.
//
// A type is `{ expected, accepts(value) }`, with `parse(text)` where a query's text stands for something else, and `fields`
// where it is an object.

import { invalidField } from './failures.mjs';

/** Text of at least one character. */
export const text = (most, expected = `a string of 1 to ${most} characters`, pattern = /[^]/) => ({
  expected,
  accepts: (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= most && pattern.test(value),
});

export const boolean = {
  expected: 'true or false',
  accepts: (value) => typeof value === 'boolean',
  parse: (given) => ({ true: true, false: false, '': true })[given] ?? given,
};

const parseNumber = (given) => (/^-?\d+(\.\d+)?$/.test(given) ? Number(given) : given);

export const number = (least, most) => ({
  expected: `a number from ${least} to ${most}`,
  accepts: (value) => typeof value === 'number' && value >= least && value <= most,
  parse: parseNumber,
});

export const integer = (least, most) => ({
  expected: `an integer from ${least} to ${most}`,
  accepts: (value) => Number.isInteger(value) && value >= least && value <= most,
  parse: parseNumber,
});

export const oneOf = (...values) => ({
  expected: `one of ${values.join(', ')}`,
  accepts: (value) => values.includes(value),
});

/** A length on paper as puppeteer takes it; 200 inches is what PDF readers show at most. */
export const length = {
  expected: 'a number of pixels, or text such as "2cm" (px, in, cm, mm), of at most 200 inches',
  accepts(value) {
    const [, amount, unit = 'px'] = /^(\d+(?:\.\d+)?)(px|in|cm|mm)?$/.exec(String(value)) ?? [];
    const inches = Number(amount) / { px: 96, in: 1, cm: 2.54, mm: 25.4 }[unit];
    return ['number', 'string'].includes(typeof value) && inches >= 0 && inches <= 200;
  },
  parse: parseNumber,
};

/** An object of these fields; those named in `required` have to be there. */
export const object = (fields, required = []) => ({
  expected: `an object with ${Object.keys(fields).join(', ')}`,
  accepts: isObject,
  fields,
  required,
});

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const shown = (value) => {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
};

/** How many characters have to be added, removed or changed (Levenshtein). */
function distance(from, to) {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row.at(-1);
}

function similar(name, names) {
  if (name.length > 40) return undefined;
  const ranked = names
    .map((each) => ({ each, off: distance(name.toLowerCase(), each.toLowerCase()) }))
    .sort((a, b) => a.off - b.off);
  return ranked[0]?.off <= Math.max(1, Math.floor(name.length / 3)) ? ranked[0].each : undefined;
}

/** Checks an object against its type; `name` is where it stands. Throws an HTTPError with 400 for the first fault. */
export function check(type, given, name = '') {
  const path = (field) => (name === '' ? field : `${name}.${field}`);
  if (!isObject(given)) {
    throw invalidField(
      name || undefined,
      `${name || 'the body'} must be ${type.expected}, but is ${shown(given)}`,
    );
  }
  for (const field of Object.keys(given)) {
    if (Object.hasOwn(type.fields, field)) continue;
    const meant = similar(field, Object.keys(type.fields));
    const hint = meant ? `did you mean ${path(meant)}?` : `there are ${Object.keys(type.fields).join(', ')}`;
    throw invalidField(path(field), `there is no field ${shown(path(field))}: ${hint}`);
  }
  for (const field of type.required) {
    if (!Object.hasOwn(given, field))
      throw invalidField(path(field), `${path(field)} is missing: it must be ${type.fields[field].expected}`);
  }
  for (const [field, value] of Object.entries(given)) {
    const its = type.fields[field];
    if (!its.accepts(value)) {
      throw invalidField(path(field), `${path(field)} must be ${its.expected}, but is ${shown(value)}`);
    }
    if (its.fields) check(its, value, path(field));
  }
  return given;
}

/** The fields that a query names: `viewport.width=800` is a field of a field. */
export function fromQuery(type, query) {
  const given = {};
  for (const [name, value] of query) {
    const [outer, inner, ...more] = name.split('.');
    const within = inner !== undefined && Object.hasOwn(type.fields, outer) ? type.fields[outer] : undefined;
    const fields = within ? within.fields : type.fields;
    const isNested = fields && within && more.length === 0;
    const [target, field] = isNested ? [(given[outer] ??= {}), inner] : [given, name];
    if (!isObject(target) || Object.hasOwn(target, field)) throw invalidField(name, `${name} is there twice`);
    const its = Object.hasOwn(fields ?? {}, field) ? fields[field] : undefined;
    // Not by assignment: a field may be called __proto__, which is then refused by its name.
    Object.defineProperty(target, field, {
      value: its?.parse ? its.parse(value) : value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return given;
}
