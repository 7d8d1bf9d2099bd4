import { describe, expect, it } from 'vitest';
import type { Reply } from '../../src/core/call.ts';
import { ResultWatch, watchResult, type ResultObserver } from '../../src/core/result-watch.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle } from '../support/virtual-clock.ts';

function observers(...names: string[]) {
  const heard: string[] = [];
  const all = names.map((name): ResultObserver => ({ replied: ({ status }) => void heard.push(`${name} ${status}`), failed: (error) => void heard.push(`${name} ${String(error)}`) }));
  return { heard, all };
}

describe('those who watch the result of a call', () => {
  it('are told of it in the order in which they came, whatever promise each of them watches', async () => {
    const call = fakeCall();
    const { heard, all } = observers('limit', 'throttle', 'deadline', 'client', 'caller', 'one more');
    const result = Promise.resolve<Reply>(new FakeReply(503));
    for (const observer of all.slice(0, 3)) watchResult(call, result, observer);
    const changed = result.then<Reply>(() => new FakeReply(200));
    for (const observer of all.slice(3)) watchResult(call, changed, observer);
    await settle();
    expect(heard).toEqual(['limit 503', 'throttle 503', 'deadline 503', 'client 200', 'caller 200', 'one more 200']);
  });

  it('are told of an error, which is nobody’s oversight then', async () => {
    const { heard, all } = observers('limit', 'deadline');
    const call = fakeCall();
    const result = Promise.reject<Reply>(new RangeError('broken'));
    for (const observer of all) watchResult(call, result, observer);
    await settle();
    expect(heard).toEqual(['limit RangeError: broken', 'deadline RangeError: broken']);
  });

  it('are told by whoever makes the result, where he said that he would', async () => {
    const { heard, all } = observers('limit', 'deadline');
    const call = fakeCall();
    const source = new ResultWatch(call);
    let reject!: (error: unknown) => void;
    const result = new Promise<Reply>((_, rejected) => (reject = rejected));
    source.promised(result);
    for (const observer of all) watchResult(call, result, observer);
    source.failed('broken');
    reject('broken');
    expect(heard).toEqual(['limit broken', 'deadline broken']);
    // Nobody awaits it; were it unhandled, this test would not pass.
    await settle();
  });

  it('of one call hear nothing of another', async () => {
    const { heard, all } = observers('one', 'other');
    const result = Promise.resolve<Reply>(new FakeReply(200));
    watchResult(fakeCall(), result, all[0]!);
    watchResult(fakeCall(), Promise.resolve<Reply>(new FakeReply(404)), all[1]!);
    await settle();
    expect(heard).toEqual(['one 200', 'other 404']);
  });
});
