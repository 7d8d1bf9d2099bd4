/**
 * A resolver that is watched: what it told its listener, as it came.
 */
import { systemClock } from '../../src/core/clock.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { DiscoveryState, Resolution, Watch } from '../../src/core/endpoint.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import type { DiscoveryKnobs, DiscoverySource } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { resolverFor } from '../../src/discovery/resolver-for.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import type { StubResolverDeps } from '../../src/discovery/stub-resolver.ts';
import { eventually } from './eventually.ts';

export interface Watched {
  readonly stub: StubResolver;
  readonly watch: Watch;
  readonly resolutions: readonly Resolution[];
  readonly failures: readonly Error[];
  /** `ip:port` of the set in use, sorted. */
  keys(): string[];
  state(): DiscoveryState;
  /** The first answer; throws the first failure. */
  first(): Promise<Resolution>;
  close(): void;
}

export interface WatchedOptions extends Partial<Omit<StubResolverDeps, 'nameservers'>> {
  readonly nameservers?: readonly string[];
  readonly knobs?: Partial<DiscoveryKnobs>;
}

export function watched(source: DiscoverySource | string, options: WatchedOptions): Watched {
  const { knobs = {}, clock = systemClock, random = seededRandom(5) } = options;
  const stub = new StubResolver({ ...options, clock, random });
  const resolutions: Resolution[] = [];
  const failures: Error[] = [];
  const watch = resolverFor(typeof source === 'string' ? { kind: 'srv', name: source } : source, {
    stub, clock, random, knobs: () => ({ ...defaultServicePolicy.discovery, ...knobs }),
  }).watch({ resolved: (resolution) => void resolutions.push(resolution), failed: (error) => void failures.push(error) });
  return {
    stub, watch, resolutions, failures,
    keys: () => (resolutions.at(-1)?.endpoints ?? []).map(endpointKey).sort(),
    state: () => watch.state(),
    async first() {
      await eventually(() => resolutions.length + failures.length > 0, Boolean, 10_000);
      if (resolutions[0] === undefined) throw failures[0]!;
      return resolutions[0];
    },
    close() {
      watch.close();
      stub.close();
    },
  };
}

/** `count` endpoints of a headless service as CoreDNS has them, with names relative to the cluster's domain. */
export function headless(service: string, count: number, { glue = true } = {}): string[] {
  const domain = `${service}.default.svc`;
  return Array.from({ length: count }, (_, index) => {
    const label = `10-1-${Math.floor(index / 250)}-${(index % 250) + 1}`;
    const records = [`_http._tcp.${domain} SRV 0 ${Math.max(1, Math.floor(100 / count))} 9080 ${label}.${domain}`];
    return glue ? [...records, `${label}.${domain} A ${label.replaceAll('-', '.')}`] : records;
  }).flat();
}
