/**
 * Timeline: virtual time for millions of events, and the `Clock` of the code under test.
 *
 * A binary heap by time, and then by the order in which things were arranged, so a seed always plays the same way. `run` does
 * not wait for promises: what is simulated without layers has none on its way. `runSettling` lets every promise settle
 * between two instants, for runs through the layers.
 */
import type { Clock, Millis, Timer } from '../../src/core/clock.ts';
import { settle } from '../support/virtual-clock.ts';

export interface Happening {
  happen(now: Millis): void;
}

class Call implements Happening, Timer {
  #fire: (() => void) | undefined;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  happen(): void {
    this.#fire?.();
  }

  cancel(): void {
    this.#fire = undefined;
  }
}

export class Timeline implements Clock {
  #now: Millis = 0;
  #arranged = 0;
  #times = new Float64Array(1024);
  #orders = new Float64Array(1024);
  readonly #happenings: Happening[] = [];

  now(): Millis {
    return this.#now;
  }

  wall(): Millis {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  after(delay: Millis, fire: () => void): Timer {
    const call = new Call(fire);
    this.at(this.#now + Math.max(0, delay), call);
    return call;
  }

  at(time: Millis, happening: Happening): void {
    const happenings = this.#happenings;
    let place = happenings.length;
    if (place === this.#times.length) this.#grow();
    const times = this.#times;
    const orders = this.#orders;
    happenings.push(happening);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      // Of two at the same time, the one already there was arranged earlier.
      if (times[parent]! <= time) break;
      times[place] = times[parent]!;
      orders[place] = orders[parent]!;
      happenings[place] = happenings[parent]!;
      place = parent;
    }
    times[place] = time;
    orders[place] = this.#arranged++;
    happenings[place] = happening;
  }

  /** Plays all that happens until then. */
  run(until: Millis): void {
    while (this.#happenings.length > 0 && this.#times[0]! <= until) {
      this.#now = this.#times[0]!;
      this.#take().happen(this.#now);
    }
    this.#now = until;
  }

  /** As `run`, with all promises settled before time moves on. */
  async runSettling(until: Millis): Promise<void> {
    await settle();
    while (this.#happenings.length > 0 && this.#times[0]! <= until) {
      this.#now = this.#times[0]!;
      this.#take().happen(this.#now);
      await settle();
    }
    this.#now = until;
  }

  #take(): Happening {
    const happenings = this.#happenings;
    const times = this.#times;
    const orders = this.#orders;
    const first = happenings[0]!;
    const last = happenings.pop()!;
    const count = happenings.length;
    if (count === 0) return first;
    const time = times[count]!;
    const order = orders[count]!;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= count) break;
      const right = child + 1;
      if (right < count && (times[right]! < times[child]! || (times[right] === times[child] && orders[right]! < orders[child]!))) child = right;
      if (times[child]! > time || (times[child] === time && orders[child]! > order)) break;
      times[place] = times[child]!;
      orders[place] = orders[child]!;
      happenings[place] = happenings[child]!;
      place = child;
    }
    times[place] = time;
    orders[place] = order;
    happenings[place] = last;
    return first;
  }

  #grow(): void {
    const [times, orders] = [this.#times, this.#orders];
    this.#times = new Float64Array(2 * times.length);
    this.#orders = new Float64Array(2 * orders.length);
    this.#times.set(times);
    this.#orders.set(orders);
  }
}
