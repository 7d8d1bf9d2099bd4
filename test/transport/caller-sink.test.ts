import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { callerSink, type CallControl, type RawHandler } from '../../src/transport/caller-sink.ts';
import { collect } from '../support/collect.ts';

/** Keeps what it is given for as long as it lives, as fetch does. */
class KeepingHandler implements RawHandler {
  abort: ((reason?: unknown) => void) | undefined;
  resume: (() => void) | undefined;

  onConnect(abort: (reason?: unknown) => void): void {
    this.abort = abort;
  }

  onHeaders(_status: number, _rawHeaders: Buffer[], resume: () => void): boolean {
    this.resume = resume;
    return true;
  }

  onError(): void {}
}

describe('a raw handler that keeps what it was given', () => {
  it('may pause and leave the call while it lasts', () => {
    const handler = new KeepingHandler();
    const heard: unknown[] = [];
    const sink = callerSink(handler);
    sink.start({ abort: (reason) => heard.push(reason) });
    sink.onHeaders(200, [], () => heard.push('resumed'), 'OK');
    handler.resume!();
    handler.abort!('left');
    expect(heard).toEqual(['resumed', 'left']);
  });

  it.each(['complete', 'error'] as const)('holds nothing of a call that is over: %s', async (end) => {
    const handler = new KeepingHandler();
    let calls = 0;
    const [control, exchange] = ((): [WeakRef<object>, WeakRef<object>] => {
      const call: CallControl = { abort: () => (calls += 1) };
      const exchanged = { resume: () => (calls += 1) };
      const sink = callerSink(handler);
      sink.start(call);
      sink.onHeaders(200, [], () => exchanged.resume(), 'OK');
      if (end === 'complete') sink.onComplete([]);
      else sink.onError(new Error('reset'));
      return [new WeakRef(call), new WeakRef(exchanged)];
    })();
    handler.abort!('left');
    handler.resume!();
    expect(calls).toBe(0);
    // What a WeakRef was made of stays to the end of the turn.
    await setImmediate();
    collect();
    expect([control.deref(), exchange.deref()]).toEqual([undefined, undefined]);
  });
});
