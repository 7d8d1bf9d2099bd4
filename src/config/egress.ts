/** `egress`: which ports and addresses calls may go to that are for no service of the policy. */
import { isIP } from 'node:net';
import { addressKinds } from '../core/egress-knobs.ts';
import { defaultPolicy } from '../core/policy.ts';
import type { Kind } from './knob.ts';
import { integer, knob, list, mapping, text } from './knob.ts';
import { zod } from './zod.ts';

const { egress } = defaultPolicy;

export function egressKnobs() {
  const range = 'address or range, such as 10.0.0.1 or 10.0.0.0/8';
  return mapping(
    {
      ports: knob(anyOr(list(integer(1, 65_535), 1)), egress.ports, 'Ports that such calls may go to.'),
      deny: knob(list(text((value) => (addressKinds as readonly string[]).includes(value) || isRange(value), `${addressKinds.join(', ')}, or ${range}`), 0), egress.deny, 'Addresses that no connection is made to, whatever name led there. `link-local` has the metadata addresses of the clouds; `loopback` the unspecified address as well.'),
      allow: knob(list(text(isRange, range), 0), egress.allow, 'Addresses that are fine all the same.'),
    },
    'Calls to hosts that no service names: where they may go. A service whose URLs can be forged reaches nothing else through this client.',
  );
}

function anyOr<Out, In>(kind: Kind<Out, In>): Kind<Out | 'any', In | 'any'> {
  const expected = `any, or ${kind.expected}`;
  return {
    schema: zod().union([zod().literal('any'), kind.schema], { error: () => expected }),
    expected,
    write: (value) => (value === 'any' ? value : kind.write(value)),
  };
}

function isRange(value: string): boolean {
  const match = /^([0-9a-fA-F.:]{2,45})(?:\/(\d{1,3}))?$/.exec(value);
  if (match === null) return false;
  const family = isIP(match[1]!);
  return family !== 0 && (match[2] === undefined || Number(match[2]) <= (family === 4 ? 32 : 128));
}
