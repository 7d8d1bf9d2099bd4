/** Figures: what came of a run. Every request is kept, so percentiles are exact; a failed one counts as long as the timeout. */
import type { Millis } from '../../src/core/clock.ts';

export interface Summary {
  readonly requests: number;
  /** Share of them. */
  readonly success: number;
  readonly mean: Millis;
  readonly p50: Millis;
  readonly p99: Millis;
  readonly p999: Millis;
  /** Requests of the server that got most, over the mean. */
  readonly busiest: number;
}

export class Figures {
  readonly #timeout: Millis;
  readonly #servers: number;
  #sentAt = new Float64Array(65_536);
  /** Infinity: failed. */
  #latency = new Float64Array(65_536);
  #server = new Int16Array(65_536);
  #count = 0;

  constructor(timeout: Millis, servers: number) {
    this.#timeout = timeout;
    this.#servers = servers;
  }

  /** `server`: where it went, or -1. */
  add(sentAt: Millis, latency: Millis, failed: boolean, server: number): void {
    if (this.#count === this.#latency.length) {
      this.#sentAt = doubled(this.#sentAt);
      this.#latency = doubled(this.#latency);
      const servers = new Int16Array(this.#latency.length);
      servers.set(this.#server);
      this.#server = servers;
    }
    this.#server[this.#count] = server;
    this.#sentAt[this.#count] = sentAt;
    this.#latency[this.#count] = failed ? Infinity : latency;
    this.#count += 1;
  }

  /** Of what was sent in `[from, to)`. */
  summary(from: Millis = 0, to: Millis = Infinity): Summary {
    const latencies = this.#between(from, to);
    const requests = latencies.length;
    let total = 0;
    let failed = 0;
    for (let place = 0; place < requests; place += 1) {
      if (latencies[place] === Infinity) {
        failed += 1;
        latencies[place] = this.#timeout;
      }
      total += latencies[place]!;
    }
    latencies.sort();
    const shares = this.shares(from, to);
    const busiest = Math.max(...shares) * shares.length;
    const rank = (share: number) => latencies[Math.max(0, Math.ceil(share * requests) - 1)]!;
    return { requests, success: 1 - failed / requests, mean: total / requests, p50: rank(0.5), p99: rank(0.99), p999: rank(0.999), busiest };
  }

  /** Share of the requests that each server was sent. */
  shares(from: Millis = 0, to: Millis = Infinity): number[] {
    const counts = new Array<number>(this.#servers).fill(0);
    let all = 0;
    for (let place = 0; place < this.#count; place += 1) {
      const server = this.#server[place]!;
      if (server < 0 || this.#sentAt[place]! < from || this.#sentAt[place]! >= to) continue;
      counts[server]! += 1;
      all += 1;
    }
    return counts.map((count) => count / Math.max(1, all));
  }

  /** Share that was answered well within this time. */
  within(limit: Millis, from: Millis = 0, to: Millis = Infinity): number {
    const latencies = this.#between(from, to);
    return latencies.filter((latency) => latency <= limit).length / latencies.length;
  }

  /** Step by step of time. */
  series(step: Millis, until: Millis, from: Millis = 0): { readonly at: Millis; readonly p99: Millis; readonly success: number }[] {
    const points = [];
    for (let at = from; at + step <= until; at += step) {
      const { p99, success } = this.summary(at, at + step);
      points.push({ at, p99, success });
    }
    return points;
  }

  #between(from: Millis, to: Millis): Float64Array {
    return this.#latency.subarray(0, this.#count).filter((_, place) => this.#sentAt[place]! >= from && this.#sentAt[place]! < to);
  }
}

function doubled(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * array.length);
  larger.set(array);
  return larger;
}
