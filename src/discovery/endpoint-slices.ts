/**
 * EndpointSlices: what Kubernetes knows of a Service's pods, in slices of up to a hundred. The endpoints of a Service are the union of all
 * its slices: who takes the last one that changed for the whole (kuberesolver, go-zero) loses the others as soon as there are two.
 *
 * kube-proxy's rules: `ready` that is not there means ready; pods that end and still serve are used where no other is ready. A pod may be
 * in two slices while the controller moves it; ready counts. Everything here came over the network, so nothing is taken for granted.
 *
 * A Service with topology-aware routing says of each endpoint which zones it should serve. That is followed only where this process knows
 * its zone, every endpoint has such a hint and one of them is for this zone: hints come and go while the controller works, and those that
 * are half there would send everything to the few that have them.
 */
import type { Endpoint } from '../core/endpoint.ts';
import { ordinalOf } from '../core/ordinal.ts';
import { usableFamily } from './address.ts';
import type { AddressFamily } from './address-family.ts';

/** As many as the API allows. */
const MAX_HINTS = 8;

interface SliceEndpoint {
  readonly host: string;
  readonly zone: string | undefined;
  /** Of the pod: an address is given to another one when this one is gone. */
  readonly uid: string | undefined;
  /** Of the pod, as its name says it. */
  readonly ordinal: number | undefined;
  /** The zones that it should serve; none where nobody said. */
  readonly forZones: readonly string[];
  readonly state: 'ready' | 'ending' | 'unusable';
}

interface Slice {
  readonly family: AddressFamily | undefined;
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly SliceEndpoint[];
}

export class EndpointSlices {
  #slices = new Map<string, Slice>();

  /** A new list, whole. */
  replace(objects: readonly unknown[]): void {
    this.#slices = new Map();
    for (const object of objects) this.put(object);
  }

  put(object: unknown): void {
    const name = nameOf(object);
    if (name !== undefined) this.#slices.set(name, sliceOf(object));
  }

  remove(object: unknown): void {
    const name = nameOf(object);
    if (name !== undefined) this.#slices.delete(name);
  }

  /** Those of one port, by its name or its number, in this family where there are any, and for this zone where all say which they are for. */
  endpoints(port: string | number, family: AddressFamily, zone?: string): Endpoint[] {
    const slices = [...this.#slices.values()];
    const present = slices.some((slice) => slice.family === family && slice.endpoints.length > 0);
    const ready = new Map<string, Usable>();
    const ending = new Map<string, Usable>();
    for (const slice of slices) {
      if (slice.family === undefined || (present && slice.family !== family)) continue;
      for (const { name, port: number } of slice.ports) {
        if (name !== port && number !== port) continue;
        for (const { host, state, zone: own, uid, ordinal, forZones } of slice.endpoints) {
          const endpoint = {
            host, port: number, weight: 1, priority: 0,
            ...(own === undefined ? {} : { zone: own }), ...(uid === undefined ? {} : { generation: uid }), ...(ordinal === undefined ? {} : { ordinal }),
          };
          if (state === 'ready') ready.set(`${host} ${number}`, { endpoint, forZones });
          if (state === 'ending') ending.set(`${host} ${number}`, { endpoint, forZones });
        }
      }
    }
    return forZone([...(ready.size > 0 ? ready : ending).values()], zone).map(({ endpoint }) => endpoint);
  }
}

interface Usable {
  readonly endpoint: Endpoint;
  readonly forZones: readonly string[];
}

/** kube-proxy's safeguards (pkg/proxy/topology.go), which Linkerd has as well. */
function forZone(usable: readonly Usable[], zone: string | undefined): readonly Usable[] {
  if (zone === undefined || usable.some(({ forZones }) => forZones.length === 0)) return usable;
  const chosen = usable.filter(({ forZones }) => forZones.includes(zone));
  return chosen.length > 0 ? chosen : usable;
}

function nameOf(object: unknown): string | undefined {
  const name = field(field(object, 'metadata'), 'name');
  return typeof name === 'string' ? name : undefined;
}

function sliceOf(object: unknown): Slice {
  const type = field(object, 'addressType');
  return {
    family: type === 'IPv4' ? 4 : type === 'IPv6' ? 6 : undefined,
    ports: list(field(object, 'ports')).flatMap((entry) => {
      const [name, port] = [field(entry, 'name') ?? '', field(entry, 'port')];
      return typeof name === 'string' && typeof port === 'number' && port > 0 && port < 65_536 ? [{ name, port }] : [];
    }),
    endpoints: list(field(object, 'endpoints')).flatMap((entry) => {
      // All addresses of one endpoint are the same pod; the API says to use the first.
      const [host] = list(field(entry, 'addresses'));
      if (typeof host !== 'string' || usableFamily(host) === undefined) return [];
      const zone = text(field(entry, 'zone'));
      const forZones = list(field(field(entry, 'hints'), 'forZones')).slice(0, MAX_HINTS).flatMap((hint) => text(field(hint, 'name')) ?? []);
      const pod = field(entry, 'targetRef');
      const uid = text(field(pod, 'uid'));
      const name = text(field(entry, 'hostname')) ?? text(field(pod, 'name'));
      const ordinal = name === undefined ? undefined : ordinalOf(name)?.index;
      return [{ host, zone, uid, ordinal, forZones, state: stateOf(field(entry, 'conditions')) }];
    }),
  };
}

function stateOf(conditions: unknown): SliceEndpoint['state'] {
  if (field(conditions, 'ready') !== false) return 'ready';
  return field(conditions, 'serving') === true && field(conditions, 'terminating') === true ? 'ending' : 'unusable';
}

function field(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value as unknown[] : [];
}
