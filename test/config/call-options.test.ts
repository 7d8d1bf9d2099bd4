import { describe, expect, it } from 'vitest';
import { checkCallOptions } from '../../src/config/call-options.ts';
import type { CallOptions } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';

/** What JavaScript may give, whatever the types say. */
const refusal = (options: unknown): unknown => {
  try {
    checkCallOptions(options as CallOptions, 'reviews');
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('options of a call', () => {
  it('may be left out, or be undefined', () => {
    expect(refusal({})).toBeUndefined();
    expect(refusal({ deadline: undefined, criticality: undefined, retry: undefined, idempotencyKey: undefined, hashKey: undefined })).toBeUndefined();
  });

  it('are taken where they make sense', () => {
    expect(refusal({ deadline: '2s', criticality: 'sheddable', retry: false, idempotencyKey: 'invoice-1', hashKey: 'user-7', signal: new AbortController().signal, fallback: () => 'x' })).toBeUndefined();
    expect(refusal({ deadline: 0 })).toBeUndefined();
  });

  it.each([
    [{ deadline: 'soon' }, `mesh.deadline: "soon" (expected: milliseconds, or a duration such as '2s')`],
    [{ deadline: -1 }, `mesh.deadline: -1 (expected: milliseconds, or a duration such as '2s')`],
    [{ deadline: Number.NaN }, `mesh.deadline: NaN (expected: milliseconds, or a duration such as '2s')`],
    [{ deadline: new Date(0) }, `mesh.deadline: an empty mapping (expected: milliseconds, or a duration such as '2s')`],
    [{ criticality: 'urgent' }, 'mesh.criticality: "urgent" (expected: critical-plus, critical, sheddable-plus, sheddable)'],
    [{ criticality: 0 }, 'mesh.criticality: 0 (expected: critical-plus, critical, sheddable-plus, sheddable)'],
    [{ retry: true }, 'mesh.retry: true (expected: false, or nothing)'],
    [{ idempotencyKey: 7 }, 'mesh.idempotencyKey: 7 (expected: a string, or true)'],
    [{ signal: {} }, 'mesh.signal: an empty mapping (expected: an AbortSignal)'],
    [{ fallback: 7 }, 'mesh.fallback: 7 (expected: a Response, a string, bytes, or a function that gives one of these)'],
    [{ fallback: { items: [] } }, 'mesh.fallback: a mapping (expected: a Response, a string, bytes, or a function that gives one of these)'],
    [{ hashKey: '' }, 'mesh.hashKey: "" (expected: a string that is not empty)'],
  ])('are refused with place, value and expectation: %o', (options, message) => {
    expect(refusal(options)).toMatchObject({ code: 'INVALID_REQUEST', service: 'reviews', outcome: 'local', sent: 'no', message: `reviews: ${message}` });
  });

  it('are refused where nobody knows them, with what was probably meant', () => {
    expect(refusal({ dealine: '2s' })).toMatchObject({ code: 'INVALID_REQUEST', message: expect.stringMatching(/^reviews: mesh: no such option "dealine" \(did you mean deadline\? expected: deadline, /) });
    expect(refusal({ wait: 1 })).toMatchObject({ message: expect.stringMatching(/no such option "wait" \(expected: /) });
    expect(refusal({ toString: undefined })).toBeInstanceOf(MeshError);
  });

  it.each([['2s'], [true], [7]])('that are no object are refused: %o', (options) => {
    expect(refusal(options)).toMatchObject({ code: 'INVALID_REQUEST', message: expect.stringContaining('expected: an object') });
  });
});
