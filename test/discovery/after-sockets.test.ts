import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { afterSockets } from '../../src/discovery/after-sockets.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { systemRandom } from '../../src/core/random.ts';
import { a, startScriptedDns } from '../support/scripted-dns.ts';
import { VirtualClock, settle } from '../support/virtual-clock.ts';

it('fires once its time has come, and not when it was cancelled, even at the last moment', async () => {
  const clock = new VirtualClock();
  let fired = 0;
  afterSockets(clock, 100, () => void (fired += 1));
  await clock.advance(99);
  expect(fired).toBe(0);
  await clock.advance(1);
  expect(fired).toBe(1);

  let expire = (): void => undefined;
  const byHand = { ...clock, now: () => 0, wall: () => 0, after: (_delay: number, fire: () => void) => ((expire = fire), { cancel: () => undefined }) };
  const cancelled = afterSockets(byHand, 100, () => void (fired += 10));
  expire();
  cancelled.cancel();
  await settle();
  expect(fired).toBe(1);
});

it('does not take a stall of this process for silence of a server', async () => {
  const dns = await startScriptedDns((query) => query.send(query.reply({ answers: [a(query.name, '10.0.0.1')] })));
  const stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [dns.address] });
  const looking = stub.lookup('host.test', 'A');
  await settle();
  await settle();
  // The reply comes while nobody can read it, and every attempt is overdue when somebody can.
  const until = performance.now() + 600;
  while (performance.now() < until);
  await looking;
  expect(dns.queries).toHaveLength(1);
  stub.close();
  await dns.close();
});
