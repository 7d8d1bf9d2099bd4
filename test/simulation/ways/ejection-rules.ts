/**
 * Ejection by absolute rules, around any way of choosing: so many failures in a row and an endpoint is out, whatever the others do.
 *
 *     Envoy     5 in a row, 30 s × the number of ejections, at most 10 % of the endpoints (one at least)
 *     Linkerd   7 in a row, 1 s, 2 s, 4 s … up to 60 s, no limit
 */
import type { Millis } from '../../../src/core/clock.ts';
import type { NamedWay } from '../way.ts';

interface Rules {
  readonly name: string;
  readonly inARow: number;
  duration(ejections: number): Millis;
  most(total: number): number;
}

export const envoyRules: Rules = {
  name: "Envoy's ejection",
  inARow: 5,
  duration: (ejections) => 30_000 * ejections,
  most: (total) => Math.max(1, Math.floor(0.1 * total)),
};

export const linkerdRules: Rules = {
  name: "Linkerd's ejection",
  inARow: 7,
  duration: (ejections) => Math.min(60_000, 1_000 * 2 ** (ejections - 1)),
  most: () => Infinity,
};

/** `ejected` is called for each ejection. */
export function withEjection(way: NamedWay, rules: Rules, ejected: (server: number) => void = () => {}): NamedWay {
  return {
    name: `${way.name}, ${rules.name}`,
    make(context) {
      const { known, servers, timeline } = context;
      const inner = way.make(context);
      const failures = servers.map(() => 0);
      const times = servers.map(() => 0);
      const out = new Set<number>();
      // Where all are out, all are used: there is nothing better to do.
      const tell = () => inner.learn!(out.size === known.length ? known : known.filter((server) => !out.has(server)), timeline.now());
      const eject = (server: number) => {
        if (out.has(server) || out.size >= rules.most(known.length)) return;
        out.add(server);
        times[server]! += 1;
        failures[server] = 0;
        ejected(server);
        tell();
        timeline.after(rules.duration(times[server]!), () => {
          out.delete(server);
          tell();
        });
      };
      return {
        send(now) {
          const sent = inner.send(now);
          return {
            server: sent.server,
            over(failed, ended, report) {
              sent.over(failed, ended, report);
              failures[sent.server] = failed ? failures[sent.server]! + 1 : 0;
              if (failures[sent.server]! >= rules.inARow) eject(sent.server);
            },
          };
        },
      };
    },
  };
}
