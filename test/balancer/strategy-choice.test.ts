import { describe, expect, it } from 'vitest';
import type { PeerView } from '../../src/core/peers.ts';
import { defaultServicePolicy, type SubsetKnobs } from '../../src/core/policy.ts';
import { Directory } from '../../src/balancer/directory.ts';
import { nowhere, positionOf } from '../../src/balancer/position.ts';
import { choiceOf, strategyName } from '../../src/balancer/strategy-choice.ts';
import { endpointAt } from './small-cluster.ts';

const knobs = defaultServicePolicy.subset;
const self = { service: 'shop', instance: 'shop-3' };
const pod = { service: 'shop', instance: 'shop-7d9c6b5f4-x2x9z' };
const peers: PeerView = { kind: 'known', own: '10.1.0.7', all: ['10.1.0.7', '10.1.0.8'] };

function entries(ordinals: readonly (number | undefined)[]) {
  const directory = new Directory('a');
  directory.learn({ endpoints: ordinals.map((ordinal, number) => endpointAt(number, ordinal === undefined ? {} : { ordinal })), complete: true, source: 'a test' });
  return directory.groups[0]!;
}

const numbered = entries([0, 1, 2, 3]);
const choice = (some: Partial<SubsetKnobs>, found = numbered, who = self, peers?: PeerView) => choiceOf({ ...knobs, ...some }, positionOf({ ...knobs, ...some }, who, peers), found);
const strategy = (...given: Parameters<typeof choice>) => strategyName(choice(...given));
const why = (...given: Parameters<typeof choice>) => choice(...given).why;

describe('the strategy of a subset', () => {
  it('is deterministic where both sides are numbered, unless something else is asked for', () => {
    expect(strategy({})).toBe('deterministic');
    expect(strategy({ strategy: 'deterministic' })).toBe('deterministic');
    expect(strategy({ strategy: 'rendezvous' })).toBe('rendezvous');
    expect(strategy({ strategy: 'off' })).toBe('off');
    expect(strategyName(choiceOf('off', nowhere, numbered))).toBe('off');
  });

  it('is load-aware, which is rendezvous until somebody reports connections, where one side is not numbered, and says which', () => {
    expect(why({}, entries([0, 1, undefined]))).toBe('the endpoints are not numbered, and nobody said how many replicas there are');
    expect(why({ strategy: 'deterministic' }, numbered, pod)).toBe('the instance name shop-7d9c6b5f4-x2x9z has no ordinal and subset.peers is off');
    expect(why({ ordinal: 'off' })).toBe('subset.ordinal is off and subset.peers is off');
    expect(why({ strategy: 'rendezvous' })).toBe('as the policy says');
  });

  it('takes no numbers for such that two endpoints share, or that are mostly missing', () => {
    expect(strategy({}, entries([0, 1, 1]))).toBe('load-aware');
    expect(strategy({}, entries([0, 1, 900]))).toBe('load-aware');
    expect(strategy({}, entries([0, 2, 4, 6]))).toBe('deterministic');
  });

  it('takes the ordinal that the policy gives before that of the name', () => {
    expect(choice({ ordinal: { index: 8, of: 10 } })).toMatchObject({ kind: 'lots', index: 8, set: 'shop' });
    expect(choice({}, numbered, { service: 'shop', instance: 'shop-v2-5' })).toMatchObject({ kind: 'lots', index: 5, set: 'shop-v2' });
  });

  it('is deterministic without numbers of endpoints where the peers are known, by name or by number', () => {
    const unnumbered = entries([undefined, undefined]);
    expect(choice({}, unnumbered, pod, peers)).toMatchObject({ kind: 'peer-share', own: '10.1.0.7', peers: peers.all });
    expect(choice({}, unnumbered, self, peers)).toMatchObject({ kind: 'peer-share', own: '10.1.0.7' });
    expect(choice({ ordinal: { index: 1, of: 3 } }, unnumbered, pod, peers)).toMatchObject({ kind: 'peer-share', own: 'shop-1', peers: ['shop-0', 'shop-1', 'shop-2'] });
    expect(choice({ ordinal: { index: 1 } }, unnumbered)).toMatchObject({ kind: 'load-aware' });
    expect(strategy({ strategy: 'load-aware' }, unnumbered, pod, peers)).toBe('load-aware');
    expect(strategy({ strategy: 'deterministic' }, unnumbered, pod, peers)).toBe('deterministic');
    expect(why({}, unnumbered, pod, { kind: 'unknown', why: 'nobody is there' })).toBe('the instance name shop-7d9c6b5f4-x2x9z has no ordinal and nobody is there');
  });

  it('needs no peers where both sides are numbered', () => {
    expect(choice({}, numbered, self, peers)).toMatchObject({ kind: 'lots' });
    expect(choice({}, numbered, pod, peers)).toMatchObject({ kind: 'peer-share' });
  });
});
