/**
 * `subset`: how many endpoints, how they are chosen, and what this process knows of its place among its replicas.
 */
import { defaultServicePolicy, subsetStrategyNames, type OrdinalKnobs, type ServicePolicy } from '../core/policy.ts';
import { isDnsName } from './address.ts';
import type { Kind } from './knob.ts';
import { given, integer, knob, mapping, needed, oneOf, orOff, switchable, text } from './knob.ts';
import type { Path, ProblemList } from './problem.ts';
import { describeAt } from './schema-problems.ts';
import type { PolicySource } from './source.ts';
import { zod } from './zod.ts';

const { subset } = defaultServicePolicy;
/** As many as the largest StatefulSet that a name is believed of (core/ordinal.ts). */
const MOST_REPLICAS = 10_000;

export function subsetKnobs() {
  return switchable(
    {
      size: knob(integer(1, 10_000), subset.size, 'Endpoints this process talks to, of however many there are.'),
      strategy: knob(
        oneOf(...subsetStrategyNames),
        subset.strategy,
        'How they are chosen: `deterministic` evenly, where both sides are numbered or peers are known; `load-aware` by what they report of their connections; `rendezvous` by chance, the same for the same client; `auto` the best that can be had.',
      ),
      ordinal: knob(ordinal(), subset.ordinal, 'The number of this process among its replicas. `auto`: as its name says, if it is a pod of a StatefulSet.'),
      peers: knob(
        orOff(text((value) => value !== 'off' && isDnsName(value), 'DNS name, such as shop.default.svc.cluster.local')),
        subset.peers,
        'Where the replicas of this process’s own service are found: its headless Service, by its name or an SRV record.',
      ),
    },
    'Bounds the connections of a large fleet. `off`: every client talks to every endpoint.',
  );
}

function ordinal(): Kind<'auto' | 'off' | OrdinalKnobs, unknown> {
  const expected = 'auto, off, or a mapping of index, of';
  const numbers = mapping({
    index: needed(integer(0, MOST_REPLICAS - 1), 'Of this process, from 0 on; from the environment, for all read the same file.'),
    of: given(integer(1, MOST_REPLICAS), 'How many replicas there are.'),
  });
  const schema = zod().union([zod().enum(['auto', 'off']), numbers], { error: () => expected });
  return { schema, expected, write: (value) => value };
}

/** A number that no replica has; `scope` is where the knobs were written: `defaults` or a service. */
export function addOrdinalProblems({ subset: knobs }: ServicePolicy, scope: Path, source: PolicySource, problems: ProblemList): void {
  if (knobs === 'off' || typeof knobs.ordinal === 'string' || knobs.ordinal.of === undefined || knobs.ordinal.index < knobs.ordinal.of) return;
  const path = [...scope, 'subset', 'ordinal', 'index'];
  if (source.at(path) === undefined) return;
  problems.add({ source: source.name, position: source.position(path), path, found: describeAt(source, path), expected: `less than of, ${knobs.ordinal.of}: the first is number 0` });
}
