/**
 * What an onlooker makes of the traffic: for each service rate, success and percentiles of the last half minute; for `/metrics` counts and
 * histograms since it began to look. Its memory is bounded: so many services, and so many series of each metric (series.ts).
 */
import { isIP } from 'node:net';
import type { Attempt, Call, HttpVersion } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { MeshEventMap, MeshEventName } from '../core/events.ts';
import { LatencyWindow } from '../core/latency-window.ts';
import type { Onlooker } from '../core/onlooker.ts';
import type { OutcomeKind } from '../core/outcome-kind.ts';
import { OutcomeWindow } from '../core/outcome-window.ts';
import { Counters, Histograms, OTHER, type Histogram } from './series.ts';

const SECOND: Millis = 1000;
/** As long as LatencyWindow remembers. */
const WINDOW: Millis = 30 * SECOND;
/** More than the policy's services and the hosts outside of it that the client keeps. */
const SERVICES_AT_MOST = 2048;
/** What authorities mean is remembered; emptied when full, for they may come from outside. */
const AUTHORITIES_AT_MOST = 4096;

/** Of the last half minute, by what callers saw. */
export interface Traffic {
  /** Calls per second that ended. */
  readonly rate: number;
  /** Share of those calls that succeeded; undefined where there were none. Callers who left do not count. */
  readonly success: number | undefined;
  /** Undefined where there were none. */
  readonly p50: Millis | undefined;
  readonly p99: Millis | undefined;
}

const none: Traffic = { rate: 0, success: undefined, p50: undefined, p99: undefined };

interface Lately {
  readonly outcomes: OutcomeWindow;
  readonly latencies: LatencyWindow;
  /** In metrics. */
  readonly label: string;
  /** Whether its last call's policy wants metrics. */
  metrics: boolean;
  /** Where most of its calls are counted; nothing is looked up for the next one that is alike. */
  usual: { readonly route: string | undefined; readonly version: string | undefined; readonly series: Histogram } | undefined;
}

interface Server {
  readonly address: string;
  readonly port: string;
  usual: { readonly status: number | undefined; readonly method: string; readonly protocol: HttpVersion | undefined; readonly series: Histogram } | undefined;
}

type Happened = { [Name in MeshEventName]: { readonly name: Name; readonly event: MeshEventMap[Name] } }[MeshEventName];

