/**
 * Rounds, interleaved. The contenders, a few of them, take turns, back and forth, a yardstick's turn before and after them, and each result is divided
 * by the mean of the two: whatever else the machine does falls on both. A round that was disturbed nevertheless, because others kept
 * more than a fifth of a processor busy, is repeated, as long as there is time for that; the least disturbed run counts.
 */
import { foreignLoad } from './cpu.mjs';

/** Processors kept busy by others. */
const DISTURBED_FROM = 0.2;
const RUNS_AT_MOST = 3;

export class Interleaved {
  #foreign;
  /** Rounds that were run, and runs that were made once more; how much foreign load there was in those that count. */
  rounds = 0;
  repeated = 0;
  disturbed = 0;
  worst = 0;
  #timeToRepeat;

  /** `repeating`: milliseconds that may go into repetitions. */
  constructor(processes, repeating, foreign = foreignLoad(() => processes.pids)) {
    this.#foreign = foreign;
    this.#timeToRepeat = repeating;
  }

  /**
   * `rounds` rounds of this for each contender; a short one before each, so that connections are there and code is compiled. Resolves with a
   * map of contender → { results, ratios }, a ratio being `key → number`.
   */
  async run({ yardstick, contenders, rounds, round, warmUp }) {
    const table = new Map([yardstick, ...contenders].map(({ name }) => [name, { results: [], ratios: [] }]));
    const once = async (contender) => {
      if (warmUp !== undefined) await contender.run(warmUp);
      return contender.run(round);
    };
    for (let number = 0; number < rounds; number += 1) {
      // What grows while a round lasts falls on each of them in turn.
      const inOrder = number % 2 === 0 ? contenders : contenders.toReversed();
      const [before, ...rest] = await this.#calm(async () => {
        const results = [];
        for (const contender of [yardstick, ...inOrder, yardstick]) results.push(await once(contender));
        return results;
      });
      const after = rest.pop();
      table.get(yardstick.name).results.push(before, after);
      rest.forEach((result, index) => {
        const { results, ratios } = table.get(inOrder[index].name);
        results.push(result);
        ratios.push(Object.fromEntries(Object.keys(result).filter((key) => key !== 'failed').map((key) => [key, (2 * result[key]) / (before[key] + after[key])])));
      });
      // The yardstick beside itself says how much a ratio is worth.
      table.get(yardstick.name).ratios.push(Object.fromEntries(Object.keys(after).map((key) => [key, after[key] / before[key]])));
    }
    return table;
  }

  async #calm(work) {
    let best;
    for (let run = 1; ; run += 1) {
      this.#foreign.since();
      const begun = performance.now();
      let results;
      let failure;
      try {
        results = await work();
      } catch (error) {
        failure = error;
      }
      // Requests fail where nothing was scheduled for so long that queues ran full; no run is worse than that one.
      const load = failure === undefined ? this.#foreign.since() : Infinity;
      const took = performance.now() - begun;
      if (best === undefined || load < best.load) best = { results, load, failure };
      if (best.load <= DISTURBED_FROM || run >= RUNS_AT_MOST || this.#timeToRepeat < took) break;
      this.#timeToRepeat -= took;
      this.repeated += 1;
    }
    if (best.results === undefined) throw best.failure;
    this.rounds += 1;
    if (best.load > DISTURBED_FROM) this.disturbed += 1;
    this.worst = Math.max(this.worst, best.load);
    return best.results;
  }

  /** One sentence. */
  get disturbance() {
    const repeated = this.repeated === 0 ? 'no run was repeated' : `${this.repeated} runs were repeated because of foreign load`;
    const rest = this.disturbed === 0 ? 'none that counts was disturbed' : `${this.disturbed} of ${this.rounds} that count were disturbed all the same (up to ${this.worst.toFixed(1)} processors busy with something else)`;
    return `${repeated}, ${rest}`;
  }
}
