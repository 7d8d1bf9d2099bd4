/**
 * `inbound`: what a service believes of the requests that it serves, and what it says of itself.
 */
import { admissionOnceOn, defaultInbound } from '../core/inbound-policy.ts';
import { isIP } from 'node:net';
import { flag, integer, knob, list, mapping, number, oneOf, text } from './knob.ts';
import { zod } from './zod.ts';

const { honour } = defaultInbound;

const block = () => text(isBlock, 'IP address or CIDR block, such as 10.0.0.7 or 10.0.0.0/8', '^[0-9A-Fa-f:.]+(/\\d{1,3})?$');

export function inboundKnobs() {
  return mapping(
    {
      honour: mapping(
        {
          deadline: knob(flag(), honour.deadline, 'Believe `x-envoy-expected-rq-timeout-ms` and `grpc-timeout`. They never make it longer than `deadline`.'),
          criticality: knob(flag(), honour.criticality, 'Believe `x-inmesh-criticality`.'),
          attempt: knob(flag(), honour.attempt, 'Believe `x-envoy-attempt-count`: while a retry is served, what it needs is not retried in turn.'),
          trace: knob(flag(), honour.trace, 'Go on with the trace of the caller, with whatever propagator is registered.'),
        },
        'Which headers of a request are believed. At the edge of the mesh they come from strangers.',
      ).optional(),
      admission: zod()
        .union(
          [
            zod().enum(['off']),
            zod().enum(['gradient', 'aimd']).transform((type) => ({ type })),
            mapping({
              type: knob(oneOf('gradient', 'aimd'), admissionOnceOn.type, '`gradient`: by how much slower answers get; `aimd`: by what times out.'),
              min: knob(integer(1, 100_000), admissionOnceOn.min, 'It never falls below this …'),
              max: knob(integer(1, 1_000_000), admissionOnceOn.max, '… nor rises above this.'),
              initial: knob(integer(1, 100_000), admissionOnceOn.initial, 'What it begins with.'),
              tolerance: knob(number(1, 10), admissionOnceOn.tolerance, '`gradient` holds the limit where answers take about this many times as long as they need.'),
              mode: knob(oneOf('enforce', 'observe'), admissionOnceOn.mode, '`observe`: decide and report, let everybody in.'),
            }),
          ],
          { error: () => 'off, gradient, aimd, or a mapping of type, min, max, initial, tolerance, mode' },
        )
        .meta({ description: 'Requests served at one time: a limit that finds itself. Beyond it, the least critical are answered with 503 and not processed. Off by default; the name alone, `gradient`, is enough.' })
        .optional(),
      loadReport: knob(flag(), defaultInbound.loadReport, 'Say in every response how busy this process is, as `endpoint-load-metrics`.'),
      authorization: knob(oneOf('enforce', 'observe'), defaultInbound.authorization, '`observe`: report whom `allow` does not name, and let him in.'),
      forwardedFrom: knob(list(block(), 0), defaultInbound.forwardedFrom, 'Proxies that end TLS in front, and whose `x-forwarded-client-cert` says who the caller is. From anybody else that header counts for nothing.'),
    },
    'What the server half of this service (`inmesh/server`) believes of a request, and says of itself. Its callers read past it.',
  ).optional();
}

function isBlock(value: string): boolean {
  const [, address, prefix] = /^([0-9A-Fa-f:.]{2,45})(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const family = isIP(address ?? '');
  return family !== 0 && (prefix === undefined || Number(prefix) <= (family === 4 ? 32 : 128));
}
