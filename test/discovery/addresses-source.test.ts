import { describe, expect, it } from 'vitest';
import { AddressesSource } from '../../src/discovery/addresses-source.ts';

describe('endpoints that are listed by their addresses', () => {
  const listed = [{ host: '10.0.0.2', port: 80 }, { host: '[::1]', port: 81 }, { host: '10.0.0.2', port: 80 }, { host: 'fd00::1', port: 82 }];

  it('are given as they are, each once, and for ever', async () => {
    expect(await new AddressesSource(listed).resolve()).toEqual({
      endpoints: [{ host: '10.0.0.2', port: 80, weight: 1, priority: 0 }, { host: '::1', port: 81, weight: 1, priority: 0 }, { host: 'fd00::1', port: 82, weight: 1, priority: 0 }],
      complete: true,
      ttl: Infinity,
    });
  });

  it('are known by their list', () => {
    expect(new AddressesSource([{ host: '10.0.0.2', port: 80 }, { host: '10.0.0.3', port: 81 }]).description).toBe('endpoints 10.0.0.2:80, 10.0.0.3:81');
  });

  it('are all addresses, or there is something to look up', () => {
    expect([AddressesSource.takes(listed), AddressesSource.takes([...listed, { host: 'db-0', port: 80 }])]).toEqual([true, false]);
  });
});
