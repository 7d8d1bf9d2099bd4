/**
 * What a caller says about one call, or about all calls made for a request, checked before anything is done: a mistyped key would otherwise be
 * silence, and a call with `dealine: '2s'` would wait for half a minute.
 */
import type { CallContext } from '../core/ambient.ts';
import type { CallOptions } from '../core/call.ts';
import { isSignal } from '../core/caller-signal.ts';
import { isSubstitute } from '../core/substitute.ts';
import { criticalities, isCriticality } from '../core/criticality.ts';
import { MeshError } from '../core/errors.ts';
import { parseDuration } from './duration.ts';
import { describe, quote } from './problem.ts';
import { nearest } from './suggest.ts';

interface Expectation {
  readonly fits: (value: unknown) => boolean;
  readonly expected: string;
}

type Expectations<Options> = { readonly [Key in keyof Required<Options>]: Expectation };

const duration: Expectation = {
  fits: (value) => (typeof value === 'number' || typeof value === 'string') && parseDuration(value) !== undefined,
  expected: "milliseconds, or a duration such as '2s'",
};
const signal: Expectation = { fits: isSignal, expected: 'an AbortSignal' };
const criticality: Expectation = { fits: isCriticality, expected: criticalities.join(', ') };

const ofCall: Expectations<CallOptions> = {
  deadline: duration,
  criticality,
  retry: { fits: (value) => value === false, expected: 'false, or nothing' },
  idempotencyKey: { fits: (value) => typeof value === 'string', expected: 'a string, or true' },
  signal,
  fallback: { fits: isFallback, expected: 'a Response, a string, bytes, or a function that gives one of these' },
  explain: { fits: (value) => typeof value === 'boolean', expected: 'true, or false' },
  hashKey: { fits: (value) => typeof value === 'string' && value !== '', expected: 'a string that is not empty' },
};

const ofContext: Expectations<CallContext> = {
  deadline: duration,
  criticality,
  attempt: { fits: (value) => Number.isSafeInteger(value) && (value as number) >= 1, expected: 'a whole number from 1' },
  caller: { fits: (value) => typeof value === 'string', expected: 'a string' },
  signal,
};

function isFallback(value: unknown): boolean {
  return typeof value === 'function' || isSubstitute(value);
}

/**
 * A key whose value is `undefined` is one that is not there.
 *
 * @throws MeshError INVALID_REQUEST
 */
export function checkCallOptions(options: CallOptions, service: string): void {
  check(options, ofCall, 'mesh', service);
}

/** @throws MeshError INVALID_REQUEST */
export function checkContext(context: CallContext): void {
  check(context, ofContext, 'mesh.run', undefined);
}

function check<Options extends object>(options: Options, expectations: Expectations<Options>, place: string, service: string | undefined): void {
  if (typeof options !== 'object' || options === null) throw invalid(`${place}: ${describe(options)} (expected: an object)`, service);
  for (const key in options) {
    if (!Object.hasOwn(expectations, key)) throw unknownKey(key, expectations, place, service);
    const { fits, expected } = expectations[key];
    const value: unknown = options[key];
    if (value !== undefined && !fits(value)) throw invalid(`${place}.${key}: ${describe(value)} (expected: ${expected})`, service);
  }
}

function unknownKey(key: string, expectations: object, place: string, service: string | undefined): MeshError {
  const known = Object.keys(expectations);
  const meant = nearest(key, known);
  return invalid(`${place}: no such option ${quote(key)} (${meant === undefined ? '' : `did you mean ${meant}? `}expected: ${known.join(', ')})`, service);
}

function invalid(message: string, service: string | undefined): MeshError {
  return new MeshError('INVALID_REQUEST', service === undefined ? message : `${service}: ${message}`, { service });
}
