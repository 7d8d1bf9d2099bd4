/**
 * C3 (Suresh et al., NSDI 2015): servers report their queue and their service time with each answer, and the client extrapolates.
 *
 *     score = R − T + q^b · T,   q = 1 + outstanding · clients + Q
 *
 * with moving averages of the response time R, the service time T and the queue Q; b = 3 as published. The lowest of `choices`
 * drawn at random is taken. With `memory`, and a failure that never counts as an answer, it is the strongest opponent known that has
 * the help of servers.
 */
import { below } from '../../../src/core/random.ts';
import type { NamedWay } from '../way.ts';

const ALPHA = 0.1;

export function c3({ choices = 3, exponent = 3, memory = 0 } = {}): NamedWay {
  return {
    name: memory === 0 ? 'C3 (servers report)' : `C3, b = ${exponent}, with a memory of ${memory} (servers report)`,
    make({ known, servers, clients, random: chance }) {
      let all = known;
      const seen = servers.map(() => ({ response: 0, service: 0, queue: 0, outstanding: 0, success: 1 }));
      let mean = 0;
      const score = (server: number) => {
        const { response, service, queue, outstanding, success } = seen[server]!;
        const [r, t] = response === 0 ? [mean, mean] : [response, service];
        const factor = 1 + outstanding * clients + queue;
        const value = r - t + factor ** exponent * t;
        return memory === 0 ? value : value / Math.max(0.001, success) ** 2;
      };
      const remembered: number[] = [];
      return {
        send(now) {
          let server = -1;
          let best = Infinity;
          for (let draw = 0; draw < choices; draw += 1) {
            const drawn = all[below(chance, all.length)]!;
            const value = score(drawn);
            if (server < 0 || value < best) [server, best] = [drawn, value];
          }
          for (const other of remembered) {
            const value = score(other);
            if (value < best) [server, best] = [other, value];
          }
          const facts = seen[server]!;
          facts.outstanding += 1;
          return {
            server,
            over(failed, ended, report) {
              facts.outstanding -= 1;
              if (memory > 0) facts.success += ALPHA * (Number(!failed) - facts.success);
              if (report === undefined || (failed && memory > 0)) return;
              const took = ended - now;
              mean = mean === 0 ? took : mean + 0.01 * (took - mean);
              const first = facts.response === 0;
              const serviceTime = failed ? took : report.serviceTime;
              facts.response = first ? took : facts.response + ALPHA * (took - facts.response);
              facts.service = first ? serviceTime : facts.service + ALPHA * (serviceTime - facts.service);
              facts.queue += ALPHA * (report.inFlight - facts.queue);
              if (memory === 0) return;
              const at = remembered.indexOf(server);
              if (at >= 0) remembered.splice(at, 1);
              remembered.unshift(server);
              if (remembered.length > memory) drop(remembered, score);
            },
          };
        },
        learn: (now) => void (all = now),
      };
    },
  };
}

/** The worst is forgotten. */
export function drop(remembered: number[], score: (server: number) => number): void {
  let worst = 0;
  for (let place = 1; place < remembered.length; place += 1) if (score(remembered[place]!) > score(remembered[worst]!)) worst = place;
  remembered.splice(worst, 1);
}
