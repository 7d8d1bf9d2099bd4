/**
 * What one side measured. Every sample is kept (some ten thousand), so percentiles are exact. Latencies are those of calls
 * that succeeded: a side that fails quickly must not look fast.
 */

/**
 * @typedef {{ at: number, latency: number, warm: boolean, replica?: string, problem?: string }} Sample `at`: when the call should
 *   have begun, in ms since the epoch; `latency` in ms; `warm`: one of the warm-up
 */

export class Measurements {
  /** @type {Sample[]} */
  finished = [];
  /** @type {Sample[]} */
  failures = [];
  #warmUp = [];
  #windowFinished = 0;
  #windowFailures = 0;

  /** Of the warm-up, only what failed counts. */
  add({ finished, failures }) {
    for (const sample of finished) (sample.warm ? this.#warmUp : this.finished).push(sample);
    this.failures.push(...failures);
  }

  /** What came in of the warm-up since this was last asked. */
  warmUp() {
    const finished = this.#warmUp;
    this.#warmUp = [];
    return summary(finished, []);
  }

  /** What came in since this was last asked. */
  window() {
    const finished = this.finished.slice(this.#windowFinished);
    const failures = this.failures.slice(this.#windowFailures);
    this.#windowFinished = this.finished.length;
    this.#windowFailures = this.failures.length;
    const replicas = new Map();
    for (const { replica } of finished) replicas.set(replica, (replicas.get(replica) ?? 0) + 1);
    return { ...summary(finished, failures), replicas };
  }

  /** Of the calls that should have begun in `[from, to)`, and those that failed in it. */
  between(from, to) {
    const within = (instant) => instant >= from && instant < to;
    return summary(
      this.finished.filter(({ at }) => within(at)),
      this.failures.filter(({ at, latency }) => within(at + latency)),
    );
  }

  total() {
    return summary(this.finished, this.failures);
  }
}

function summary(finished, failures) {
  const latencies = Float64Array.from(finished, ({ latency }) => latency).sort();
  const calls = finished.length + failures.length;
  return {
    calls,
    failed: failures.length,
    success: calls === 0 ? undefined : finished.length / calls,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    p999: percentile(latencies, 0.999),
    slowest: latencies.at(-1),
  };
}

/** Nearest rank: a value that was really measured. */
function percentile(sorted, share) {
  return sorted.length === 0 ? undefined : sorted[Math.ceil(share * sorted.length) - 1];
}
