/**
 * Lint: what a policy may say and hardly means. Warnings, told at the key that was written; `inmesh validate --strict` makes errors of them.
 */
import type { Policy, ServicePolicy } from '../core/policy.ts';
import { formatDuration } from './duration.ts';
import { sourcePlaces } from './discovery.ts';
import type { Path, PolicyProblem } from './problem.ts';
import { lintEjection } from './inert-ejection.ts';
import { lintPlacement } from './placement-lint.ts';
import { lintRoutes } from './route-problems.ts';
import { describeAt } from './schema-problems.ts';
import type { PolicySource } from './source.ts';
import { worstCase } from './worst-case.ts';

/** Levels of services that call each other, in most applications at least. */
const CHAIN = 3;

export function lint(policy: Policy, source: PolicySource): readonly PolicyProblem[] {
  const warnings: PolicyProblem[] = [];
  const warn = (path: Path, expected: string, found = describeAt(source, path)): void => {
    warnings.push({ source: source.name, position: source.position(path), path, found, expected });
  };
  lintRetries(policy.defaults, ['defaults'], source, warn);
  lintPlacement(policy.defaults, ['defaults'], source, warn);
  lintEjection(policy.defaults, undefined, ['defaults'], source, warn);
  lintAffinity(policy.defaults, ['defaults'], source, warn);
  for (const [name, entry] of policy.services) {
    lintRetries(entry.policy, ['services', name], source, warn);
    lintPlacement(entry.policy, ['services', name], source, warn);
    lintEjection(entry.policy, entry.source, ['services', name], source, warn);
    lintAffinity(entry.policy, ['services', name], source, warn);
    lintSrvNames(['services', name], source, warn);
    lintRoutes(entry, warn);
  }
  return warnings;
}

export type Warn = (path: Path, expected: string, found?: string) => void;

function lintRetries(policy: ServicePolicy, scope: Path, source: PolicySource, warn: Warn): void {
  const { retry, deadline, attemptTimeout } = policy;
  if (retry === 'off') return;
  // Told once, by who wrote it last; what was inherited whole was told where it stands.
  const writtenAt = (...paths: readonly string[][]): Path | undefined => paths.map((path) => [...scope, ...path]).find((path) => source.at(path) !== undefined);

  const retriesTimeouts = retry.on.some((condition) => condition === 'timeout' || condition === '5xx');
  const place = writtenAt(['retry', 'on'], ['attemptTimeout'], ['deadline']);
  if (retriesTimeouts && retry.maxRetries > 0 && attemptTimeout !== 'off' && place !== undefined && 2 * attemptTimeout > deadline) {
    const room = `an attemptTimeout of at most half the deadline (${formatDuration(attemptTimeout)} of ${formatDuration(deadline)}), or no attempt that times out can be retried`;
    warn(place, room);
  }
  const again = writtenAt(['retry', 'retryOfRetry']);
  if (again !== undefined && retry.retryOfRetry) {
    const { attempts } = worstCase(policy);
    warn(again, `false: in a chain of ${CHAIN} such services one call becomes up to ${attempts ** CHAIN} attempts at the last one`);
  }
}

/** Who talks to other endpoints finds another one for the same key. */
function lintAffinity({ balancer, subset }: ServicePolicy, scope: Path, source: PolicySource, warn: Warn): void {
  if (balancer.type !== 'hash' || subset === 'off' || subset.strategy === 'auto' || subset.strategy === 'off') return;
  const written = [['subset', 'strategy'], ['balancer', 'type'], ['balancer']].map((path) => [...scope, ...path]).find((path) => source.at(path) !== undefined);
  if (written !== undefined) warn(written, `subset.strategy off or auto with balancer.type hash, or each client has endpoints of its own, and another home for the same key`);
}

function lintSrvNames(service: Path, source: PolicySource, warn: Warn): void {
  for (const { path: place } of sourcePlaces(service, source)) {
    const path = [...place, 'srv'];
    const srv = source.at(path);
    if (typeof srv === 'string' && !/^_[^.]+\._(?:tcp|udp)\./i.test(srv)) warn(path, 'an SRV name, which begins with _port._tcp');
  }
}
