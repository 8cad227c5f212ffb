#!/usr/bin/env node
// `pagepool`: what there is to do from a shell.

import { UsageError, version } from '../cli/command.mjs';

const HELP = `pagepool ${version}: a pool of warm headless-Chrome pages

  pagepool doctor    looks whether this machine can run a pool, and says what to do where not
  pagepool serve     renders pages, PDFs and screenshots over HTTP, on pages that stay warm for their tenant
  pagepool top       shows what such a server is doing, live in a terminal

  --help             this text; after a command, that command's options
  --version          the package's version
`;

const COMMANDS = {
  doctor: () => import('../cli/doctor.mjs'),
  serve: () => import('../cli/serve.mjs'),
  top: () => import('../cli/top.mjs'),
};

async function main([name, ...args]) {
  if (name === '--help' || name === '-h' || name === 'help') return void process.stdout.write(HELP);
  if (name === '--version' || name === '-v') return void process.stdout.write(`${version}\n`);
  if (!Object.hasOwn(COMMANDS, name ?? '')) {
    throw new UsageError(name === undefined ? 'a command is missing' : `there is no command '${name}'`, HELP);
  }
  const command = await COMMANDS[name]();
  await command.main(args);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`pagepool: ${error.message}\n\n${error.help}`);
    process.exitCode = 2;
  } else {
    process.stderr.write(`pagepool: ${error?.stack ?? error}\n`);
    process.exitCode = 1;
  }
}
