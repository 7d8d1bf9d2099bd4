/**
 * How much an endpoint gets for other reasons than its load: `slowStart`, `locality`, and the table `zones`.
 */
import type { Millis } from '../core/clock.ts';
import { defaultServicePolicy, localityPreferences } from '../core/policy.ts';
import { networkOf } from '../core/zones.ts';
import { knob, number, oneOf, share, switchable, text, type Kind } from './knob.ts';
import { zod } from './zod.ts';

const HOUR = 3_600_000;
const core = defaultServicePolicy;

/** `time`: the kind of a duration between two bounds. */
export function slowStart(time: (least: Millis, most: Millis) => Kind<Millis, string | number>) {
  return switchable(
    {
      window: knob(time(100, HOUR), core.slowStart.window, 'In this time the share of an endpoint that joins others which serve already grows to the whole of it …'),
      minWeight: knob(share(), core.slowStart.minWeight, '… from this part of it on.'),
      mode: knob(oneOf('enforce', 'observe'), core.slowStart.mode, '`observe`: report, do not act.'),
    },
    'Endpoints that have just come get little at first.',
  );
}

export function locality() {
  return switchable(
    {
      prefer: knob(oneOf(...localityPreferences), core.locality.prefer, 'Endpoints in the zone of this process: `createMeshClient({ zone })`, `$INMESH_ZONE`, or where its address is by `zones`.'),
      remoteCost: knob(number(1, 100), core.locality.remoteCost, 'The load of an endpoint in another zone is multiplied by this before it is compared.'),
      mode: knob(oneOf('enforce', 'observe'), core.locality.mode, '`observe`: say where endpoints are, and prefer none.'),
    },
    'Keeps traffic in the own zone, as long as there is room.',
  );
}

const networkExpected = 'a network such as 10.1.0.0/16 or fd00:1::/32, with no bits set beyond its prefix';
const zone = () => text((value) => /^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$/.test(value), 'name of a zone: letters, digits, "-", "_" and "."', '^[A-Za-z0-9][-A-Za-z0-9_.]*$');

export function zones() {
  return zod()
    .record(zod().string().refine((cidr) => networkOf(cidr) !== undefined, { error: () => networkExpected }), zone().schema, { error: () => 'a mapping from networks to their zones' })
    .superRefine((table, context) => {
      const seen = new Map<string, string>();
      for (const cidr of Object.keys(table)) {
        const network = networkOf(cidr);
        if (network === undefined) continue;
        const other = seen.get(network);
        if (other !== undefined) context.addIssue({ code: 'custom', path: [cidr], message: `each network once; ${other} is the same` });
        seen.set(network, cidr);
      }
    })
    .meta({ description: 'Where addresses are, by network; of several the smallest counts. For endpoints whose zone discovery does not say, and for this process.' })
    .nullable()
    .optional();
}
