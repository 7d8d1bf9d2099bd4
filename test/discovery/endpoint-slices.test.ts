import fc from 'fast-check';
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { endpointKey } from '../../src/core/endpoint.ts';
import { EndpointSlices } from '../../src/discovery/endpoint-slices.ts';
import { LineReader } from '../../src/discovery/lines.ts';

interface Pod { ip: string; ready?: boolean | null; serving?: boolean; terminating?: boolean; zone?: string; forZones?: readonly unknown[] }

function slice(name: string, pods: readonly Pod[], more: object = {}): object {
  return {
    metadata: { name }, addressType: 'IPv4', ports: [{ name: 'http', port: 9080, protocol: 'TCP' }, { name: 'admin', port: 9081 }],
    endpoints: pods.map(({ ip, zone, forZones, ...conditions }) => ({ addresses: [ip], conditions, zone, hints: forZones && { forZones: forZones.map((name) => ({ name })) } })), ...more,
  };
}

function keys(objects: readonly unknown[], port: string | number = 'http', family: 4 | 6 = 4, zone?: string): string[] {
  const slices = new EndpointSlices();
  slices.replace(objects);
  return slices.endpoints(port, family, zone).map(endpointKey).sort();
}

describe('the endpoints of a service', () => {
  it('are those of all its slices', () => {
    expect(keys([slice('a', [{ ip: '10.0.0.1' }]), slice('b', [{ ip: '10.0.0.2' }])])).toEqual(['10.0.0.1:9080', '10.0.0.2:9080']);
    const slices = new EndpointSlices();
    slices.replace([slice('a', [{ ip: '10.0.0.1' }]), slice('b', [{ ip: '10.0.0.2' }])]);
    slices.put(slice('b', [{ ip: '10.0.0.3' }]));
    slices.remove(slice('a', []));
    expect(slices.endpoints('http', 4).map(endpointKey)).toEqual(['10.0.0.3:9080']);
    slices.replace([]);
    expect(slices.endpoints('http', 4)).toEqual([]);
  });

  it('have the numbers of their pods, where these have some', () => {
    const named = (addresses: string, hostname: string | null, pod: string) => ({ addresses: [addresses], hostname, targetRef: { kind: 'Pod', name: pod } });
    const slices = new EndpointSlices();
    slices.replace([{ ...slice('a', []), endpoints: [named('10.0.0.1', 'db-4', 'x'), named('10.0.0.2', null, 'db-5'), named('10.0.0.3', null, 'db-7d9c6b5f4-x2x9z')] }]);
    expect(slices.endpoints('http', 4).map(({ ordinal }) => ordinal)).toEqual([4, 5, undefined]);
  });

  it('are those of one port, by name or by number', () => {
    const one = [slice('a', [{ ip: '10.0.0.1' }])];
    expect(keys(one, 'admin')).toEqual(['10.0.0.1:9081']);
    expect(keys(one, 9081)).toEqual(['10.0.0.1:9081']);
    expect(keys(one, 'none')).toEqual([]);
    expect(keys([slice('a', [{ ip: '10.0.0.1' }], { ports: [{ name: null, port: 80 }, { name: 'x', port: null }] })], 80)).toEqual(['10.0.0.1:80']);
  });

  it('are ready, where nobody says otherwise; those that end and still serve only where none is', () => {
    const pods: Pod[] = [{ ip: '10.0.0.1' }, { ip: '10.0.0.2', ready: null }, { ip: '10.0.0.3', ready: false, serving: true, terminating: true }, { ip: '10.0.0.4', ready: false }];
    expect(keys([slice('a', pods)])).toEqual(['10.0.0.1:9080', '10.0.0.2:9080']);
    expect(keys([slice('a', pods.slice(2))])).toEqual(['10.0.0.3:9080']);
    expect(keys([slice('a', pods.slice(3))])).toEqual([]);
  });

  it('count once where a pod is in two slices, as ready', () => {
    expect(keys([slice('a', [{ ip: '10.0.0.1', ready: false }]), slice('b', [{ ip: '10.0.0.1', ready: true }])])).toEqual(['10.0.0.1:9080']);
  });

  it('are of one family', () => {
    const both = [slice('a', [{ ip: '10.0.0.1' }]), slice('b', [{ ip: '2001:db8::1' }], { addressType: 'IPv6' }), slice('c', [{ ip: 'host.test' }], { addressType: 'FQDN' })];
    expect(keys(both, 'http', 4)).toEqual(['10.0.0.1:9080']);
    expect(keys(both, 'http', 6)).toEqual(['[2001:db8::1]:9080']);
    expect(keys(both.slice(1), 'http', 4)).toEqual(['[2001:db8::1]:9080']);
  });

  it('are those for this zone, where the zone is known, all say which they are for and one is for this one', () => {
    const pods: Pod[] = [{ ip: '10.0.0.1', zone: 'a', forZones: ['a'] }, { ip: '10.0.0.2', zone: 'b', forZones: ['b'] }, { ip: '10.0.0.3', zone: 'b', forZones: ['b', 'a'] }];
    const all = ['10.0.0.1:9080', '10.0.0.2:9080', '10.0.0.3:9080'];
    const inZone = (zone: string | undefined, more: readonly Pod[] = []): string[] => keys([slice('1', pods.slice(0, 1)), slice('2', [...pods.slice(1), ...more])], 'http', 4, zone);
    expect(inZone('a')).toEqual(['10.0.0.1:9080', '10.0.0.3:9080']);
    expect(inZone('b')).toEqual(['10.0.0.2:9080', '10.0.0.3:9080']);
    expect(inZone(undefined)).toEqual(all);
    expect(inZone('c')).toEqual(all);
    for (const none of [undefined, [], [''], [7, null]]) {
      expect(inZone('a', [{ ip: '10.0.0.4', zone: 'a', ...(none && { forZones: none }) }])).toEqual([...all, '10.0.0.4:9080']);
    }
    // Of those that are not used nobody asks for hints.
    expect(inZone('a', [{ ip: '10.0.0.4', ready: false }, { ip: '10.0.0.5', ready: false, serving: true, terminating: true }])).toEqual(['10.0.0.1:9080', '10.0.0.3:9080']);
    const ending = pods.map((pod) => ({ ...pod, ready: false, serving: true, terminating: true }));
    expect(keys([slice('1', ending)], 'http', 4, 'a')).toEqual(['10.0.0.1:9080', '10.0.0.3:9080']);
  });

  it('say which pod they are', () => {
    const slices = new EndpointSlices();
    slices.replace([slice('a', [], { endpoints: [{ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', uid: 'pod-1' } }, { addresses: ['10.0.0.2'], targetRef: { uid: 7 } }, { addresses: ['10.0.0.3'] }] })]);
    expect(slices.endpoints('http', 4).map(({ generation }) => generation)).toEqual(['pod-1', undefined, undefined]);
  });

  it('say in which zone they are', () => {
    const slices = new EndpointSlices();
    slices.replace([slice('a', [{ ip: '10.0.0.1', zone: 'a' }, { ip: '10.0.0.2' }, { ip: '10.0.0.3', zone: '' }])]);
    expect(slices.endpoints('http', 4).map(({ zone }) => zone)).toEqual(['a', undefined, undefined]);
  });

  it('are addresses, whatever the server sends', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.jsonValue(), fc.record({
      metadata: fc.record({ name: fc.string() }), addressType: fc.constantFrom('IPv4', 'IPv6', 7), ports: fc.jsonValue(),
      endpoints: fc.array(fc.oneof(fc.jsonValue(), fc.record({ addresses: fc.oneof(fc.jsonValue(), fc.array(fc.ipV4())), conditions: fc.jsonValue(), zone: fc.jsonValue(), hints: fc.oneof(fc.jsonValue(), fc.record({ forZones: fc.jsonValue() })) }))),
    }))), (objects) => {
      const slices = new EndpointSlices();
      slices.replace(objects);
      for (const endpoint of slices.endpoints('http', 4, 'a')) expect(isIP(endpoint.host)).not.toBe(0);
    }), { seed: 2 });
  });
});

describe('lines', () => {
  it('are whole, however the bytes are cut', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n'))), fc.integer({ min: 1, max: 7 }), (lines, size) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const reader = new LineReader();
      const read: string[] = [];
      for (let at = 0; at < bytes.length; at += size) read.push(...reader.push(bytes.subarray(at, at + size)));
      expect(read).toEqual(lines.map((line) => Buffer.from(line).toString()));
    }), { seed: 4 });
  });

  it('have an end', () => {
    const reader = new LineReader();
    reader.push(Buffer.alloc(4 * 1024 * 1024));
    expect(() => reader.push(Buffer.alloc(1))).toThrow(/a line of more than/);
  });
});
