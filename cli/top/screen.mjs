// A terminal that is drawn on in place, and left as it was.

/** The other screen, without a cursor, in which long lines are cut and not continued. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

const CTRL_C = '\x03';

/** The terminal of this process. */
export class Screen {
  #input = process.stdin;
  #output = process.stdout;
  #isOpen = false;

  /** Takes it over; `onKey` is told of `q` and Ctrl-C as `'quit'`, `onResize` of another size. */
  open({ onQuit, onResize }) {
    this.#isOpen = true;
    this.#output.write(ENTER);
    // Also where an error ends the process.
    process.once('exit', () => this.close());
    if (this.#input.isTTY) this.#input.setRawMode(true);
    this.#input.setEncoding('utf8').on('data', (keys) => {
      if (/[qQ]/.test(keys) || keys.includes(CTRL_C)) onQuit();
    });
    this.#output.on('resize', onResize);
  }

  get rows() {
    // A terminal that nobody has told its size has none.
    return this.#output.rows || 24;
  }

  draw(lines) {
    if (this.#isOpen)
      this.#output.write(`${HOME}${lines.map((line) => line + CLEAR_LINE).join('\r\n')}${CLEAR_BELOW}`);
  }

  close() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#input.isTTY) this.#input.setRawMode(false);
    this.#input.pause();
    this.#output.write(LEAVE);
  }
}
