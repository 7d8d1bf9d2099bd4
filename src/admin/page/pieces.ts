/**
 * Small pictures: a sparkline, a meter, a pill.
 */
import { drawn, element, mark, say } from './dom.ts';
import type { History, Tone } from './model.ts';

const WIDTH = 84;
const HEIGHT = 20;
const FEW = 12;

/** From 0 to the highest of what is shown. Its number stands beside it, so it says nothing to those who cannot see it. */
export class Sparkline {
  readonly root = drawn('svg', { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  readonly #area = drawn('path', { class: 'area' });
  readonly #line = drawn('path');

  constructor() {
    this.root.append(this.#area, this.#line);
  }

  show({ values }: History): void {
    const highest = Math.max(...values, 1e-9) * 1.08;
    // As wide as there is room for, from the first values on; but two of them are no course yet.
    const step = WIDTH / Math.max(values.length - 1, FEW);
    const from = WIDTH - (values.length - 1) * step;
    const points = values.map((value, index) => `${(from + index * step).toFixed(1)} ${(HEIGHT - 1 - (value / highest) * (HEIGHT - 2)).toFixed(1)}`);
    const line = points.length < 2 ? '' : `M${points.join('L')}`;
    mark(this.#line, 'd', line);
    mark(this.#area, 'd', line === '' ? '' : `${line}L${WIDTH} ${HEIGHT}L${from.toFixed(1)} ${HEIGHT}Z`);
  }
}

export class Meter {
  readonly #fill = drawn('rect', { height: '6', rx: '3' });
  readonly root = element('span', { class: 'meter', 'aria-hidden': 'true' }, drawn('svg', { viewBox: '0 0 100 6', preserveAspectRatio: 'none' }, this.#fill));

  /** Of 1. */
  show(value: number, tone: Tone | 'plain'): void {
    mark(this.#fill, 'width', String(Math.round(Math.min(1, Math.max(0, value)) * 100)));
    mark(this.#fill, 'class', tone);
  }
}

export class Pill {
  readonly root = element('span', { class: 'pill' });

  show(text: string, tone: Tone): void {
    say(this.root, text);
    mark(this.root, 'data-tone', tone);
  }
}
