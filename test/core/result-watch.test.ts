import { describe, expect, it } from 'vitest';
import type { Reply } from '../../src/core/call.ts';
import { heardBy, ResultWatch, watchResult, type ResultObserver } from '../../src/core/result-watch.ts';
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
    void source.failed('broken');
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

  it('hear of one that came before they did', async () => {
    const { heard, all } = observers('limit');
    const call = fakeCall();
    const source = new ResultWatch(call);
    const result = Promise.reject<Reply>(new RangeError('broken'));
    source.promised(result);
    void source.failed('broken');
    watchResult(call, result, all[0]!);
    await settle();
    expect(heard).toEqual(['limit RangeError: broken']);
  });
});

describe('a result that somebody must have heard of', () => {
  const unheard = { replied: () => {}, failed: () => {} };

  it.each(['a reply', 'an error'])('is passed on when he is done with it: %s', async (what) => {
    const result = what === 'a reply' ? Promise.resolve<Reply>(new FakeReply(503)) : Promise.reject<Reply>(new RangeError('broken'));
    let done!: () => void;
    const wait = new Promise<void>((resolve) => (done = resolve));
    const passedOn = heardBy({ replied: () => wait, failed: () => wait }, fakeCall(), result);
    let seen = false;
    const see = (): void => void (seen = true);
    passedOn.then(see, see);
    await settle();
    expect(seen).toBe(false);
    done();
    await settle();
    expect(seen).toBe(true);
    expect(await passedOn.catch((error: unknown) => error)).toEqual(await result.catch((error: unknown) => error));
  });

  it('is the same promise where its maker tells him, who is to wait for all of those that he told', async () => {
    const call = fakeCall();
    const source = new ResultWatch(call);
    const result = Promise.resolve<Reply>(new FakeReply(200));
    source.promised(result);
    // Nobody said that he would wait.
    expect(heardBy(unheard, call, result)).not.toBe(result);
    source.waits = true;
    expect(heardBy(unheard, call, result)).toBe(result);
    expect(source.replied(new FakeReply(200))).toBeUndefined();

    const slow = new ResultWatch(call);
    let resolve!: () => void;
    slow.add({ replied: () => new Promise<void>((resolved) => (resolve = resolved)), failed: () => {} });
    slow.add({ replied: () => Promise.resolve(), failed: () => {} });
    let over = false;
    void slow.replied(new FakeReply(200))!.then(() => (over = true));
    await settle();
    expect(over).toBe(false);
    resolve();
    await settle();
    expect(over).toBe(true);
  });
});
