import { describe, expect, it } from 'vitest';
import { MeshError, type ErrorCode, type MeshErrorDetails } from '../../src/core/errors.ts';
import { classifyError, classifyReply, parseRetryAfter } from '../../src/core/outcome.ts';

const WALL = Date.UTC(2026, 0, 1);
const reply = (status: number, retryAfter?: string) => classifyReply({ status, header: (name) => (name === 'retry-after' ? retryAfter : undefined) }, { wall: () => WALL });

describe('a reply', () => {
  it.each([[200], [204], [301], [304], [400], [404], [409], [501]])('%d is the endpoint’s work done', (status) => {
    expect(reply(status).kind).toBe('success');
  });

  it.each([[500], [502], [503], [504], [599]])('%d is the endpoint’s failure', (status) => {
    expect(reply(status).kind).toBe('failure');
  });

  it('429, and 503 with Retry-After, are overload: alive, but full', () => {
    expect(reply(429)).toEqual({ kind: 'overload' });
    expect(reply(429, '2')).toEqual({ kind: 'overload', retryAfter: 2000 });
    expect(reply(503, '2')).toEqual({ kind: 'overload', retryAfter: 2000 });
  });

  it('503 with a Retry-After that says nothing is an ordinary failure', () => {
    expect(reply(503, 'soon')).toEqual({ kind: 'failure' });
  });
});

describe('an error', () => {
  const of = (code: ErrorCode, details: MeshErrorDetails = {}) => classifyError(new MeshError(code, 'message', details)).kind;

  it('knows whose it is', () => {
    expect([of('CONNECT_FAILED'), of('OVERLOADED'), of('CANCELLED'), of('ATTEMPT_TIMEOUT', { outcome: 'local' })]).toEqual(['failure', 'local', 'cancelled', 'local']);
  });

  it('of a connection that could not be made says that nobody can be reached there, unless the fault is ours', () => {
    expect(classifyError(new MeshError('CONNECT_FAILED', ''))).toEqual({ kind: 'failure', unreachable: true });
    expect(classifyError(new MeshError('CONNECT_FAILED', '', { outcome: 'local' }))).toEqual({ kind: 'local' });
  });

  it('that is no MeshError is this process’s own', () => {
    expect(classifyError(new TypeError('oops')).kind).toBe('local');
    expect(classifyError(undefined).kind).toBe('local');
  });

  it('of a deadline in the middle of a body says nothing about the endpoint: the caller may have read slowly', () => {
    expect(of('DEADLINE_EXCEEDED', { sent: 'maybe' })).toBe('failure');
    expect(of('DEADLINE_EXCEEDED', { sent: 'yes' })).toBe('cancelled');
  });
});

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
  ])('%s', (value, expected) => {
    expect(parseRetryAfter(value, WALL)).toBe(expected);
  });

  it.each([[undefined], [''], ['-1'], ['1.5'], ['1e3'], ['soon'], ['2026-01-01'], ['Thu, 99 Jan 2026 00:00:30 GMT'], ['99999999999999']])('%s says nothing', (value) => {
    expect(parseRetryAfter(value, WALL)).toBeUndefined();
  });
});
