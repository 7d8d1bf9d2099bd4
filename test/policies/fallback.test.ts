import { describe, expect, it } from 'vitest';
import type { CallOptions, Reply, Service } from '../../src/core/call.ts';
import type { Call } from '../../src/core/call.ts';
import { errorTable, MeshError, type ErrorCode } from '../../src/core/errors.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { fakeCall, type FakeCallParts } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';

interface Run {
  readonly call: Call;
  readonly events: unknown[];
  readonly result: Promise<Reply | Error>;
}

/** A call with this fallback over a service that fails with this error. */
function failing(error: unknown, given: CallOptions['fallback'], parts: FakeCallParts = {}): Run {
  const events: unknown[] = [];
  const call = fakeCall({ ...parts, options: given === undefined ? {} : { fallback: given } });
  const service = fallback({ emit: (name, event) => events.push({ name, ...event }) })((() => Promise.reject(error)) satisfies Service<Call>);
  return { call, events, result: service(call).catch((thrown: unknown) => thrown as Error) };
}

/** What a caller makes of a reply. */
function read(reply: Reply | Error): Promise<{ status: number; type: string | undefined; text: string }> {
  if (reply instanceof Error) return Promise.reject(reply);
  return new Promise((resolve, reject) => {
    let text = '';
    reply.accept({
      onHeaders: () => true,
      onData: (chunk) => ((text += String(chunk)), true),
      onComplete: () => resolve({ status: reply.status, type: reply.header('content-type'), text }),
      onError: reject,
      onUpgrade: () => reject(new Error('upgraded')),
    });
  });
}

const codes = Object.keys(errorTable) as ErrorCode[];
const REPLACED = ['NO_ENDPOINTS', 'DISCOVERY_FAILED', 'DEADLINE_EXCEEDED', 'CIRCUIT_OPEN', 'OVERLOADED', 'THROTTLED', 'RATE_LIMITED'];

describe('a fallback', () => {
  it.each(codes.filter((code) => REPLACED.includes(code)))('stands in for %s', async (code) => {
    const error = new MeshError(code, 'no', { service: 'reviews' });
    const { call, events, result } = failing(error, 'none yet');
    expect(await read(await result)).toEqual({ status: 200, type: 'text/plain;charset=UTF-8', text: 'none yet' });
    expect(events).toEqual([{ name: 'call.fallback', service: 'reviews', because: code, failed: false }]);
    expect(call.fellBack).toBe(error);
  });

  it.each(codes.filter((code) => !REPLACED.includes(code)))('does not stand in for %s', async (code) => {
    const error = new MeshError(code, 'no');
    const { events, result } = failing(error, () => expect.unreachable());
    expect(await result).toBe(error);
    expect(events).toEqual([]);
  });

  it('does not stand in for what is no MeshError, nor for a reply of any status', async () => {
    const bug = new TypeError('a bug');
    expect(await failing(bug, 'none').result).toBe(bug);
    const reply = new FakeReply(503);
    const service = fallback({ emit: () => expect.unreachable() })(() => Promise.resolve(reply));
    expect(await service(fakeCall({ options: { fallback: 'none' } }))).toBe(reply);
  });

  it('that is a function is given the error, once, and may take its time', async () => {
    const error = new MeshError('CIRCUIT_OPEN', 'open', { retryAt: 7 });
    const given: MeshError[] = [];
    const { result } = failing(error, async (because) => {
      given.push(because);
      await Promise.resolve();
      return Response.json({ cached: true }, { status: 203 });
    });
    expect(await read(await result)).toEqual({ status: 203, type: 'application/json', text: '{"cached":true}' });
    expect(given).toEqual([error]);
  });

  it('that is a Response stands in for any number of calls', async () => {
    const response = Response.json([]);
    for (let call = 0; call < 3; call += 1) expect(await read(await failing(new MeshError('OVERLOADED', 'full'), response).result)).toMatchObject({ text: '[]' });
  });

  it('that throws is what the caller gets, with the reason why it was asked', async () => {
    const error = new MeshError('CIRCUIT_OPEN', 'open');
    const mine = new RangeError('nothing cached');
    const { events, result } = failing(error, () => {
      throw mine;
    });
    expect(await result).toBe(mine);
    expect(mine.cause).toBe(error);
    expect(events).toEqual([{ name: 'call.fallback', service: 'reviews', because: 'CIRCUIT_OPEN', failed: true }]);
    expect(await failing(error, () => Promise.reject(new RangeError('later'))).result).toMatchObject({ message: 'later', cause: error });
    // Its own cause is the better one; the error itself is what it is; what is no error becomes one.
    const cause = new Error('disk');
    expect(await failing(error, () => Promise.reject(new Error('no cache', { cause }))).result).toMatchObject({ cause });
    expect(await failing(error, (because) => Promise.reject(because)).result).toBe(error);
    expect(error.cause).toBeUndefined();
    const text: unknown = 'text';
    expect(await failing(error, () => { throw text; }).result).toMatchObject({ message: 'the fallback threw text', cause: error });
  });

  it.each([[undefined, 'nothing'], [null, 'nothing'], [{ status: 'ok' }, 'something of type object'], [7, 'something of type number']])('that gives no response is a mistake: %o', async (value, what) => {
    const error = new MeshError('NO_ENDPOINTS', 'none');
    const { events, result } = failing(error, () => value as unknown as string);
    expect(await result).toMatchObject({ code: 'INVALID_REQUEST', cause: error, message: `reviews: mesh.fallback gave ${what} (expected: a Response, a string or bytes)` });
    expect(events).toMatchObject([{ failed: true }]);
  });

  it('has no body for HEAD, and is nothing for an upgrade', async () => {
    const error = new MeshError('NO_ENDPOINTS', 'none');
    expect(await read(await failing(error, 'text', { request: { method: 'HEAD' } }).result)).toMatchObject({ status: 200, text: '' });
    expect(await failing(error, 'text', { request: { upgrade: 'websocket' } }).result).toBe(error);
    expect(await failing(error, 'text', { request: { method: 'CONNECT' } }).result).toBe(error);
  });
});
