import { describe, expect, it } from 'vitest';
import { metricsPage, wantsOpenMetrics } from '../../src/admin/metrics-page.ts';
import { SeriesMap } from '../../src/admin/series.ts';
import { TrafficRecord } from '../../src/admin/traffic.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { Attempt, Call, HttpVersion } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import type { OutcomeKind } from '../../src/core/outcome-kind.ts';
import { fakeAttempt, fakeCall } from '../support/fake-call.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { observedMesh, observedService } from './observed.ts';

interface Ended {
  readonly kind: OutcomeKind;
  readonly status: number | undefined;
  readonly error: unknown;
  readonly protocol?: HttpVersion;
}

const good: Ended = { kind: 'success', status: 200, error: undefined };
const bad: Ended = { kind: 'failure', status: 503, error: undefined };

function called(traffic: TrafficRecord, call: Call, duration: Millis, { kind, status, error }: Ended, now = 0): void {
  traffic.called({ ...call, startedAt: now - duration }, now, kind, status, error);
}

function attempted(traffic: TrafficRecord, attempt: Attempt, duration: Millis, { kind, status, error, protocol }: Ended): void {
  traffic.attempted({ ...attempt, startedAt: -duration }, 0, kind, status, error, protocol);
}

function page(traffic: TrafficRecord, open = false, mesh = observedMesh()): string[] {
  return metricsPage(mesh, traffic, open).split('\n');
}

describe('what is measured of traffic', () => {
  it('is of the last half minute', async () => {
    const clock = new VirtualClock(0);
    const traffic = new TrafficRecord(clock);
    for (let second = 0; second < 60; second += 1) {
      for (let count = 0; count < 10; count += 1) called(traffic, fakeCall(), count === 9 ? 500 : 20, second < 29 || count > 0 ? good : bad, clock.now());
      await clock.advance(1000);
    }
    const { rate, success, p50, p99 } = traffic.of('reviews');
    expect(rate).toBeGreaterThan(8.9);
    expect(rate).toBeLessThan(10.1);
    expect(success).toBeCloseTo(0.9, 2);
    expect(p50! / 20).toBeCloseTo(1, 1);
    expect(p99! / 500).toBeCloseTo(1, 1);
    await clock.advance(60_000);
    expect(traffic.of('reviews')).toEqual({ rate: 0, success: undefined, p50: undefined, p99: undefined });
  });

  it('is a rate from the first second on, not one over half a minute that has not been', async () => {
    const clock = new VirtualClock(0);
    const traffic = new TrafficRecord(clock);
    for (let count = 0; count < 20; count += 1) called(traffic, fakeCall(), 5, good);
    await clock.advance(2000);
    expect(traffic.of('reviews').rate).toBe(10);
  });

  it('leaves out callers who left: they say nothing about the service', () => {
    const traffic = new TrafficRecord(new VirtualClock(0));
    called(traffic, fakeCall(), 5, good);
    called(traffic, fakeCall(), 5, { kind: 'cancelled', status: undefined, error: new MeshError('CANCELLED', 'gone') });
    expect(traffic.of('reviews').success).toBe(1);
  });

  it('takes a bounded memory, however many hosts are called', () => {
    const traffic = new TrafficRecord(new VirtualClock(0));
    for (let host = 0; host < 5000; host += 1) attempted(traffic, fakeAttempt(fakeCall({ request: { authority: `host-${host}` } })), 5, good);
    const lines = page(traffic).filter((line) => line.startsWith('http_client_request_duration_seconds_count'));
    expect(lines).toHaveLength(1001);
    expect(lines.at(-1)).toBe('http_client_request_duration_seconds_count{http_request_method="_OTHER",server_address="_OTHER",server_port="_OTHER",http_response_status_code="_OTHER",network_protocol_version="_OTHER",error_type="_OTHER"} 4000');
  });

  it('tells the versions of HTTP apart', () => {
    const traffic = new TrafficRecord(new VirtualClock(0));
    for (const protocol of ['1.1', '2', '2', '1.1', '2'] as const) attempted(traffic, fakeAttempt(), 5, { ...good, protocol });
    expect(page(traffic).filter((line) => line.startsWith('http_client_request_duration_seconds_count')).map((line) => /protocol_version="([^"]*)".* (\d+)$/.exec(line)?.slice(1))).toEqual([['1.1', '2'], ['2', '3']]);
  });

  it('never tells pods apart in a metric', () => {
    const traffic = new TrafficRecord(new VirtualClock(0));
    for (let pod = 0; pod < 50; pod += 1) attempted(traffic, fakeAttempt(fakeCall({ request: { authority: `10.0.0.${pod}:9080` } })), 5, good);
    expect(page(traffic).filter((line) => line.startsWith('http_client_request_duration_seconds_count'))).toHaveLength(1);
  });
});

describe('a series', () => {
  it('is found again by its labels', () => {
    const map = new SeriesMap(() => ({ value: 0 }));
    map.of(['a', 'b']).value += 1;
    map.of(['a', 'b']).value += 1;
    map.of(['a', '']).value += 1;
    map.of(['', 'a']).value += 1;
    expect(map.all.map(({ labels, series }) => [labels.join(), series.value])).toEqual([['a,b', 2], ['a,', 1], [',a', 1]]);
  });
});

