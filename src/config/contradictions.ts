/**
 * What two keys say together: an attempt may not take longer than its call, a first wait not longer than the longest. Judged
 * on what holds after inheritance, and told at the key that was written, by whoever wrote last.
 */
import { balancerTypes, knobsOfBalancer } from '../core/balancer-policy.ts';
import { defaultServicePolicy, type ServicePolicy } from '../core/policy.ts';
import { formatDuration } from './duration.ts';
import type { Path, ProblemList } from './problem.ts';
import { describeAt } from './schema-problems.ts';
import { addBudgetProblems } from './retry-budget.ts';
import type { PolicySource } from './source.ts';
import { addOrdinalProblems } from './subset.ts';
import { addTlsProblems } from './tls.ts';

/** `lesser` must be less than `greater`, or, unless `strictly`, the same. */
interface Order {
  readonly lesser: readonly string[];
  readonly greater: readonly string[];
  readonly strictly?: true;
  /** `lesser` simply never comes to act where it is greater: what nobody wrote is no contradiction. */
  readonly yields?: true;
  /** Plain numbers; else durations. */
  readonly counts?: true;
}

const orders: readonly Order[] = [
  { lesser: ['attemptTimeout'], greater: ['deadline'], strictly: true, yields: true },
  { lesser: ['discovery', 'refresh'], greater: ['discovery', 'maxStale'] },
  { lesser: ['outlier', 'ejection', 'base'], greater: ['outlier', 'ejection', 'max'] },
  { lesser: ['healthCheck', 'timeout'], greater: ['healthCheck', 'interval'], strictly: true },
  { lesser: ['retry', 'backoff', 'base'], greater: ['retry', 'backoff', 'max'] },
  { lesser: ['circuit', 'openFor'], greater: ['circuit', 'maxOpenFor'] },
  { lesser: ['concurrency', 'adaptive', 'min'], greater: ['concurrency', 'max'], yields: true, counts: true },
  { lesser: ['concurrency', 'adaptive', 'initial'], greater: ['concurrency', 'max'], yields: true, counts: true },
  { lesser: ['inbound', 'admission', 'min'], greater: ['inbound', 'admission', 'max'], yields: true, counts: true },
  { lesser: ['inbound', 'admission', 'initial'], greater: ['inbound', 'admission', 'max'], yields: true, counts: true },
];

/** `scope` is where these knobs were written: `defaults` or a service. What it inherited whole was judged where that stands. */
export function addContradictions(policy: ServicePolicy, scope: Path, source: PolicySource, problems: ProblemList): void {
  addBudgetProblems([...scope, 'retry', 'budget'], source, problems);
  addIdleKnobs(policy, scope, source, problems);
  addOrdinalProblems(policy, scope, source, problems);
  addTlsProblems(policy, scope, source, problems);
  for (const { lesser, greater, strictly, yields, counts } of orders) {
    const less = at(policy, lesser);
    const more = at(policy, greater);
    // `off` contradicts nothing.
    if (typeof less !== 'number' || typeof more !== 'number') continue;
    if (less < more || (less === more && strictly === undefined)) continue;
    const write = counts === true ? String : formatDuration;
    const lesserIsWritten = source.at([...scope, ...lesser]) !== undefined;
    const greaterIsWritten = source.at([...scope, ...greater]) !== undefined;
    // Nor is what a policy says that spells everything out.
    const isChosen = source.at(['defaults', ...lesser]) !== undefined && less !== at(defaultServicePolicy, lesser);
    if (yields === true && !lesserIsWritten && !isChosen) continue;
    if (lesserIsWritten) {
      const bound = strictly === true ? 'less than' : 'at most';
      add([...scope, ...lesser], `${bound} ${says(greater, write(more), greaterIsWritten)}`, source, problems);
    } else if (greaterIsWritten) {
      const bound = strictly === true ? 'more than' : 'at least';
      add([...scope, ...greater], `${bound} ${says(lesser, write(less), false)}`, source, problems);
    }
  }
}

/**
 * Knobs of a type of balancer that is not in use here do nothing, and whoever wrote them believes otherwise; unless they say what holds
 * anyway, as in a policy that spells everything out.
 */
function addIdleKnobs({ balancer }: ServicePolicy, scope: Path, source: PolicySource, problems: ProblemList): void {
  for (const key of Object.keys(balancer)) {
    const path = [...scope, 'balancer', key];
    const users = balancerTypes.filter((type) => (knobsOfBalancer[type] as readonly string[]).includes(key));
    if (key === 'type' || users.includes(balancer.type) || source.at(path) === undefined) continue;
    if (at(balancer, [key]) === at(defaultServicePolicy.balancer, [key])) continue;
    add(path, `no ${key} with balancer.type ${balancer.type}, only with ${users.join(' or ')}`, source, problems);
  }
}

function says(path: readonly string[], value: string, written: boolean): string {
  const [key] = path.slice(-1);
  return written ? `${key}, ${value}` : `${key}, which is ${value} unless ${path.join('.')} is set here too`;
}

function add(path: Path, expected: string, source: PolicySource, problems: ProblemList): void {
  problems.add({ source: source.name, position: source.position(path), path, found: describeAt(source, path), expected });
}

function at(policy: unknown, path: readonly string[]): unknown {
  return path.reduce((value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined), policy);
}
