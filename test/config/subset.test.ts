import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { accepted, refusals } from './refusal.ts';

const inDefaults = (subset: string) => `version: 1\ndefaults:\n  subset:\n    ${subset}\n`;
const ordinalOf = (text: string, env: NodeJS.ProcessEnv = {}) => {
  const { subset } = accepted(text, env).defaults;
  return subset === 'off' ? 'no subset' : subset.ordinal;
};

describe('subset.peers', () => {
  it('is a name in DNS, or off', () => {
    const peersOf = (text: string) => accepted(text).defaults.subset;
    expect(peersOf(inDefaults('peers: _http._tcp.shop-peers.default.svc.cluster.local'))).toMatchObject({ peers: '_http._tcp.shop-peers.default.svc.cluster.local' });
    expect(peersOf(inDefaults('peers: off'))).toMatchObject({ peers: 'off' });
    expect(refusals(inDefaults('peers: "shop peers"'))).toEqual([
      'policy.yaml:4:12 defaults.subset.peers: "shop peers" (expected: off, or DNS name, such as shop.default.svc.cluster.local)',
    ]);
  });
});

describe('subset.ordinal', () => {
  it('is read from the environment, as each replica has another', () => {
    expect(ordinalOf(inDefaults('ordinal:\n      index: ${POD_INDEX}\n      of: ${REPLICAS:-10}'), { POD_INDEX: '3' })).toEqual({ index: 3, of: 10 });
    expect(ordinalOf(inDefaults('ordinal: { index: 0 }'))).toEqual({ index: 0 });
    expect(ordinalOf(inDefaults('ordinal: off'))).toBe('off');
    expect(ordinalOf(inDefaults('size: 5'))).toBe('auto');
  });

  it('leaves the rest of the subset as it is', () => {
    expect(accepted(inDefaults('ordinal: { index: 2 }')).defaults.subset).toEqual({ ...defaultServicePolicy.subset, ordinal: { index: 2 } });
    const { services } = accepted('version: 1\ndefaults: { subset: { ordinal: { index: 2, of: 9 } } }\nservices: { a: { subset: { ordinal: { index: 4 } } } }');
    expect(services.get('a')!.policy.subset).toMatchObject({ ordinal: { index: 4, of: 9 } });
  });

  it.each([
    ['ordinal: shop-3', 'policy.yaml:4:14 defaults.subset.ordinal: "shop-3" (expected: auto, off, or a mapping of index, of)'],
    ['ordinal: { of: 3 }', 'policy.yaml:4:5 defaults.subset.ordinal.index: missing (expected: integer 0–9999)'],
    ['ordinal: { index: -1 }', 'policy.yaml:4:23 defaults.subset.ordinal.index: -1 (expected: integer 0–9999)'],
    ['ordinal: { index: 3, of: 3 }', 'policy.yaml:4:23 defaults.subset.ordinal.index: 3 (expected: less than of, 3: the first is number 0)'],
  ])('%s is refused', (subset, refusal) => {
    expect(refusals(inDefaults(subset))).toEqual([refusal]);
  });

  it('is judged with what a service inherits', () => {
    expect(refusals('version: 1\ndefaults: { subset: { ordinal: { index: 2, of: 4 } } }\nservices: { a: { subset: { ordinal: { index: 4 } } } }')).toEqual([
      'policy.yaml:3:46 services.a.subset.ordinal.index: 4 (expected: less than of, 4: the first is number 0)',
    ]);
  });
});

it('the examples for operators are policies', () => {
  const page = readFileSync(new URL('../../docs/subsetting.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map((match) => match[1]!);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) accepted(`version: 1\n${example}`, { REPLICA_INDEX: '3' });
});
