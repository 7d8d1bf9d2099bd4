/**
 * The key `balancer`: a type, and the knobs of that type. The name alone, `balancer: peak-ewma`, is enough.
 *
 * Knobs of all types may stand in one mapping as far as its shape goes, so that a service inherits key by key whatever its type; what
 * the type does not ask for is refused by contradictions.ts.
 */
import type { Millis } from '../core/clock.ts';
import { balancerTypes } from '../core/balancer-policy.ts';
import { defaultServicePolicy } from '../core/policy.ts';
import { integer, knob, mapping, number, oneOf, orOff, text, token, type Kind } from './knob.ts';
import { zod } from './zod.ts';

const HOUR = 3_600_000;
const core = defaultServicePolicy.balancer;

/** `time`: the kind of a duration between two bounds. */
export function balancer(time: (least: Millis, most: Millis) => Kind<Millis, string | number>) {
  const knobs = {
    type: knob(oneOf(...balancerTypes), core.type, '`predictive`: least latency to be expected, of two drawn and some remembered; `peak-ewma`: less loaded of two drawn, by peak latency times attempts in flight; `least-request`: fewest attempts in flight of those drawn; `round-robin`: in turn; `weighted`: in turn, as often as their load reports allow; `hash`: the same for the same key.'),
    memory: knob(integer(0, 64), core.memory, '`predictive`: endpoints that did well lately and are looked at for every attempt, beside two drawn at random.'),
    initialLatency: knob(time(1, HOUR), core.initialLatency, '`predictive`, `peak-ewma`: latency assumed of endpoints while none of the service was ever measured.'),
    decay: knob(time(1, HOUR), core.decay, '`peak-ewma`: time constant of forgetting: a spike is mostly gone after three of these.'),
    failurePenalty: knob(time(1, HOUR), core.failurePenalty, '`peak-ewma`: the least a failed attempt counts as, so that refusing quickly does not look fast.'),
    choices: knob(integer(2, 10), core.choices, '`least-request`: endpoints drawn at random for every attempt.'),
    blackoutPeriod: knob(time(0, HOUR), core.blackoutPeriod, '`weighted`: what an endpoint reports counts when it has been reporting for this long; until then it gets an average share.'),
    weightExpirationPeriod: knob(time(1000, HOUR), core.weightExpirationPeriod, '`weighted`: … and no longer than this after its last report.'),
    weightUpdatePeriod: knob(time(100, HOUR), core.weightUpdatePeriod, '`weighted`: time between two looks at the reports.'),
    errorUtilizationPenalty: knob(number(0, 100), core.errorUtilizationPenalty, '`weighted`: what a share of failures adds to the utilisation that is reported, where 1 is all of them failing.'),
    header: knob(orOff(text((value) => token.test(value), 'header name', token.source)), core.header, '`hash`: where the call gives no `hashKey`, the value of this request header is the key …'),
    cookie: knob(orOff(text((value) => token.test(value), 'cookie name', token.source)), core.cookie, '`hash`: … and without such a header the value of this cookie. Requests without a key are balanced as by `predictive`.'),
    boundedLoad: knob(orOff(number(1.05, 100)), core.boundedLoad, '`hash`: so many times its part of all requests in flight an endpoint may have before its keys spill over to the next in their order.'),
  };
  const expected = `${balancerTypes.join(', ')}, or a mapping of ${Object.keys(knobs).join(', ')}`;
  return zod()
    .union([zod().enum(balancerTypes).transform((type) => ({ type })), mapping(knobs)], { error: () => expected })
    .meta({ description: `Which endpoint gets the next attempt. A name alone, \`${core.type}\`, is enough.` })
    .optional();
}
