/**
 * An undici Agent for hosts that pass the mesh by, which still connects only where the policy lets it: what a name is looked up to is judged
 * before anything connects to it, and it is that which is connected to.
 */
import { lookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Agent } from 'undici';
import { MeshError } from '../core/errors.ts';
import * as undici from './undici.ts';

/** `problemWith`: why no connection may be made to an address. */
export function guardedAgent(problemWith: (address: string) => string | undefined): Agent {
  const guarded: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error !== null) return callback(error, []);
      const problems = found.map(({ address }) => problemWith(address));
      const good = found.filter((_, index) => problems[index] === undefined);
      const [first] = good;
      if (first === undefined) return callback(new MeshError('EGRESS_DENIED', `${hostname}: ${problems.find((each) => each !== undefined) ?? 'no address'}`, { service: hostname }), []);
      if (options.all === true) callback(null, good);
      else callback(null, first.address, first.family);
    });
  };
  return new undici.Agent({ connect: { lookup: guarded } });
}
