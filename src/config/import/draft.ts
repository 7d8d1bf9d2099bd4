/**
 * Draft: the policy that is being put together from other people's objects: services by their Kubernetes names, each with hosts, versions,
 * routes and knobs. In the end it is a document of the policy's own form.
 */
import { formatDuration } from '../duration.ts';

export type Knobs = Record<string, unknown>;

/** `reviews` in namespace `default`; a host that is no Kubernetes Service has no namespace. */
export interface ServiceRef {
  readonly name: string;
  readonly namespace: string | undefined;
}

export interface DraftRoute {
  name: string;
  [key: string]: unknown;
}

export class DraftService {
  readonly ref: ServiceRef;
  readonly hosts = new Set<string>();
  /** By name: where each version's endpoints are. */
  readonly versions = new Map<string, Knobs>();
  readonly routes: DraftRoute[] = [];
  /** For calls that no route matches; without it, they are calls of the service. Stands last, whoever adds routes after it. */
  unmatched: DraftRoute | undefined;
  readonly knobs: Knobs = {};
  /** Undefined: as its SRV record says. */
  port: number | undefined;
  /** false: it is a name alone; its endpoints are those of its versions. */
  ownEndpoints = true;

  constructor(ref: ServiceRef) {
    this.ref = ref;
  }

  /** The name, changed where a route of this service has it already. */
  routeName(wanted: string): string {
    const plain = wanted.replace(/[^-A-Za-z0-9_.]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '') || 'route';
    let name = plain;
    for (let number = 2; this.routes.some((route) => route.name === name); number += 1) name = `${plain}-${number}`;
    return name;
  }
}

export class Draft {
  readonly #services = new Map<string, DraftService>();
  readonly #namespace: string;

  /** `namespace` is that of objects which do not say theirs, and goes without saying in names. */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  get services(): readonly DraftService[] {
    return [...this.#services.values()];
  }

  service(ref: ServiceRef): DraftService {
    const key = this.nameOf(ref);
    let service = this.#services.get(key);
    if (service === undefined) this.#services.set(key, (service = new DraftService(ref)));
    return service;
  }

  /** As the policy calls it. */
  nameOf({ name, namespace }: ServiceRef): string {
    return namespace === undefined || namespace === this.#namespace ? name : `${name}.${namespace}`;
  }

  /** Of the policy's own form. */
  document(): Knobs {
    const services: Knobs = {};
    for (const [name, service] of this.#services) services[name] = this.#documentOf(name, service);
    return { version: 1, services };
  }

  #documentOf(name: string, { ref, hosts, versions, routes, unmatched, knobs, port, ownEndpoints }: DraftService): Knobs {
    const all = [...routes, ...(unmatched === undefined || routes.some((route) => route['match'] === undefined) ? [] : [unmatched])];
    const names = new Set(hosts.size > 0 ? hosts : [name]);
    if (ref.namespace !== undefined) names.add(`${ref.name}.${ref.namespace}`).add(domainOf(ref));
    return {
      hosts: [...names],
      ...(ownEndpoints ? { discovery: discoveryOf(ref, port) } : {}),
      ...(versions.size === 0 ? {} : { versions: Object.fromEntries([...versions].map(([version, discovery]) => [version, { discovery }])) }),
      ...(all.length === 0 ? {} : { routes: all }),
      ...knobs,
    };
  }
}

/** By SRV record where no port is known, else by addresses and that port. */
export function discoveryOf(ref: ServiceRef, port: number | undefined): Knobs {
  return port === undefined ? { srv: `_http._tcp.${domainOf(ref)}` } : { dns: domainOf(ref), port };
}

export function domainOf({ name, namespace }: ServiceRef): string {
  return namespace === undefined ? name : `${name}.${namespace}.svc.cluster.local`;
}

/** What `reviews`, `reviews.shop` and `reviews.shop.svc.cluster.local` mean to whoever is in `namespace`; anything else is a host outside. */
export function serviceAt(host: string, namespace: string): ServiceRef {
  const [, name, own] = /^([-a-z0-9]+)(?:\.([-a-z0-9]+)(?:\.svc(?:\.cluster\.local)?)?)?$/.exec(host) ?? [];
  // `example.com` has the form of name.namespace; nobody calls a namespace so.
  if (name === undefined || (own !== undefined && /^(?:com|org|net|io|dev|local)$/.test(own))) return { name: host, namespace: undefined };
  return { name, namespace: own ?? namespace };
}

const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 } as const;

/** Go's durations (`1.5s`, `1h30m`), as ours; undefined where it is none, or shorter than a millisecond. */
export function durationOf(text: string): { readonly millis: number; readonly written: string } | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:h|m|s|ms|us|µs|ns))+$/.test(text)) return undefined;
  let millis = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g)) millis += Number(count) * units[unit as keyof typeof units];
  millis = Math.round(millis);
  return millis < 1 ? undefined : { millis, written: formatDuration(millis) };
}
