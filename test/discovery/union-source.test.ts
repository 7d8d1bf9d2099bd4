/** What the parts say is scripted; with the poller and its beliefs the union is tried at the end, in virtual time. */
import { expect, it } from 'vitest';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { DiscoveryState, RefreshReason, Resolution, ResolutionListener, Resolver } from '../../src/core/endpoint.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Poller } from '../../src/discovery/poller.ts';
import type { SourceAnswer } from '../../src/discovery/source.ts';
import { union } from '../../src/discovery/union-source.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

class Part implements Resolver {
  readonly name: string;
  readonly refreshes: RefreshReason[] = [];
  state: Partial<DiscoveryState> = {};
  closed = false;
  #listener: ResolutionListener | undefined;

  constructor(name: string) {
    this.name = name;
  }

  watch(listener: ResolutionListener) {
    this.#listener = listener;
    return {
      refresh: (reason: RefreshReason) => void this.refreshes.push(reason),
      state: (): DiscoveryState => ({ source: this.name, state: 'never', age: undefined, lastError: undefined, ...this.state }),
      close: () => void (this.closed = true),
    };
  }

  says(...ports: number[]): void {
    this.resolves({ endpoints: ports.map((port) => ({ host: '10.0.0.1', port, weight: 1, priority: 0 })) });
  }

  resolves(resolution: Partial<Resolution>): void {
    this.#listener!.resolved({ endpoints: [], complete: true, source: this.name, ...resolution });
  }

  fails(): void {
    this.#listener!.failed(new Error(`${this.name} is down`));
  }
}

function versions() {
  const [v1, v2] = [new Part('v1'), new Part('v2')];
  const told: string[] = [];
  const resolutions: Resolution[] = [];
  const watch = union([v1, v2]).watch({
    resolved: (resolution) => {
      resolutions.push(resolution);
      told.push(`${resolution.endpoints.map(({ port }) => port).join(' ')}${resolution.complete ? '' : ' …'}`);
    },
    failed: (error) => void told.push(error.message),
  });
  return { v1, v2, told, resolutions, watch };
}

it('passes on what it has at once, and is complete when all have answered', () => {
  const { v1, v2, told, resolutions } = versions();
  v2.says(3);
  v1.says(1, 2);
  expect(told).toEqual(['3 …', '1 2 3']);
  expect(resolutions.map(({ source }) => source)).toEqual(['v2', 'v1 and v2']);
});

it('follows each of them', () => {
  const { v1, v2, told } = versions();
  v1.says(1, 2);
  v2.says(3);
  v1.says(2, 4);
  v2.says();
  v1.says();
  expect(told).toEqual(['1 2 …', '1 2 3', '2 4 3', '2 4', '']);
});

it('is incomplete while the last answer of any is', () => {
  const { v1, v2, told } = versions();
  v1.resolves({ endpoints: [{ host: '10.0.0.1', port: 1, weight: 1, priority: 0 }], complete: false });
  v2.says(3);
  v2.says(4);
  v1.says(2);
  expect(told).toEqual(['1 …', '1 3 …', '1 4 …', '2 4']);
});

it('keeps the last good set of one that fails, and says nothing of it', () => {
  const { v1, v2, told } = versions();
  v1.says(1);
  v2.says(2);
  v1.fails();
  v2.says(3);
  expect(told).toEqual(['1 …', '1 2', '1 3']);
});

it('fails when all fail, and no longer when one answers', () => {
  const { v1, v2, told } = versions();
  v1.says(1);
  v2.says(2);
  v1.fails();
  v2.fails();
  v1.says(1);
  v2.fails();
  expect(told.slice(2)).toEqual(['v1 is down; v2 is down', '1 2']);
});

it('waits for the others before it says that the first answer failed', () => {
  const { v1, v2, told } = versions();
  v1.fails();
  expect(told).toEqual([]);
  v2.says(2);
  v2.says(2, 3);
  v1.fails();
  expect(told).toEqual(['2 …', '2 3 …']);
});

it('does not take one version that is empty for a service without endpoints', () => {
  const { v1, v2, told } = versions();
  v1.says();
  expect(told).toEqual([]);
  v2.says(2);
  expect(told).toEqual(['2']);
});

it('fails where the one that is not empty cannot be asked', () => {
  const one = versions();
  one.v1.says();
  one.v2.fails();
  const other = versions();
  other.v2.fails();
  other.v1.says();
  expect([one.told, other.told]).toEqual([['v2 is down'], ['v2 is down']]);
});

