/**
 * From what the policy says about where endpoints are found, to the resolver that finds them.
 */
import type { Clock } from '../core/clock.ts';
import type { ResolutionListener, Resolver } from '../core/endpoint.ts';
import type { DiscoveryKnobs, DiscoverySource } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { HostsSource } from './hosts-source.ts';
import { Poller } from './poller.ts';
import type { Source } from './source.ts';
import { SrvSource } from './srv.ts';
import type { StubResolver } from './stub-resolver.ts';

export interface ResolverDeps {
  readonly stub: StubResolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => DiscoveryKnobs;
}

/** Never throws: a name that cannot be looked up is told to the listener. */
export function resolverFor(source: DiscoverySource, deps: ResolverDeps): Resolver {
  return { watch: (listener: ResolutionListener) => new Poller(sourceOf(source, deps.stub), listener, deps) };
}

function sourceOf(source: DiscoverySource, stub: StubResolver): Source {
  switch (source.kind) {
    case 'srv':
      return new SrvSource(stub, source.name);
    case 'dns':
      return new HostsSource(stub, [{ host: source.name, port: source.port }], `dns ${source.name}:${source.port}`);
    case 'endpoints':
      return new HostsSource(stub, source.endpoints, `endpoints ${source.endpoints.map(({ host, port }) => `${host}:${port}`).join(', ')}`);
  }
}
