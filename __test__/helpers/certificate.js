'use strict';

// A certificate that nobody has signed but itself (X.509 version 3, ECDSA on P-256), for `localhost` and 127.0.0.1.

const crypto = require('node:crypto');

const der = (tag, ...parts) => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = content;
  const sizes = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) {
    sizes.unshift(rest % 256);
  }
  return Buffer.concat([Buffer.from(length < 128 ? [tag, length] : [tag, 0x80 | sizes.length, ...sizes]), content]);
};
const sequence = (...parts) => der(0x30, ...parts);
const set = (...parts) => der(0x31, ...parts);
const oid = (...bytes) => der(0x06, bytes);
const integer = (...bytes) => der(0x02, bytes);
const utcTime = (date) => der(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
const bitString = (bytes) => der(0x03, [0], bytes);
const octetString = (bytes) => der(0x04, bytes);
const tagged = (number, bytes) => der(0xa0 | number, bytes);

const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const SUBJECT_ALT_NAME = oid(0x55, 0x1d, 0x11);
const DAY_MS = 86_400_000;

const pem = (kind, bytes) => `-----BEGIN ${kind}-----\n${bytes.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END ${kind}-----\n`;

/** `{ key, cert }`, as `https.createServer` takes them. */
function selfSigned() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(set(sequence(COMMON_NAME, der(0x0c, Buffer.from('localhost')))));
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, [127, 0, 0, 1]));
  const body = sequence(
    tagged(0, integer(2)),
    integer(0x01, ...crypto.randomBytes(8)),
    ECDSA_WITH_SHA256,
    name,
    sequence(utcTime(new Date(Date.now() - DAY_MS)), utcTime(new Date(Date.now() + DAY_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(sequence(SUBJECT_ALT_NAME, octetString(names)))),
  );
  const certificate = sequence(body, ECDSA_WITH_SHA256, bitString(crypto.sign('sha256', body, privateKey)));
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: pem('CERTIFICATE', certificate) };
}

module.exports = { selfSigned };
