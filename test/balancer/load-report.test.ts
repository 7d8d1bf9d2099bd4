import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadReport } from '../../src/balancer/load-report.ts';

const connections = (header: string) => loadReport(header, 7)?.connections;

describe('a load report', () => {
  it.each([
    ['TEXT named_metrics.conns=120', 120],
    ['TEXT cpu_utilization=0.3, named_metrics.conns=0,mem_utilization=0.1', 0],
    ['text  named_metrics.conns = 1.5', 1.5],
    ['JSON {"cpu_utilization":0.3,"named_metrics":{"conns":12}}', 12],
    ['JSON {"named_metrics":{"conns":"12"}}', 12],
  ])('%s says how many connections there are', (header, count) => {
    expect(loadReport(header, 7)).toEqual({ at: 7, connections: count });
  });

  it.each([
    'TEXT cpu_utilization=0.3', 'TEXT named_metrics.conns=', 'TEXT named_metrics.conns=many', 'TEXT named_metrics.conns=-1', 'TEXT named_metrics.conns=Infinity', 'TEXT ',
    'JSON {}', 'JSON null', 'JSON {"named_metrics":[12]}', 'JSON {"named_metrics":{"conns":null}}', 'JSON {"named_metrics":{"conns":[3]}}',
  ])('%s says nothing of connections', (header) => {
    expect(loadReport(header, 7)).toEqual({ at: 7, connections: undefined });
  });

  it.each(['', 'BIN AAAA', 'JSON {', 'named_metrics.conns=3', `TEXT named_metrics.conns=3,${'x'.repeat(3_000)}=1`])('%j is none', (header) => {
    expect(loadReport(header, 7)).toBeUndefined();
  });

  it('never throws, and never is anything but a count', () => {
    fc.assert(
      fc.property(fc.constantFrom('TEXT ', 'JSON ', ''), fc.oneof(fc.string(), fc.json(), fc.string().map((text) => `named_metrics.conns=${text}`)), (form, text) => {
        const count = connections(form + text);
        if (count !== undefined) expect(Number.isFinite(count) && count >= 0).toBe(true);
      }),
    );
  });
});
