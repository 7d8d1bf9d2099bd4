/**
 * `inmesh resolve` without a process of its own: in surroundings that a test chooses.
 */
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { investigate } from '../../src/cli/resolve/investigate.ts';
import type { Surroundings } from '../../src/cli/resolve/investigate.ts';
import type { ResolveReport } from '../../src/cli/resolve/report.ts';
import { resolveArguments } from '../../src/cli/commands/resolve.ts';
import { resolvePage } from '../../src/cli/resolve/resolve-page.ts';

export interface Inquired {
  readonly report: ResolveReport;
  /** Without colours. */
  readonly page: string;
  /** Codes of the notes. */
  readonly notes: readonly string[];
}

/** With no resolv.conf and no hosts file, unless they are given. */
export async function inquire(args: readonly string[], surroundings: Partial<Surroundings> = {}): Promise<Inquired> {
  const { all, ...inquiry } = resolveArguments(args);
  const report = await investigate(inquiry, { clock: systemClock, random: seededRandom(1), environment: {}, resolvConf: '/nonexistent/resolv.conf', hosts: '/nonexistent/hosts', ...surroundings });
  return { report, page: resolvePage(report, { colours: false, all }), notes: report.notes.map((note) => note.code) };
}
