/**
 * From what the policy says about where endpoints are found, to the resolver that finds them.
 */
import type { Clock } from '../core/clock.ts';
import type { ResolutionListener, Resolver } from '../core/endpoint.ts';
import type { DiscoveryKnobs, DiscoverySource, LookupSource } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { AddressesSource } from './addresses-source.ts';
import { ChainSource } from './chain-source.ts';
import { FileSource } from './file-source.ts';
import { HostsSource } from './hosts-source.ts';
import { inCluster } from './kubernetes-api.ts';
import type { KubernetesAccess } from './kubernetes-api.ts';
import { ownNamespace } from './kubernetes-name.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import type { KubernetesService } from './kubernetes-source.ts';
import { MeasuredSource, type LookupListener } from './measured-source.ts';
import { Poller } from './poller.ts';
import type { Source } from './source.ts';
import { SrvSource } from './srv.ts';
import type { StubResolver } from './stub-resolver.ts';
import { union } from './union-source.ts';

export interface ResolverDeps {
  readonly stub: StubResolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => DiscoveryKnobs;
  /** Told of each look-up of a name in DNS. */
  readonly measured?: LookupListener | undefined;
  /** Where this process runs, as Kubernetes calls its zones. Default: unknown. */
  readonly zone?: string | undefined;
  /** The API server. Default: that of the cluster in which this process runs. */
  readonly kubernetes?: KubernetesAccess | undefined;
}

/** Never throws: a name that cannot be looked up is told to the listener. */
export function resolverFor(source: DiscoverySource, deps: ResolverDeps): Resolver {
  if (source.kind === 'union') return union(source.sources.map((each) => resolverFor(each, deps)));
  return { watch: (listener: ResolutionListener) => new Poller(sourceOf(source, deps), listener, deps) };
}

function sourceOf(source: LookupSource, deps: ResolverDeps): Source {
  const { stub, clock } = deps;
  switch (source.kind) {
    case 'srv':
      return timed(new SrvSource(stub, source.name), source.name, deps);
    case 'dns':
      return timed(new HostsSource(stub, [{ host: source.name, port: source.port }], `dns ${source.name}:${source.port}`), source.name, deps);
    case 'endpoints':
      if (AddressesSource.takes(source.endpoints)) return new AddressesSource(source.endpoints);
      return new HostsSource(stub, source.endpoints, `endpoints ${source.endpoints.map(({ host, port }) => `${host}:${port}`).join(', ')}`);
    case 'file':
      return new FileSource(source.path);
    case 'kubernetes':
      return kubernetes(source, deps);
    case 'chain':
      return new ChainSource(source.sources.map((link) => sourceOf(link, deps)), clock);
  }
}

function timed(source: Source, name: string, { clock, measured }: ResolverDeps): Source {
  return measured === undefined ? source : new MeasuredSource(source, name, clock, measured);
}

function kubernetes(target: KubernetesService, deps: ResolverDeps): Source {
  const access = deps.kubernetes ?? inCluster(ownNamespace());
  if (access !== undefined) return new KubernetesSource(target, access, deps);
  const description = `kubernetes ${target.service}`;
  return { description, resolve: () => Promise.reject(new Error(`${description}: not in a cluster ($KUBERNETES_SERVICE_HOST is not set)`)) };
}
