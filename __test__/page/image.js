'use strict';
// As much of the image and PDF formats as the scenarios look at.

const zlib = require('node:zlib');

/** Size and pixels of an 8-bit RGB or RGBA PNG. */
function readPng(bytes) {
  const data = Buffer.from(bytes);
  const width = data.readUInt32BE(16);
  const height = data.readUInt32BE(20);
  const channels = { 2: 3, 6: 4 }[data[25]];
  const parts = [];
  for (let at = 8; at < data.length; ) {
    const length = data.readUInt32BE(at);
    if (data.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(data.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const raw = zlib.inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const pixels = Buffer.alloc(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x >= channels ? pixels[y * stride + x - channels] : 0;
      const up = y ? pixels[(y - 1) * stride + x] : 0;
      const corner = y && x >= channels ? pixels[(y - 1) * stride + x - channels] : 0;
      let add = 0;
      if (filter === 1) add = left;
      else if (filter === 2) add = up;
      else if (filter === 3) add = (left + up) >> 1;
      else if (filter === 4) {
        const guess = left + up - corner;
        const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
        add = a <= b && a <= c ? left : b <= c ? up : corner;
      }
      pixels[y * stride + x] = (raw[y * (stride + 1) + 1 + x] + add) & 255;
    }
  }
  return {
    width,
    height,
    pixel: (x, y) => {
      const at = y * stride + x * channels;
      return [...pixels.subarray(at, at + channels)];
    },
  };
}

/** The format its first bytes tell. */
function formatOf(bytes) {
  const head = Buffer.from(bytes).toString('latin1', 0, 12);
  if (head.startsWith('\x89PNG')) return 'png';
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'webp';
  if (head.startsWith('%PDF-')) return 'pdf';
  return 'unknown';
}

/** Pages and the first media box of a PDF. */
function readPdf(bytes) {
  const text = Buffer.from(bytes).toString('latin1');
  return {
    pages: (text.match(/\/Type \/Page\b/g) ?? []).length,
    box: /\/MediaBox \[([^\]]*)\]/.exec(text)?.[1].split(' ').map((part) => Math.round(Number(part))),
  };
}

module.exports = { readPng, formatOf, readPdf };