it('stays empty, without a word, where all were empty and one fails now', () => {
  const { v1, v2, told } = versions();
  v1.says();
  v2.says();
  v2.fails();
  expect(told).toEqual(['']);
});

it('has an endpoint of two versions once', () => {
  const { v1, v2, told } = versions();
  v1.says(1, 2);
  v2.says(2, 3);
  expect(told.at(-1)).toBe('1 2 3');
});

it('gives the versions weights that compare', () => {
  const { v1, v2, resolutions } = versions();
  v1.resolves({ endpoints: [60, 20].map((weight, index) => ({ host: '10.0.0.1', port: index + 1, weight, priority: 0 })) });
  v2.says(3, 4);
  expect(resolutions.at(-1)?.endpoints.map(({ weight }) => weight)).toEqual([1.5, 0.5, 1, 1]);
});

it('is virtual where the endpoint of one is', () => {
  const { v1, v2, resolutions } = versions();
  v1.resolves({ endpoints: [{ host: '10.96.0.1', port: 80, weight: 1, priority: 0 }], virtual: true });
  v2.says(1, 2);
  v1.resolves({ virtual: true });
  expect(resolutions.map(({ virtual }) => virtual)).toEqual([true, true, false]);
});

it('asks all for fresh answers, closes all, and says nothing any more', () => {
  const { v1, v2, told, watch } = versions();
  watch.refresh('connect-error');
  expect([v1.refreshes, v2.refreshes]).toEqual([['connect-error'], ['connect-error']]);
  watch.close();
  expect([v1.closed, v2.closed]).toEqual([true, true]);
  v1.says(1);
  v1.fails();
  v2.fails();
  expect(told).toEqual([]);
});

it.each([
  ['never', 'never', 'never'],
  ['never', 'empty', 'never'],
  ['never', 'fresh', 'stale'],
  ['fresh', 'stale', 'stale'],
  ['fresh', 'unconfirmed-empty', 'unconfirmed-empty'],
  ['fresh', 'empty', 'fresh'],
  ['empty', 'empty', 'empty'],
] as const)('one that is %s and one that is %s are %s', (first, second, state) => {
  const { v1, v2, watch } = versions();
  [v1.state, v2.state] = [{ state: first }, { state: second }];
  expect(watch.state().state).toBe(state);
  [v1.state, v2.state] = [{ state: second }, { state: first }];
  expect(watch.state().state).toBe(state);
});

it('says of its state what any of them says, and of its age the oldest', () => {
  const { v1, v2, watch } = versions();
  expect(watch.state()).toEqual({ source: 'v1 and v2', state: 'never', age: undefined, lastError: undefined });
  v1.state = { age: 5, lastError: 'v1 is down', held: ['10.0.0.1:1'] };
  v2.state = { age: 9, lastError: 'v2 is down', held: ['10.0.0.1:2'] };
  expect(watch.state()).toMatchObject({ age: 9, lastError: 'v1 is down; v2 is down', held: ['10.0.0.1:1', '10.0.0.1:2'] });
});

it('believes that one version is gone no sooner than it would believe it of a service', async () => {
  const clock = new VirtualClock();
  const now: Record<string, number[]> = { v1: [1], v2: [2, 3] };
  const versionOf = (name: string): Resolver => ({
    watch: (listener) => new Poller({
      description: name,
      resolve: async (): Promise<SourceAnswer> => ({ endpoints: now[name]!.map((port) => ({ host: '10.0.0.1', port, weight: 1, priority: 0 })), complete: true, ttl: 5 }),
    }, listener, { clock, random: seededRandom(1), knobs: () => defaultServicePolicy.discovery }),
  });
  let keys: string[] = [];
  const watch = union([versionOf('v1'), versionOf('v2')]).watch({ resolved: ({ endpoints }) => void (keys = endpoints.map(endpointKey)), failed: () => undefined });
  await clock.advance(0);
  expect(keys).toEqual(['10.0.0.1:1', '10.0.0.1:2', '10.0.0.1:3']);
  now.v1 = [];
  now.v2 = [2, 3, 4];
  await clock.advance(9_000);
  expect(keys).toEqual(['10.0.0.1:1', '10.0.0.1:2', '10.0.0.1:3', '10.0.0.1:4']);
  expect(watch.state().state).toBe('unconfirmed-empty');
  await clock.advance(9_000);
  expect(keys).toEqual(['10.0.0.1:2', '10.0.0.1:3', '10.0.0.1:4']);
  watch.close();
  expect(clock.timers).toBe(0);
});
