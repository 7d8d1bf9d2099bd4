import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { ReplySink } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { exchangeFor, Upload } from '../../src/transport/exchange.ts';
import { fakeAttempt, fakeCall, FakeBody } from '../support/fake-call.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

const endpoint = { host: '10.0.0.1', port: 80, weight: 1, priority: 0 };

function exchanging(call = fakeCall()) {
  const attempt = fakeAttempt(call);
  const failures: MeshError[] = [];
  const exchange = exchangeFor(attempt, endpoint, new VirtualClock());
  exchange.add({ replied: () => {}, failed: (error) => void failures.push(error as MeshError) });
  return { attempt, exchange, failures };
}

function recording() {
  const heard: string[] = [];
  const sink: ReplySink = {
    onHeaders: () => (heard.push('headers'), true),
    onData: () => (heard.push('data'), true),
    onComplete: () => void heard.push('complete'),
    onError: (error) => void heard.push((error as MeshError).code),
    onUpgrade: () => void heard.push('upgrade'),
  };
  return { heard, sink };
}

describe('an exchange', () => {
  it('gives an upgraded socket to nobody who has left meanwhile, and closes it', () => {
    const { attempt, exchange } = exchanging();
    const socket = new PassThrough();
    exchange.onConnect(() => {});
    exchange.onUpgrade(101, [], socket);
    attempt.cancellation.cancel(new MeshError('CANCELLED', 'the caller left'));
    const { heard, sink } = recording();
    exchange.accept(sink);
    expect([heard, socket.destroyed]).toEqual([['CANCELLED'], true]);
  });

  it('at its deadline blames nobody while the request is being sent, but does while nothing even connects', () => {
    const upload = () => exchanging(fakeCall({ request: { method: 'POST', body: new FakeBody() } }));
    const deadline = () => new MeshError('DEADLINE_EXCEEDED', 'over');
    const connecting = upload();
    connecting.attempt.cancellation.cancel(deadline());
    expect(connecting.failures).toMatchObject([{ outcome: 'failure', sent: 'no' }]);
    const sending = upload();
    sending.exchange.onConnect((reason) => sending.exchange.onError(reason!));
    sending.attempt.cancellation.cancel(deadline());
    expect(sending.failures).toMatchObject([{ outcome: 'local', sent: 'maybe' }]);
    const sent = upload();
    sent.exchange.onConnect((reason) => sent.exchange.onError(reason!));
    expect(sent.exchange).toBeInstanceOf(Upload);
    (sent.exchange as Upload).onRequestSent();
    sent.attempt.cancellation.cancel(deadline());
    expect(sent.failures).toMatchObject([{ outcome: 'failure', sent: 'maybe' }]);
  });

  it('is given out when those who watch it are done with it, an answer as well as an error', async () => {
    for (const fails of [false, true]) {
      const { exchange } = exchanging();
      let done!: () => void;
      const wait = new Promise<void>((resolve) => (done = resolve));
      exchange.add({ replied: () => wait, failed: () => wait });
      let ended: unknown;
      exchange.result!.then((reply) => (ended = reply.status), (error: MeshError) => (ended = error.code));
      exchange.onConnect(() => {});
      if (fails) exchange.onError(new Error('broken'));
      else exchange.onHeaders(503, [], () => {}, 'busy');
      await settle();
      expect(ended).toBeUndefined();
      done();
      await settle();
      expect(ended).toBe(fails ? 'CONNECTION_RESET' : 503);
    }
  });
});
