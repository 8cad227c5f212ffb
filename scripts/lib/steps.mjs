// Steps that take a while, shown to whoever waits: a line that is rewritten on a terminal, plain lines elsewhere.

import { spawn } from 'node:child_process';

const HEARTBEAT_MS = 20_000;
const REDRAW_MS = 120;
const TAIL_LINES = 40;

const tty = Boolean(process.stdout.isTTY) && process.env.TERM !== 'dumb';
const paint = (code, text) => (tty && !process.env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text);

/** Text in the terminal's colours, where there is a terminal. */
export const style = {
  bold: (text) => paint(1, text),
  dim: (text) => paint(2, text),
  red: (text) => paint(31, text),
  green: (text) => paint(32, text),
  yellow: (text) => paint(33, text),
};

/** A failure that tells the reader what to do; printed without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {{ hint?: string, details?: string, cause?: unknown }} [more]
   */
  constructor(message, { hint, details, cause } = {}) {
    super(message, { cause });
    this.name = 'SetupError';
    this.hint = hint;
    this.details = details;
  }
}

/** Seconds in a form to read: `0.4 s`, `73 s`, `3 min 12 s`. */
export function seconds(ms) {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** One line about something that is settled. */
export function say(title, text = '') {
  process.stdout.write(`${style.green('✓')} ${title}${text ? `  ${style.dim(text)}` : ''}\n`);
}

/** One line about something the reader should know and need not act upon. */
export function warn(text) {
  process.stdout.write(`${style.yellow('!')} ${text}\n`);
}

/** Prints what went wrong; a `SetupError` with its advice, anything else with its stack. */
export function complain(error) {
  if (!(error instanceof SetupError)) {
    process.stderr.write(`${style.red('✗')} ${error?.stack ?? error}\n`);
    return;
  }
  process.stderr.write(`\n${style.red('✗')} ${error.message}\n`);
  if (error.details) process.stderr.write(`\n${error.details.trimEnd()}\n`);
  if (error.hint) process.stderr.write(`\n  ${error.hint.replaceAll('\n', '\n  ')}\n`);
}

/**
 * Runs `work` as one step with its elapsed time on show. `work` gets a function that tells what it is at.
 *
 * @template T
 * @param {string} title
 * @param {(now: (text: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const started = Date.now();
  let at = '';
  const elapsed = () => seconds(Date.now() - started);
  const draw = () => {
    const room = Math.max(20, (process.stdout.columns ?? 100) - title.length - 16);
    process.stdout.write(
      `\r\x1b[2K${style.yellow('…')} ${title}  ${style.dim(`${elapsed()}  ${at.slice(0, room)}`)}`,
    );
  };
  if (!tty) process.stdout.write(`… ${title}\n`);
  const timer = tty
    ? setInterval(draw, REDRAW_MS)
    : setInterval(
        () => process.stdout.write(`… ${title}: ${elapsed()}${at ? `, ${at}` : ''}\n`),
        HEARTBEAT_MS,
      );
  const clear = () => {
    clearInterval(timer);
    if (tty) process.stdout.write('\r\x1b[2K');
  };
  try {
    const outcome = await work((text) => {
      at = text;
    });
    clear();
    say(title, elapsed());
    return outcome;
  } catch (error) {
    clear();
    throw error;
  }
}

/**
 * Cleans up before the process ends by Ctrl-C or SIGTERM; the function that it returns takes that back.
 *
 * @param {() => void} clean
 */
export function atInterrupt(clean) {
  const end = (signal) => {
    clean();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  return () => process.off('SIGINT', end).off('SIGTERM', end);
}

/**
 * Runs a command to its end and returns what it printed. Its last line of output is what the step is at. With a
 * `timeoutMs` or a `signal` it runs in a process group of its own, all of which is killed when the time has come.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, now?: (text: string) => void, timeoutMs?: number,
 *   signal?: AbortSignal }} [options]
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null, output: string, stdout: string }>}
 */
export function run(command, args, { cwd, env, now, timeoutMs, signal } = {}) {
  return new Promise((resolve, reject) => {
    const detached = Boolean(timeoutMs || signal);
    const stdio = ['ignore', 'pipe', 'pipe'];
    const child = spawn(command, args, { cwd, env: env ?? process.env, stdio, detached });
    let output = '';
    let stdout = '';
    const kill = () => {
      // A command that could not be started has no group.
      if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = timeoutMs && setTimeout(kill, timeoutMs);
    signal?.addEventListener('abort', kill);
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    };
    const take = (chunk) => {
      output += chunk;
      const line = chunk
        .trimEnd()
        .split(/[\r\n]+/)
        .at(-1)
        ?.trim();
      if (line) now?.(line);
    };
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      stdout += chunk;
      take(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (error) => {
      settle();
      reject(error);
    });
    child.on('close', (code, killedBy) => {
      settle();
      resolve({ code, signal: killedBy, output, stdout });
    });
  });
}

/** The end of a command's output, which is where it says what went wrong. */
export function tail(output, lines = TAIL_LINES) {
  const kept = output.split(/[\r\n]+/).filter((line) => line.trim() && !/^\s*Building \[/.test(line));
  return kept.slice(-lines).join('\n');
}
