/**
 * Who is asked, and who said so. The resolver reads the same file by the same rules; here it is read once more, to be shown.
 */
import { readFileSync } from 'node:fs';
import { fallbackResolvConf, parseResolvConf } from '../../discovery/resolv-conf.ts';
import type { Environment } from '../../discovery/resolv-conf.ts';
import type { ServersReport } from './report.ts';

/** `given` are those of `--server`. Search list and options are resolv.conf's all the same. */
export function serversReport(given: readonly string[], path: string, environment: Environment): ServersReport {
  const { text, problem: unread } = read(path);
  const parsed = text === undefined ? undefined : parseResolvConf(text, environment);
  const conf = parsed ?? fallbackResolvConf();
  return {
    from: given.length > 0 ? 'option' : parsed === undefined ? 'system' : 'resolv.conf',
    nameservers: given.length > 0 ? given : conf.nameservers.map((server) => server.key),
    path,
    problem: unread ?? (parsed === undefined ? 'names no nameserver' : null),
    search: conf.search,
    ndots: conf.ndots,
    options: [...(conf.rotate ? ['rotate'] : []), ...(conf.overTcp ? ['use-vc'] : [])],
    environment: ['RES_OPTIONS', 'LOCALDOMAIN'].filter((name) => parsed !== undefined && environment[name] !== undefined).map((name) => `${name}=${environment[name]}`),
  };
}

function read(path: string): { text?: string; problem: string | null } {
  try {
    return { text: readFileSync(path, 'utf8'), problem: null };
  } catch (error) {
    return { problem: `cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
}
