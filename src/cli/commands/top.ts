/**
 * `inmesh top`: who calls whom, as it is now, again and again. In a pipe, once.
 */
import { parseDuration } from '../../config/duration.ts';
import { systemClock, type Millis } from '../../core/clock.ts';
import { parseArguments, UsageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { gather, type Sources } from '../graph/gather.ts';
import { graphOf } from '../graph/graph.ts';
import { sourceHelp, sourceOptions, sourcesOf } from '../graph/sources.ts';
import { graphTable } from '../graph/table.ts';

const options = { ...sourceOptions, interval: { type: 'string', short: 'i' }, count: { type: 'string', short: 'n' }, help: { type: 'boolean', short: 'h' } } as const;

const help = `inmesh top: who calls whom as it is now, with rates, success, latencies and what is out of use; again and again

Usage
  inmesh top [--from URL]… [--from-srv NAME]… [--interval DURATION] [--count N]

Where what it writes goes to a terminal it stays there until Ctrl-C; in a pipe or a file it is one table.

Options
${sourceHelp}
  -i, --interval DURATION how often; default 2s
  -n, --count N           so often, and then end
  -h, --help              this text

Exit codes
  0  every process answered, the last time
  1  some did not
  2  called wrongly

NO_COLOR=1 turns colours off.
`;

/** To the beginning · what is left of a line · what is left of the screen. */
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

export const top: Command = {
  help,
  async run(args, terminal) {
    const { sources, interval, count } = topArguments(args);
    const { rows } = terminal;
    const frames = rows === undefined ? 1 : (count ?? Infinity);
    const interrupted = new Interrupted();
    let failed = 0;
    try {
      for (let frame = 0; frame < frames && !interrupted.yet; frame += 1) {
        if (frame > 0) await interrupted.orAfter(interval);
        if (interrupted.yet) break;
        const found = graphOf(await gather(sources, systemClock));
        failed = found.failed.length;
        const text = graphTable(found, { colours: terminal.colours, outAtMost: 10 });
        terminal.write(rows === undefined ? text : screen(text, rows, frame === 0));
      }
    } finally {
      interrupted.close();
    }
    return failed === 0 ? 0 : 1;
  },
};

/** Throws UsageError. */
export function topArguments(args: readonly string[]): { sources: Sources; interval: Millis; count: number | undefined } {
  const { values, positionals } = parseArguments(args, options);
  if (positionals.length > 0) throw new UsageError(`${positionals.join(' ')}: processes are named with --from URL or --from-srv NAME`);
  const interval = parseDuration(values.interval ?? '2s');
  if (interval === undefined || interval < 100 || interval > 3_600_000) throw new UsageError(`--interval: ${values.interval} (expected: a duration from 100ms to 1h)`);
  const count = values.count === undefined ? undefined : Number(values.count);
  if (count !== undefined && (!Number.isInteger(count) || count < 1)) throw new UsageError(`--count: ${values.count} (expected: a whole number from 1)`);
  return { sources: sourcesOf(values), interval, count };
}

/** Written over what was there, so that nothing flickers; what does not fit is left out, or the terminal would scroll. */
function screen(text: string, rows: number, first: boolean): string {
  const lines = text.trimEnd().split('\n');
  const shown = lines.length < rows ? lines : [...lines.slice(0, Math.max(1, rows - 2)), `… ${lines.length - Math.max(1, rows - 2)} more lines`];
  return `${first ? `${HOME}${REST_OF_SCREEN}` : HOME}${shown.map((line) => `${line}${REST_OF_LINE}\n`).join('')}${REST_OF_SCREEN}`;
}

/** Ctrl-C ends the waiting, and with it the command. */
class Interrupted {
  yet = false;
  #wake: () => void = () => {};

  constructor() {
    process.on('SIGINT', this.#interrupt);
  }

  orAfter(delay: Millis): Promise<void> {
    return new Promise((resolve) => {
      const timer = systemClock.after(delay, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  close(): void {
    process.off('SIGINT', this.#interrupt);
  }

  readonly #interrupt = (): void => {
    // Whoever is in a hurry asks twice.
    if (this.yet) process.exit(130);
    this.yet = true;
    this.#wake();
  };
}
