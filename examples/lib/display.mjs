// What the demonstration shows: one line for each worker on a terminal, one for each card elsewhere, and the table.

const tty = Boolean(process.stdout.isTTY) && process.env.TERM !== 'dumb';
const colours = tty && !process.env.NO_COLOR;
const paint = (code, text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
const dim = (text) => paint(2, text);
const bold = (text) => paint(1, text);

const MARKS = { done: paint(32, '✓'), failed: paint(33, '!'), 'given up': paint(31, '✗') };
const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const BAR_WIDTH = 30;

/** Progress of a run of `total` cards by `workers` workers. */
export class Progress {
  #total;
  #done = 0;
  #started = Date.now();
  #current;
  #drawn = 0;
  #timer;

  constructor(total, workers) {
    this.#total = total;
    this.#current = Array.from({ length: workers }, () => null);
    if (tty) this.#timer = setInterval(() => this.#draw(), 80);
  }

  /** Worker `index` has begun with a card. */
  begin(index, label) {
    this.#current[index] = { label, since: Date.now() };
  }

  /** Worker `index` has ended its card. */
  end(index, label, outcome) {
    this.#current[index] = null;
    this.#done += 1;
    const count = `${String(this.#done).padStart(String(this.#total).length)}/${this.#total}`;
    const temperature = outcome.warm === undefined ? '    ' : outcome.warm ? 'warm' : 'cold';
    const note = outcome.note ? `  ${outcome.note}` : '';
    this.#above(
      `${MARKS[outcome.state]} ${dim(count)}  ${label.padEnd(44)} ${dim(temperature)} ${`${Math.round(outcome.ms)}`.padStart(6)} ms${note}`,
    );
  }

  /** Stops drawing. */
  stop() {
    clearInterval(this.#timer);
    this.#erase();
  }

  #above(line) {
    this.#erase();
    process.stdout.write(`${line}\n`);
    this.#draw();
  }

  #erase() {
    if (!tty || this.#drawn === 0) return;
    process.stdout.write(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
  }

  #draw() {
    if (!tty) return;
    const now = Date.now();
    const filled = Math.round((this.#done / this.#total) * BAR_WIDTH);
    const bar = `${'█'.repeat(filled)}${dim('░'.repeat(BAR_WIDTH - filled))}`;
    const lines = [
      `  ${bar}  ${this.#done} of ${this.#total}  ${dim(`${((now - this.#started) / 1000).toFixed(1)} s`)}`,
    ];
    this.#current.forEach((at, index) => {
      const frame = at ? FRAMES[Math.floor(now / 80) % FRAMES.length] : ' ';
      const what = at ? `${at.label}  ${dim(`${now - at.since} ms`)}` : dim('idle');
      lines.push(`  ${frame} worker ${index + 1}  ${what}`);
    });
    const room = process.stdout.rows ?? 24;
    this.#erase();
    const visible = lines.slice(0, Math.max(1, room - 2));
    process.stdout.write(`${visible.join('\n')}\n`);
    this.#drawn = visible.length;
  }
}

/** The `q`-th quantile of some numbers by the nearest rank, or `null` of none. */
export function quantile(values, q) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

/**
 * A table with a head, aligned: the first column to the left, figures to the right.
 *
 * @param {string[]} head
 * @param {(string | number | null)[][]} rows
 * @param {(string | number | null)[]} [sum] set apart at the end
 */
export function table(head, rows, sum) {
  const cells = [head, ...rows, ...(sum ? [sum] : [])].map((row) =>
    row.map((cell) => (cell === null ? '-' : String(cell))),
  );
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ');
  const rule = dim('─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)));
  const body = cells.slice(1, rows.length + 1).map(line);
  return [bold(line(cells[0])), rule, ...body, ...(sum ? [rule, line(cells.at(-1))] : [])].join('\n');
}

/** A heading. */
export const heading = bold;
