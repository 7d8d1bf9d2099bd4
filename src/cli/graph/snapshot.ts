/**
 * What a process says of itself (`/snapshot.json`), as far as it is read here. It comes over the network, from another version or from somebody
 * who only says that he is one: what is not of the expected kind is left out, and what is left is bounded.
 */
import { SNAPSHOT_FORMAT } from '../../core/snapshot-format.ts';

export interface ProcessSnapshot {
  readonly service: string;
  readonly instance: string;
  readonly policyValid: boolean;
  readonly policyGeneration: number;
  readonly services: readonly CalledService[];
}

export interface CalledService {
  readonly name: string;
  /** Calls per second. */
  readonly rate: number;
  /** Undefined where there were no calls. */
  readonly success: number | undefined;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly inFlight: number;
  readonly circuit: 'closed' | 'half-open' | 'open';
  /** Of those that the process talks to. */
  readonly endpoints: number;
  readonly out: readonly OutOfUse[];
}

/** An endpoint that gets no traffic. */
export interface OutOfUse {
  readonly endpoint: string;
  readonly state: string;
  readonly why: string;
}

const SERVICES_AT_MOST = 5_000;
const ENDPOINTS_AT_MOST = 100_000;
const LONGEST_NAME = 300;

/** Throws an Error that says what is wrong. */
export function readSnapshot(text: string): ProcessSnapshot {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error('what it answers is no JSON');
  }
  const file = mapping(data);
  if (file['format'] !== SNAPSHOT_FORMAT) throw new Error(`what it answers is no snapshot of this form (found: ${JSON.stringify(file['format'] ?? null).slice(0, 60)}, expected: "${SNAPSHOT_FORMAT}")`);
  const policy = mapping(file['policy']);
  return {
    service: name(file['service']), instance: name(file['instance']),
    policyValid: policy['valid'] !== false, policyGeneration: number(policy['generation']) ?? 0,
    services: list(file['services']).slice(0, SERVICES_AT_MOST).map(serviceOf),
  };
}

function serviceOf(data: unknown): CalledService {
  const service = mapping(data);
  const traffic = mapping(service['traffic']);
  const groups = [service, ...list(service['versions']).slice(0, 100).map(mapping)];
  const endpoints = groups.flatMap((group) => list(group['endpoints'])).slice(0, ENDPOINTS_AT_MOST).map(mapping);
  const circuits = groups.map((group) => mapping(group['circuit'])['state']);
  return {
    name: name(service['name']), rate: number(traffic['rate']) ?? 0, success: number(traffic['success']), p50: number(traffic['p50']), p99: number(traffic['p99']),
    inFlight: number(mapping(service['calls'])['inFlight']) ?? 0,
    circuit: circuits.includes('open') ? 'open' : circuits.includes('half-open') ? 'half-open' : 'closed',
    endpoints: endpoints.length,
    out: endpoints.flatMap((endpoint) => {
      const [state, health] = [endpoint['state'], mapping(endpoint['health'])];
      const unhealthy = health['state'] === 'unhealthy';
      if (state !== 'ejected' && state !== 'trial' && !unhealthy) return [];
      const why = mapping(endpoint['ejection'])['why'] ?? health['why'];
      return [{ endpoint: name(endpoint['endpoint']), state: state === 'ejected' || state === 'trial' ? state : 'unhealthy', why: typeof why === 'string' ? why.slice(0, LONGEST_NAME) : '' }];
    }),
  };
}

function mapping(data: unknown): Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as Record<string, unknown>) : {};
}

function list(data: unknown): readonly unknown[] {
  return Array.isArray(data) ? data : [];
}

function number(data: unknown): number | undefined {
  return typeof data === 'number' && Number.isFinite(data) ? data : undefined;
}

function name(data: unknown): string {
  return typeof data === 'string' && data !== '' ? data.slice(0, LONGEST_NAME) : '?';
}
