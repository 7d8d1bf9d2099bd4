/** The transport alone behind a dispatcher: each request is one attempt to one endpoint, no policy in between. */
import type { Attempt, Call } from '../../src/core/call.ts';
import { Cancellation } from '../../src/core/cancellation.ts';
import { DEFAULT_CRITICALITY } from '../../src/core/criticality.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type ConnectionKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { TriedEndpoints } from '../../src/core/tried.ts';
import { EndpointPools } from '../../src/transport/endpoint-pools.ts';
import { MeshDispatcher, type IncomingRequest } from '../../src/transport/mesh-dispatcher.ts';
import { requestBody } from '../../src/transport/request-body.ts';

export interface Wire {
  readonly pools: EndpointPools;
  readonly dispatcher: MeshDispatcher;
  readonly calls: Call[];
  close(): Promise<void>;
}

export function attemptOf(request: IncomingRequest, endpoint: Endpoint, cancellation = new Cancellation(), limit = 64 * 1024): Attempt {
  const call: Call = {
    service: 'reviews', policy: defaultServicePolicy, options: {}, cancellation,
    request: { ...request, body: requestBody(request.body, limit) },
    startedAt: 0, deadline: Infinity, deadlineFrom: 'policy', criticality: DEFAULT_CRITICALITY, hashKey: undefined, servingRetry: false, route: undefined, version: undefined, attempts: 1, tried: new TriedEndpoints(),
  };
  return { call, number: 1, startedAt: 0, cancellation: new Cancellation(cancellation), endpoint, uploadedAt: undefined, headers: [] };
}

export function wire(target: { host: string; port: number; alternate?: string }, knobs: Partial<ConnectionKnobs> = {}, clock: Clock = systemClock): Wire {
  const endpoint: Endpoint = { host: target.host, port: target.port, ...(target.alternate === undefined ? {} : { alternate: target.alternate }), weight: 1, priority: 0 };
  const pools = new EndpointPools({ clock, random: seededRandom(7), knobs: () => ({ ...defaultServicePolicy.connection, ...knobs }) });
  const calls: Call[] = [];
  const close = () => pools.destroy(new MeshError('CLIENT_CLOSED', 'closed'));
  const dispatcher = new MeshDispatcher({
    send(request, _options, cancellation, _elapsed, caller) {
      const attempt = attemptOf(request, endpoint, cancellation);
      calls.push(attempt.call);
      pools.send(attempt).then((reply) => caller.replied(reply), (error) => caller.failed(error));
    },
    passthrough: () => undefined,
    passesThrough: false,
    countsHops: false,
    now: () => systemClock.now(),
    close,
  });
  return { pools, dispatcher, calls, close };
}