export class TrafficRecord implements Onlooker {
  /** By the attributes of core/metrics.ts, in their order; '' where there is none. */
  readonly histograms = { 'http.client.request.duration': new Histograms(), 'inmesh.call.duration': new Histograms(), 'dns.lookup.duration': new Histograms() };
  readonly counters = {
    'inmesh.retries': new Counters(), 'inmesh.retries.suppressed': new Counters(), 'inmesh.hedges': new Counters(), 'inmesh.hedges.suppressed': new Counters(),
    'inmesh.calls.shed': new Counters(), 'inmesh.ejections': new Counters(), 'inmesh.faults': new Counters(),
  };
  /** Whoever wants to hear of events, too. */
  heard: ((name: MeshEventName, event: object) => void) | undefined;
  readonly #clock: Clock;
  readonly #since: Millis;
  readonly #services = new Map<string, Lately>();
  readonly #servers = { http: new Map<string, Server>(), https: new Map<string, Server>() };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  called({ service, route, version, startedAt, policy: { telemetry } }: Call, now: Millis, kind: OutcomeKind, status: number | undefined, error: unknown): void {
    const duration = now - startedAt;
    const lately = this.#lately(service);
    if (lately !== undefined) {
      if (kind !== 'cancelled') {
        lately.outcomes.record(kind !== 'success', now, WINDOW);
        lately.latencies.record(duration, now);
      }
      lately.metrics = telemetry.metrics;
    }
    if (!telemetry.metrics) return;
    const usual = lately?.usual;
    if (usual !== undefined && error === undefined && kind === 'success' && usual.route === route && usual.version === version) return usual.series.record(duration / SECOND);
    const failed = error === undefined && kind !== 'success' ? String(status) : thrown(error);
    const series = this.histograms['inmesh.call.duration'].of([lately?.label ?? OTHER, route ?? '', version ?? '', kind, failed]);
    if (lately !== undefined && kind === 'success') lately.usual = { route, version, series };
    series.record(duration / SECOND);
  }

  attempted({ startedAt, call: { request, policy } }: Attempt, now: Millis, _kind: OutcomeKind, status: number | undefined, error: unknown, protocol: HttpVersion | undefined): void {
    if (!policy.telemetry.metrics) return;
    const server = this.#server(request.scheme, request.authority);
    const duration = (now - startedAt) / SECOND;
    const { usual } = server;
    if (usual !== undefined && error === undefined && usual.status === status && usual.method === request.method && usual.protocol === protocol) return usual.series.record(duration);
    // As the conventions have it for clients, a 4xx is an error; and what the server said stands, also where its body broke off.
    const failed = status !== undefined && status >= 400 ? String(status) : thrown(error);
    const series = this.histograms['http.client.request.duration'].of([methodOf(request.method), server.address, server.port, status === undefined ? '' : String(status), protocol ?? '', failed]);
    if (failed === '' && error === undefined) server.usual = { status, method: request.method, protocol, series };
    series.record(duration);
  }

  lookedUp(name: string, duration: Millis, failure: string | undefined): void {
    this.histograms['dns.lookup.duration'].of([name, failure ?? '']).record(duration / SECOND);
  }

  readonly happened = <Name extends MeshEventName>(name: Name, event: MeshEventMap[Name]): void => {
    this.#count({ name, event } as Happened);
    this.heard?.(name, event);
  };

  /** Of the last half minute, or since somebody looks. */
  of(service: string): Traffic {
    const lately = this.#services.get(service);
    if (lately === undefined) return none;
    const now = this.#clock.now();
    const [good, bad] = [lately.outcomes.successes(now, WINDOW), lately.outcomes.failures(now, WINDOW)];
    if (good + bad === 0) return none;
    const seconds = Math.min(WINDOW, Math.max(SECOND, now - this.#since)) / SECOND;
    return { rate: (good + bad) / seconds, success: good / (good + bad), p50: lately.latencies.percentile(0.5, now), p99: lately.latencies.percentile(0.99, now) };
  }

  /** As a metric says it: an address is of use as long as a pod lives, and there are thousands. */
  label(service: string): string {
    return this.#services.get(service)?.label ?? labelOf(service);
  }

  #lately(service: string): Lately | undefined {
    let lately = this.#services.get(service);
    if (lately === undefined && this.#services.size < SERVICES_AT_MOST) {
      lately = { outcomes: new OutcomeWindow(), latencies: new LatencyWindow(), label: labelOf(service), metrics: true, usual: undefined };
      this.#services.set(service, lately);
    }
    return lately;
  }

  #server(scheme: 'http' | 'https', authority: string): Server {
    const servers = this.#servers[scheme];
    let server = servers.get(authority);
    if (server === undefined) {
      if (servers.size >= AUTHORITIES_AT_MOST) servers.clear();
      const [, address = authority, port] = /^(?:.*@)?(?:\[(?=.*\]))?([^\]]*?)\]?(?::(\d+))?$/.exec(authority) ?? [];
      server = { address: isIP(address) === 0 ? address : OTHER, port: port ?? (scheme === 'https' ? '443' : '80'), usual: undefined };
      servers.set(authority, server);
    }
    return server;
  }

  #count(happened: Happened): void {
    const { counters } = this;
    const { service } = happened.event as { readonly service?: string };
    if (service !== undefined && this.#services.get(service)?.metrics === false) return;
    switch (happened.name) {
      case 'retry.scheduled': return counters['inmesh.retries'].add([this.label(happened.event.service), would(happened.event)]);
      case 'retry.suppressed': return counters['inmesh.retries.suppressed'].add([this.label(happened.event.service), happened.event.reason, would(happened.event)]);
      case 'hedge.sent': return counters['inmesh.hedges'].add([this.label(happened.event.service), would(happened.event)]);
      case 'hedge.suppressed': return counters['inmesh.hedges.suppressed'].add([this.label(happened.event.service), happened.event.reason, would(happened.event)]);
      case 'call.shed': return counters['inmesh.calls.shed'].add([this.label(happened.event.service), happened.event.by, happened.event.criticality, would(happened.event)]);
      case 'endpoint.ejected': return counters['inmesh.ejections'].add([this.label(happened.event.service), happened.event.reason, would(happened.event)]);
      case 'fault.injected': return counters['inmesh.faults'].add([this.label(happened.event.service), happened.event.route]);
      default:
    }
  }
}

/** Said only of what did not happen so, because a mechanism is in `observe`. */
function would({ enforced }: { readonly enforced: boolean }): string {
  return enforced ? '' : 'false';
}

/** Few values: the codes of docs/errors.md in lower case. A caller who left is no error. */
function thrown(error: unknown): string {
  if (error === undefined) return '';
  if (!(error instanceof MeshError)) return OTHER;
  return error.outcome === 'cancelled' ? '' : error.code.toLowerCase();
}

const KNOWN_METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE']);

function methodOf(method: string): string {
  return KNOWN_METHODS.has(method) ? method : OTHER;
}

/** `host:port`, where the policy does not name it. */
function labelOf(service: string): string {
  const host = service.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? service : OTHER;
}
