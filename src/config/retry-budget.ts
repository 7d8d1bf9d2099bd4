/**
 * `retry.budget`, which has two shapes: paid for by successes, or GEP-3388's share of the calls of a while. One mapping with the
 * keys of both, so that each is described and suggested; which of them go together is judged here as well.
 */
import { defaultServicePolicy, defaultWindowBudget } from '../core/policy.ts';
import type { Kind } from './knob.ts';
import { integer, knob, mapping, number, oneOf, share } from './knob.ts';
import type { Path, ProblemList } from './problem.ts';
import { describeAt } from './schema-problems.ts';
import type { PolicySource } from './source.ts';

const bySuccess = defaultServicePolicy.retry.budget;
const byShare = defaultWindowBudget;

const SUCCESS_KEYS = ['perSuccess', 'cap'] as const;
const SHARE_KEYS = ['percent', 'interval', 'minRetryRate'] as const;

/** GEP-2257's bounds of an interval. */
const SHORTEST = 1000;
const LONGEST = 3_600_000;

/** `time` makes a kind of duration, from the least to the most. */
export function retryBudget(time: (least: number, most: number) => Kind<number, string | number>) {
  const rate = {
    count: knob(integer(0, 10_000), byShare.minRetryRate.count, 'So many are granted whatever the share is …'),
    interval: knob(time(SHORTEST, LONGEST), byShare.minRetryRate.interval, '… in this last while.'),
  };
  return mapping(
    {
      perSuccess: knob(share(), bySuccess.perSuccess, 'What each success adds; a retry or hedge takes 100%, unless nothing was sent.'),
      cap: knob(number(0, 100_000), bySuccess.cap, 'The most retries that are saved up, and what a client starts with.'),
      percent: knob(number(0, 100), byShare.percent, 'Instead of the two above: retries and hedges per hundred calls …'),
      interval: knob(time(SHORTEST, LONGEST), byShare.interval, '… of this last while.'),
      minRetryRate: mapping(rate, 'A rate that is granted by every client however few its calls are.').optional(),
      mode: knob(oneOf('enforce', 'observe'), bySuccess.mode, '`observe`: what could not be paid for is reported, and made.'),
    },
    'Keeps retries and hedges a small share of the traffic when everything fails: `perSuccess` and `cap`, or `percent`, `interval` and `minRetryRate`.',
  )
    .meta({ not: { anyOf: SUCCESS_KEYS.flatMap((one) => SHARE_KEYS.map((other) => ({ required: [one, other] }))) } })
    .optional();
}

/** Two ways of paying at once; `budget` is its place. */
export function addBudgetProblems(budget: Path, source: PolicySource, problems: ProblemList): void {
  const written = (key: string) => source.at([...budget, key]) !== undefined;
  const other = SHARE_KEYS.find(written);
  if (other === undefined || !SUCCESS_KEYS.some(written)) return;
  const at = [...budget, other];
  const expected = `either ${SUCCESS_KEYS.join(' and ')}, or ${SHARE_KEYS.slice(0, -1).join(', ')} and ${SHARE_KEYS.at(-1)}`;
  problems.add({ source: source.name, position: source.position(at, 'key'), path: at, found: describeAt(source, at), expected });
}