describe('/metrics', () => {
  it('has histograms that add up', () => {
    const traffic = new TrafficRecord(new VirtualClock(0));
    for (const duration of [4, 5, 6, 80, 20_000]) called(traffic, fakeCall(), duration, good);
    const lines = page(traffic);
    const labels = 'inmesh_service="reviews",inmesh_outcome="success"';
    expect(lines).toContain('# TYPE inmesh_call_duration_seconds histogram');
    expect(lines).toContain(`inmesh_call_duration_seconds_bucket{${labels},le="0.005"} 2`);
    expect(lines).toContain(`inmesh_call_duration_seconds_bucket{${labels},le="0.1"} 4`);
    expect(lines).toContain(`inmesh_call_duration_seconds_bucket{${labels},le="10"} 4`);
    expect(lines).toContain(`inmesh_call_duration_seconds_bucket{${labels},le="+Inf"} 5`);
    expect(lines).toContain(`inmesh_call_duration_seconds_count{${labels}} 5`);
    expect(lines.find((line) => line.startsWith('inmesh_call_duration_seconds_sum'))).toMatch(/ 20\.09\d*$/);
  });

  it('says what failed and why, calls apart from attempts', () => {
    const traffic = new TrafficRecord(new VirtualClock(0));
    const call = fakeCall({ request: { authority: 'reviews:9080' } });
    attempted(traffic, fakeAttempt(call), 5, bad);
    attempted(traffic, fakeAttempt(call), 5, { kind: 'success', status: 404, error: undefined });
    attempted(traffic, fakeAttempt(call), 5, { kind: 'failure', status: undefined, error: new MeshError('CONNECT_FAILED', 'refused') });
    called(traffic, call, 10, { kind: 'local', status: undefined, error: new MeshError('CIRCUIT_OPEN', 'open') });
    const counts = page(traffic).filter((line) => line.includes('_seconds_count'));
    expect(counts).toEqual([
      'http_client_request_duration_seconds_count{http_request_method="GET",server_address="reviews",server_port="9080",http_response_status_code="503",error_type="503"} 1',
      'http_client_request_duration_seconds_count{http_request_method="GET",server_address="reviews",server_port="9080",http_response_status_code="404",error_type="404"} 1',
      'http_client_request_duration_seconds_count{http_request_method="GET",server_address="reviews",server_port="9080",error_type="connect_failed"} 1',
      'inmesh_call_duration_seconds_count{inmesh_service="reviews",inmesh_outcome="local",error_type="circuit_open"} 1',
    ]);
  });

  it('counts events, those that only would have been by a label', () => {
    const traffic = new TrafficRecord(new VirtualClock(0));
    const ejected = { service: 'reviews', endpoint: '10.0.0.1:80', reason: 'outlier', duration: 1000, ejections: 1, successRate: 0, fleetSuccessRate: 1 } as const;
    traffic.happened('endpoint.ejected', { ...ejected, enforced: true });
    traffic.happened('endpoint.ejected', { ...ejected, enforced: true });
    traffic.happened('endpoint.ejected', { ...ejected, enforced: false });
    traffic.happened('retry.suppressed', { service: 'reviews', attempt: 2, reason: 'budget', because: 503, enforced: true });
    const lines = page(traffic);
    expect(lines).toContain('inmesh_ejections_total{inmesh_service="reviews",inmesh_reason="outlier"} 2');
    expect(lines).toContain('inmesh_ejections_total{inmesh_service="reviews",inmesh_reason="outlier",inmesh_enforced="false"} 1');
    expect(lines).toContain('inmesh_retries_suppressed_total{inmesh_service="reviews",inmesh_reason="budget"} 1');
  });

  it('escapes what names may hold, and is one line each', () => {
    const hostile = 'evil"} 1\nup{a="\\';
    const traffic = new TrafficRecord(new VirtualClock(0));
    called(traffic, fakeCall({ request: { authority: 'x' } }), 5, good);
    const lines = page(traffic, false, observedMesh({ services: [observedService(hostile)] }));
    expect(lines).toContain('inmesh_retry_budget{inmesh_service="evil\\"} 1\\nup{a=\\"\\\\"} 10');
    for (const line of lines) expect(line).toMatch(/^$|^# (HELP|TYPE) |^[a-z_]+(\{.*\})? [-+.\de]+$/i);
  });

  it('is OpenMetrics where that is asked for before plain text, as Prometheus does', () => {
    expect(wantsOpenMetrics('application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2')).toBe(true);
    expect(wantsOpenMetrics('text/plain;version=0.0.4')).toBe(false);
    expect(wantsOpenMetrics(undefined)).toBe(false);
    const traffic = new TrafficRecord(new VirtualClock(0));
    traffic.happened('hedge.sent', { service: 'reviews', attempt: 2, after: 20, enforced: true });
    const lines = page(traffic, true);
    expect(lines).toContain('# TYPE inmesh_hedges counter');
    expect(lines).toContain('inmesh_hedges_total{inmesh_service="reviews"} 1');
    expect(lines.at(-2)).toBe('# EOF');
  });
});
