/**
 * Weighted round robin by what servers report (gRFC A58): weight = rate / (utilisation + failures / rate × penalty), unknown for the
 * first 10 s, recomputed each second, then the mean of the others; picked by earliest deadline first.
 */
import type { NamedWay } from '../way.ts';

const UPDATE = 1_000;
/** A58 has 10 s; the runs here are short, and it would be a plain round robin for most of them. */
const BLACKOUT = 1_000;
const PENALTY = 1;

export const weightedRoundRobin: NamedWay = {
  name: 'weighted round robin (A58)',
  make({ known, servers, random: chance }) {
    let all = known;
    const reported = servers.map(() => ({ weight: 0, since: Infinity }));
    const weights = servers.map(() => 1);
    const deadlines = servers.map(() => chance.next());
    let updatedAt = 0;
    const update = (now: number) => {
      updatedAt = now;
      let [sum, count] = [0, 0];
      for (const server of all) {
        const { weight, since } = reported[server]!;
        if (now - since < BLACKOUT || weight === 0) continue;
        sum += weight;
        count += 1;
      }
      const mean = count < 2 ? 1 : sum / count;
      // Relative to the mean, so that what is due keeps its scale from one update to the next.
      for (const server of all) {
        const { weight, since } = reported[server]!;
        weights[server] = count < 2 || now - since < BLACKOUT || weight === 0 ? 1 : weight / mean;
      }
    };
    return {
      send(now) {
        if (now - updatedAt >= UPDATE) update(now);
        let server = all[0]!;
        for (const other of all) if (deadlines[other]! < deadlines[server]!) server = other;
        deadlines[server]! += 1 / weights[server]!;
        return {
          server,
          over(_failed, ended, report) {
            if (report === undefined) return;
            const seen = reported[server]!;
            const rate = report.requestRate(ended);
            const used = report.utilisation(ended) + (rate === 0 ? 0 : (report.failureRate(ended) / rate) * PENALTY);
            if (rate === 0 || used === 0) return;
            seen.weight = rate / used;
            seen.since = Math.min(seen.since, ended);
          },
        };
      },
      learn: (now) => void (all = now),
    };
  },
};
