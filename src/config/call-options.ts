/**
 * What a caller says about one call, checked before anything is done: a mistyped key would otherwise be silence, and a call with
 * `dealine: '2s'` would wait for half a minute.
 */
import type { CallOptions } from '../core/call.ts';
import { criticalities, isCriticality } from '../core/criticality.ts';
import { MeshError } from '../core/errors.ts';
import { parseDuration } from './duration.ts';
import { describe, quote } from './problem.ts';
import { nearest } from './suggest.ts';

interface Expectation {
  readonly fits: (value: unknown) => boolean;
  readonly expected: string;
}

const expectations: { readonly [Key in keyof Required<CallOptions>]: Expectation } = {
  deadline: {
    fits: (value) => (typeof value === 'number' || typeof value === 'string') && parseDuration(value) !== undefined,
    expected: "milliseconds, or a duration such as '2s'",
  },
  criticality: { fits: isCriticality, expected: criticalities.join(', ') },
  retry: { fits: (value) => value === false, expected: 'false, or nothing' },
  idempotencyKey: { fits: (value) => typeof value === 'string', expected: 'a string' },
  hashKey: { fits: (value) => typeof value === 'string' && value !== '', expected: 'a string that is not empty' },
};

/**
 * A key whose value is `undefined` is one that is not there.
 *
 * @throws MeshError INVALID_REQUEST
 */
export function checkCallOptions(options: CallOptions, service: string): void {
  if (typeof options !== 'object' || options === null) throw invalid(`mesh: ${describe(options)} (expected: an object of call options)`, service);
  for (const key in options) {
    const value: unknown = options[key as keyof CallOptions];
    const expectation = Object.hasOwn(expectations, key) ? expectations[key as keyof CallOptions] : undefined;
    if (expectation === undefined) throw unknownKey(key, service);
    if (value !== undefined && !expectation.fits(value)) throw invalid(`mesh.${key}: ${describe(value)} (expected: ${expectation.expected})`, service);
  }
}

function unknownKey(key: string, service: string): MeshError {
  const known = Object.keys(expectations);
  const meant = nearest(key, known);
  return invalid(`mesh: no such option ${quote(key)} (${meant === undefined ? '' : `did you mean ${meant}? `}expected: ${known.join(', ')})`, service);
}

function invalid(message: string, service: string): MeshError {
  return new MeshError('INVALID_REQUEST', `${service}: ${message}`, { service });
}
