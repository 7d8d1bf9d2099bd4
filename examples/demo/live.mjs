/**
 * What is seen while the demo runs: a table that stays in place on a terminal, one line per second elsewhere.
 */
import { millis, percent, seconds, style, titles } from './text.mjs';

const NEWS_SHOWN = 8;

/** @typedef {{ now: number, duration: number, title: string, rows: { side: string, failedSoFar: number, window: any }[] }} Second */

export function liveView(out = process.stdout) {
  return out.isTTY && process.env.TERM !== 'dumb' ? new Table(out) : new Lines(out);
}

class Lines {
  #out;

  constructor(out) {
    this.#out = out;
  }

  news(at, who, text) {
    this.#out.write(`${seconds(at)}  ${who === 'fault' ? '==' : '  '} ${who === 'fault' ? text : `${who} ${text}`}\n`);
  }

  /** @param {Second} second */
  second({ now, rows }) {
    const parts = rows.map(({ side, window }) => {
      const { calls, success, p50, p99 } = window;
      return `${titles[side]} ${String(calls).padStart(3)}/s ${percent(success).padStart(8)} p50 ${millis(p50).padStart(7)} p99 ${millis(p99).padStart(7)}`;
    });
    this.#out.write(`${seconds(now)}     ${parts.join('  |  ')}\n`);
  }

  close() {}
}

class Table {
  #out;
  #drawn = 0;
  #news = [];
  /** @type {Second | undefined} */
  #last;

  constructor(out) {
    this.#out = out;
    out.write('\x1b[?25l');
  }

  news(at, who, text) {
    const line = who === 'fault' ? style.yellow(text) : `${style.cyan(who)} ${text}`;
    this.#news.push(`${style.dim(seconds(at))}  ${line}`);
    this.#news = this.#news.slice(-NEWS_SHOWN);
    if (this.#last !== undefined) this.second({ ...this.#last, title: who === 'fault' ? text : this.#last.title });
  }

  /** @param {Second} second */
  second(second) {
    this.#last = second;
    const { now, duration, title, rows } = second;
    const lines = [
      '',
      `  ${style.bold('productpage → reviews → ratings')}   ${seconds(now).trim()} of ${duration} s   now: ${style.yellow(title)}`,
      '',
      style.dim(`  ${'last second'.padEnd(14)}${['calls', 'success', 'p50', 'p99', 'failed so far'].map((head, i) => head.padStart(i === 4 ? 16 : 11)).join('')}   reviews that answered`),
      ...rows.map((row) => this.#row(row)),
      '',
      ...this.#news.map((line) => `  ${line}`),
    ];
    const width = (this.#out.columns ?? 80) - 1;
    const height = (this.#out.rows ?? 24) - 1;
    const shown = lines.slice(0, height).map((line) => `${cut(line, width)}\x1b[K`);
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\r`;
    this.#out.write(`${up}${shown.join('\n')}\n\x1b[J`);
    this.#drawn = shown.length;
  }

  #row({ side, failedSoFar, window }) {
    const { calls, success, p50, p99, replicas } = window;
    const worry = success === undefined || success === 1 ? style.green : style.red;
    const cells = [String(calls).padStart(11), worry(percent(success).padStart(11)), millis(p50).padStart(11), millis(p99).padStart(11)];
    const failed = (failedSoFar === 0 ? style.green : style.red)(String(failedSoFar).padStart(16));
    const who = [...replicas].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, n]) => `${name.split('-')[1]}:${Math.round((100 * n) / (calls || 1))}%`);
    return `  ${style.bold(titles[side].padEnd(14))}${cells.join('')}${failed}   ${who.join(' ')}`;
  }

  close() {
    this.#out.write('\x1b[?25h');
  }
}

/** As much of a line as the terminal is wide; colours take no room. */
function cut(line, width) {
  let room = width;
  let kept = '';
  for (const part of line.split(/(\x1b\[\d+m)/)) {
    if (part.startsWith('\x1b')) kept += part;
    else {
      const piece = [...part].slice(0, room);
      room -= piece.length;
      kept += piece.join('');
    }
  }
  return kept;
}
