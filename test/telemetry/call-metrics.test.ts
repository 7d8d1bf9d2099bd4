import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { measureAttempts, measureCalls } from '../../src/telemetry/call-metrics.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { MetricSdk, points, sum } from '../support/metric-sdk.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

let sdk: MetricSdk;
let clock: VirtualClock;
beforeEach(() => {
  sdk = new MetricSdk();
  clock = new VirtualClock();
});
afterEach(() => sdk.close());

/** Headers after a second, and an end after three, as the test has it. */
async function measured(end: (reply: FakeReply) => void, answer = 200): Promise<{ call: [object, number][]; request: [object, number][]; seconds: number[] }> {
  const reply = new FakeReply(answer);
  const later = async (): Promise<Reply> => new Promise((resolve) => clock.after(1000, () => resolve(reply)));
  const call = fakeCall();
  const got = measureCalls({ clock })((each) => measureAttempts({ clock })(later)(fakeAttempt(each)))(call);
  await clock.advance(1000);
  await got;
  await clock.advance(2000);
  end(reply);
  await settle();
  const gathered = await sdk.gather();
  return {
    call: points(gathered, 'inmesh.call.duration'), request: points(gathered, 'http.client.request.duration'),
    seconds: [sum(gathered, 'inmesh.call.duration'), sum(gathered, 'http.client.request.duration')],
  };
}

const server = { 'http.request.method': 'GET', 'server.address': 'reviews', 'server.port': 80 };

describe('the duration of a call and of its request', () => {
  it('lasts to the end of the body', async () => {
    const { call, request, seconds } = await measured((reply) => reply.end());
    expect(seconds).toEqual([3, 3]);
    expect(call).toEqual([[{ 'inmesh.service': 'reviews', 'inmesh.outcome': 'success' }, 1]]);
    expect(request).toEqual([[{ ...server, 'http.response.status_code': 200 }, 1]]);
  });

  it('lasts to where the body broke off, and says with what', async () => {
    const { call, request, seconds } = await measured((reply) => reply.end(new MeshError('CONNECTION_RESET', 'reset', { sent: 'yes' })));
    expect(seconds).toEqual([3, 3]);
    expect(call).toEqual([[{ 'inmesh.service': 'reviews', 'inmesh.outcome': 'failure', 'error.type': 'connection_reset' }, 1]]);
    expect(request).toEqual([[{ ...server, 'http.response.status_code': 200, 'error.type': 'connection_reset' }, 1]]);
  });

  it('lasts to the headers where the caller leaves after them, which is nobody’s error', async () => {
    const { call, request, seconds } = await measured((reply) => reply.end(new MeshError('CANCELLED', 'the caller left')));
    expect(seconds).toEqual([1, 1]);
    expect(call).toEqual([[{ 'inmesh.service': 'reviews', 'inmesh.outcome': 'cancelled' }, 1]]);
    expect(request).toEqual([[{ ...server, 'http.response.status_code': 200 }, 1]]);
  });

  it('lasts to the headers where the reply is given up', async () => {
    const { call, request, seconds } = await measured((reply) => reply.discard(), 503);
    expect(seconds).toEqual([1, 1]);
    expect(call).toEqual([[{ 'inmesh.service': 'reviews', 'inmesh.outcome': 'failure', 'error.type': '503' }, 1]]);
    expect(request).toEqual([[{ ...server, 'http.response.status_code': 503, 'error.type': '503' }, 1]]);
  });
});

it('a fallback serves the caller, and is no success of the service', async () => {
  const reply = new FakeReply(200);
  await measureCalls({ clock })(async (call) => {
    call.fellBack = new MeshError('CIRCUIT_OPEN', 'open');
    return reply;
  })(fakeCall());
  reply.end();
  expect(points(await sdk.gather(), 'inmesh.call.duration')).toEqual([[{ 'inmesh.service': 'reviews', 'inmesh.outcome': 'local' }, 1]]);
});
