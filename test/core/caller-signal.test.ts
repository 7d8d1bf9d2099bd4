import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CallerSignals } from '../../src/core/caller-signal.ts';

function tied(...signals: AbortSignal[]) {
  const reasons: unknown[] = [];
  return { reasons, tie: new CallerSignals(signals, { abort: (reason) => reasons.push(reason) }) };
}

describe('the signal of a caller', () => {
  it('ends his call, with his reason, once', () => {
    const controller = new AbortController();
    const { reasons } = tied(controller.signal);
    controller.abort('enough');
    controller.abort('really');
    expect(reasons).toEqual(['enough']);
  });

  it('that has fired ends the call before it begins', () => {
    expect(tied(AbortSignal.abort('before')).reasons).toEqual(['before']);
  });

  it('ends all calls that have it, but those that are over, and has one listener for all of them', () => {
    const controller = new AbortController();
    const calls = Array.from({ length: 20 }, () => tied(controller.signal));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    calls[3]!.tie.end();
    // Once more does nothing, also not to the others.
    calls[3]!.tie.end();
    controller.abort('enough');
    expect(calls.filter(({ reasons }) => reasons.length === 1)).toHaveLength(19);
    expect(calls[3]!.reasons).toEqual([]);
  });

  it('is one of several, of which the first to fire ends the call; all are let go of when it is over', () => {
    const [own, around] = [new AbortController(), new AbortController()];
    const { reasons, tie } = tied(own.signal, around.signal);
    around.abort('the client left');
    expect(reasons).toEqual(['the client left']);
    tie.end();
    expect([own, around].map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([0, 0]);
  });

  it('has nobody listening where another one has fired already', () => {
    const { signal } = new AbortController();
    expect(tied(signal, AbortSignal.abort('before')).reasons).toEqual(['before']);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('may be tied anew when all calls were over', () => {
    const controller = new AbortController();
    tied(controller.signal).tie.end();
    const { reasons } = tied(controller.signal);
    controller.abort('enough');
    expect(reasons).toEqual(['enough']);
  });

  it('is left as it was when the call is over', () => {
    const controller = new AbortController();
    const { tie, reasons } = tied(controller.signal);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    tie.end();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort();
    expect(reasons).toEqual([]);
  });
});
