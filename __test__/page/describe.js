'use strict';
// One text for one value, the same for both sides where a caller could not tell the values apart.

const { inspect } = require('node:util');

const isHandle = (value) =>
  typeof value === 'object' && value !== null && typeof value.jsonValue === 'function' && typeof value.dispose === 'function';

/** Handles, errors and binary data become what a caller can see of them. */
function simplify(value, seen = new Map()) {
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? '[function]' : value;
  if (seen.has(value)) return seen.get(value);
  if (isHandle(value)) return { handle: String(value) };
  if (value instanceof Error) return { error: `${value.name}: ${value.message}` };
  if (ArrayBuffer.isView(value)) return { binary: value.constructor.name, bytes: value.byteLength };
  if (value instanceof Date || value instanceof RegExp) return value;
  if (value instanceof Map || value instanceof Set) return value;
  if (Array.isArray(value)) {
    const out = [];
    seen.set(value, out);
    for (let index = 0; index < value.length; index++) if (index in value) out[index] = simplify(value[index], seen);
    out.length = value.length;
    return out;
  }
  const out = {};
  seen.set(value, out);
  for (const key of Object.keys(value)) out[key] = simplify(value[key], seen);
  return out;
}

const describe = (value) =>
  inspect(simplify(value), {
    depth: 12,
    sorted: true,
    breakLength: Infinity,
    compact: true,
    maxArrayLength: null,
    maxStringLength: 4000,
  });

module.exports = { describe };
