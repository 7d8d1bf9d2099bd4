import { expect, it } from 'vitest';
import { ChainSource } from '../../src/discovery/chain-source.ts';
import type { Source, SourceAnswer } from '../../src/discovery/source.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function link(name: string) {
  const state = { present: undefined as number | 'nothing' | undefined, asked: 0, closed: false, changed: () => undefined as void };
  const source: Source = {
    description: name,
    async resolve(): Promise<SourceAnswer> {
      state.asked += 1;
      if (state.present === undefined) throw new Error(`${name} is down`);
      const endpoints = state.present === 'nothing' ? [] : [{ host: '10.0.0.1', port: state.present, weight: 1, priority: 0 }];
      return { endpoints, complete: true, ttl: 30 };
    },
    subscribe: (changed) => void (state.changed = changed),
    close: () => void (state.closed = true),
  };
  return { state, source };
}

function chain() {
  const clock = new VirtualClock();
  const [first, second] = [link('first'), link('second')];
  const source = new ChainSource([first.source, second.source], clock);
  const ports = async (): Promise<number[]> => (await source.resolve()).endpoints.map((endpoint) => endpoint.port);
  return { clock, first: first.state, second: second.state, source, ports };
}

it('asks the first alone while that answers, even that there is nothing', async () => {
  const { first, second, ports } = chain();
  first.present = 1;
  second.present = 2;
  expect(await ports()).toEqual([1]);
  first.present = 'nothing';
  expect(await ports()).toEqual([]);
  expect(second.asked).toBe(0);
});

it('asks the next at once where the first has never answered', async () => {
  const { second, ports } = chain();
  second.present = 2;
  expect(await ports()).toEqual([2]);
});

it('stays with what the first said for ten seconds, then asks the next; and goes back as soon as it can', async () => {
  const { clock, first, second, ports, source } = chain();
  first.present = 1;
  second.present = 2;
  await ports();
  first.present = undefined;
  await expect(ports()).rejects.toThrow('first is down');
  await clock.advance(9_999);
  await expect(ports()).rejects.toThrow('first is down');
  await clock.advance(1);
  expect(await ports()).toEqual([2]);
  expect((await source.resolve()).ttl).toBe(5);
  first.present = 3;
  expect(await ports()).toEqual([3]);
  expect((await source.resolve()).ttl).toBe(30);
});

it('fails with what all of them say', async () => {
  const { ports, source } = chain();
  await expect(ports()).rejects.toThrow('first is down; second is down');
  expect(source.description).toBe('first, else second');
});

it('passes on news from any, and closes all', () => {
  const { first, second, source } = chain();
  let news = 0;
  source.subscribe(() => void (news += 1));
  first.changed();
  second.changed();
  source.close();
  expect([news, first.closed, second.closed]).toEqual([2, true, true]);
});
