/** A mesh as the admin pages see it, with one service of a few endpoints. */
import type { ObservedEndpoint, ObservedMesh, ObservedService } from '../../src/admin/port.ts';

export interface Parts {
  readonly states?: readonly ObservedEndpoint['state'][];
  readonly source?: string;
  readonly services?: readonly ObservedService[];
}

export function observedMesh({ services, ...parts }: Parts = {}): ObservedMesh {
  return {
    service: 'productpage', instance: 'pod-1', calls: 0,
    policy: { source: 'options', hash: '00', generation: 1, age: 1000, valid: true },
    services: services ?? [observedService('reviews', parts)],
  };
}

export function observedService(name: string, { states = ['available', 'available', 'available'], source = 'fixed' }: Omit<Parts, 'services'> = {}): ObservedService {
  const endpoints = states.map((state, index): ObservedEndpoint => ({
    endpoint: `10.0.0.${index + 1}:80`, weight: 1, priority: 0, state, load: 1, latency: 5, measured: true, pending: 0,
    totals: { success: 0, failure: 0, overload: 0, local: 0, cancelled: 0 },
    ...(state === 'available' ? {} : { ejection: { until: 1_800_000_000_000, ejections: 1, why: 'success rate 0 %, that of the others 100 %' } }),
  }));
  const circuit = { state: 'closed', requests: 0, failures: 0, retryAt: undefined, enforced: true } as const;
  return {
    name, budget: 10, modes: { outlier: 'enforce', healthCheck: 'off', metrics: true }, calls: { inFlight: 0, queued: 0, limit: 1024 }, throttle: { rejection: { critical: 0 } }, ofRoutes: { calls: {}, throttle: {} },
    versions: [], routes: [], discovery: { source, state: 'fresh', age: undefined, lastError: undefined }, endpoints,
    subset: { strategy: 'all', total: endpoints.length, size: endpoints.length, standIns: 0 }, panic: false, circuit, circuits: {},
  };
}
