import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/core/call.ts';
import { OpenCalls } from '../../src/core/open-calls.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';

describe('the open calls of a client', () => {
  it('are those that have begun and neither failed nor ended their bodies, in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant('begin' as const), fc.record({ place: fc.nat(), failed: fc.boolean() })), { maxLength: 60 }), (steps) => {
        let ended = 0;
        const calls = new OpenCalls(() => (ended += 1));
        const open: { readonly call: Call; readonly end: (failed: boolean) => void }[] = [];
        let over = 0;
        for (const step of steps) {
          if (step === 'begin') {
            const [call, reply] = [fakeCall(), new FakeReply()];
            const entry = calls.begun(call);
            open.push({
              call,
              end(failed) {
                // Neither makes anybody wait.
                if (failed) return void entry.failed(new Error('broken'), call);
                void entry.replied(reply, call);
                reply.end();
              },
            });
          } else if (open.length > 0) {
            const [gone] = open.splice(step.place % open.length, 1);
            gone!.end(step.failed);
            over += 1;
          }
          expect([calls.size, ended]).toEqual([open.length, over]);
          expect(new Set(calls)).toEqual(new Set(open.map(({ call }) => call)));
        }
      }),
    );
  });

  it('are not kept by one that has ended, which an idle connection keeps', () => {
    const calls = new OpenCalls(() => {});
    const [first, second, third] = [calls.begun(fakeCall()), calls.begun(fakeCall()), calls.begun(fakeCall())];
    void second.failed(new Error('broken'), fakeCall());
    const known = Object.values(second);
    expect(known).not.toContain(first);
    expect(known).not.toContain(third);
    expect(calls.size).toBe(2);
  });
});
