// Says in index.d.ts what its generator cannot: the type parameters of classes. Runs after each build.

import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../index.d.ts', import.meta.url);

/** Each class as it is generated, and as it is. */
const CLASSES = { PagePool: 'PagePool<P = Page>' };

let text = readFileSync(FILE, 'utf8');
for (const [name, whole] of Object.entries(CLASSES)) {
  const generated = `export declare class ${name} {`;
  if (!text.includes(generated)) throw new Error(`index.d.ts declares no class ${name}`);
  text = text.replace(generated, `export declare class ${whole} {`);
}
writeFileSync(FILE, text);
