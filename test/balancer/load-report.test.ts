import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadReport, loadReportOf, type LoadReport } from '../../src/balancer/load-report.ts';

const nothing = { at: 7, utilisation: undefined, requestRate: undefined, failureRate: undefined, inFlight: undefined, connections: undefined };

/** A message of protobuf, by hand: fields with doubles, and entries of maps. */
function message(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts);
}
function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = field * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}
function delimited(field: number, content: Buffer): Buffer {
  return message(Buffer.from([field * 8 + 2, content.length]), content);
}
const named = (field: number, name: string, value: number) => delimited(field, message(delimited(1, Buffer.from(name)), double(2, value)));

/** As grpc-js 1.14 writes it (PerRequestMetricRecorder), with metrics that mean nothing here between. */
const binary = 'CTMzMzMzM9M/EQAAAAAAAOA/Ig8KBGRpc2sRAAAAAAAACEAqEAoFcXVldWURmpmZmZmZyT8xAAAAAAAgXkA5AAAAAAAAAEBCDgoDcmlmEQAAAAAAABxAQhAKBWNvbm5zEQAAAAAAAChASeF6FK5H4do/';

describe('a load report', () => {
  const all = { at: 7, utilisation: 0.42, requestRate: 120.5, failureRate: 2, inFlight: 7, connections: 12 };

  it.each([
    ['text', 'TEXT application_utilization=0.42, rps_fractional=120.5, eps=2, named_metrics.rif=7, named_metrics.conns=12'],
    ['text with what means nothing here', 'TEXT cpu_utilization=0.3,mem_utilization=0.5,utilization.queue=0.2,named_metrics.other=1,eps=2,rps_fractional=120.5,application_utilization=0.42,named_metrics.conns=12,named_metrics.rif=7'],
    ['JSON', 'JSON {"cpu_utilization":0.3,"application_utilization":0.42,"rps_fractional":120.5,"eps":2,"named_metrics":{"rif":7,"conns":12,"other":1}}'],
    ['JSON as protobuf writes it', 'JSON {"cpuUtilization":0.3,"applicationUtilization":0.42,"rpsFractional":120.5,"eps":2,"namedMetrics":{"rif":7,"conns":"12"}}'],
    ['a protobuf', `BIN ${binary}`],
  ])('is read from %s', (_, header) => {
    expect(loadReport(header, 7)).toEqual(all);
  });

  it('takes the utilisation of the processors where the application says none of its own', () => {
    expect(loadReport('TEXT cpu_utilization=0.3', 7)?.utilisation).toBe(0.3);
    expect(loadReport('TEXT cpu_utilization=0.3, application_utilization=0', 7)?.utilisation).toBe(0.3);
    expect(loadReport('TEXT application_utilization=0', 7)?.utilisation).toBe(0);
  });

  it('is found in either header, and without one costs nothing but looking', () => {
    const reply = (headers: Readonly<Record<string, string>>) => ({ header: (name: string) => headers[name] });
    let asked = 0;
    const clock = { now: () => ((asked += 1), 7) };
    expect(loadReportOf(reply({ 'endpoint-load-metrics': 'TEXT named_metrics.conns=12' }), clock)?.connections).toBe(12);
    expect(loadReportOf(reply({ 'endpoint-load-metrics-bin': binary }), clock)).toEqual(all);
    asked = 0;
    expect(loadReportOf(reply({ 'content-type': 'text/plain' }), clock)).toBeUndefined();
    expect(asked).toBe(0);
  });

  it.each([
    ['TEXT named_metrics.conns=120', 120],
    ['TEXT named_metrics.conns=0,mem_utilization=0.1', 0],
    ['text  named_metrics.conns = 1.5', 1.5],
    ['JSON {"named_metrics":{"conns":12}}', 12],
    ['JSON {"named_metrics":{"conns":"12"}}', 12],
  ])('%s says how many connections there are', (header, count) => {
    expect(loadReport(header, 7)).toEqual({ ...nothing, connections: count });
  });

  it.each([
    'TEXT mem_utilization=0.3', 'TEXT named_metrics.conns=', 'TEXT named_metrics.conns=many', 'TEXT named_metrics.conns=-1', 'TEXT named_metrics.conns=Infinity',
    'TEXT named_metrics.conns=1e300', 'TEXT cpu_utilization=-0.1', 'TEXT cpu_utilization=NaN', 'TEXT cpu_utilization=4200', 'TEXT rps_fractional=1e9', 'TEXT =3', 'TEXT ',
    'JSON {}', 'JSON null', 'JSON 3', 'JSON {"named_metrics":[12]}', 'JSON {"named_metrics":{"conns":null}}', 'JSON {"named_metrics":{"conns":[3]}}', 'JSON {"named_metrics":"conns=3"}',
    `BIN ${message(double(1, NaN), double(6, -1), named(8, 'conns', Infinity)).toString('base64')}`,
  ])('%s says nothing that is of use', (header) => {
    expect(loadReport(header, 7)).toEqual(nothing);
  });

  it.each([
    '', 'BIN AAAA', `BIN ${double(1, 0.5).subarray(0, 5).toString('base64')}`, `BIN ${Buffer.from([8 * 8 + 2, 200, 1]).toString('base64')}`, `BIN ${Buffer.from([3]).toString('base64')}`,
    `BIN ${Buffer.alloc(30, 0xff).toString('base64')}`, 'JSON {', 'named_metrics.conns=3', `TEXT named_metrics.conns=3,${'x'.repeat(3_000)}=1`,
  ])('%j is none', (header) => {
    expect(loadReport(header, 7)).toBeUndefined();
  });

  const sane = (report: LoadReport | undefined) => {
    const { at: _, ...metrics } = report ?? { at: 0 };
    for (const value of Object.values(metrics)) if (value !== undefined) expect(Number.isFinite(value) && value >= 0 && value <= 1e7).toBe(true);
  };

  it('never throws, and never says anything but numbers that can be', () => {
    const name = fc.constantFrom('cpu_utilization', 'application_utilization', 'rps_fractional', 'eps', 'named_metrics.rif', 'named_metrics.conns', 'x');
    const pairs = fc.array(fc.tuple(name, fc.oneof(fc.string(), fc.double().map(String))).map((pair) => pair.join('='))).map((all) => all.join(','));
    fc.assert(fc.property(fc.constantFrom('TEXT ', 'JSON ', 'BIN ', ''), fc.oneof(fc.string(), fc.json(), pairs, fc.base64String()), (form, text) => sane(loadReport(form + text, 7))));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => sane(loadReport(`BIN ${Buffer.from(bytes).toString('base64')}`, 7))));
  });

  it('that is cut off anywhere, or has any byte changed, is still read without throwing', () => {
    const bytes = Buffer.from(binary, 'base64');
    fc.assert(fc.property(fc.nat(bytes.length), fc.nat(bytes.length - 1), fc.nat(255), (length, place, value) => {
      const changed = Buffer.from(bytes);
      changed[place] = value;
      sane(loadReport(`BIN ${changed.subarray(0, length).toString('base64')}`, 7));
    }));
  });
});
