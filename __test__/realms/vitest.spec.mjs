import { createRequire } from 'node:module';
import { test } from 'vitest';

const { checks } = createRequire(import.meta.url)('./suite.cjs');

for (const [name, check] of Object.entries(checks)) {
  test(name, check);
}
