/**
 * Where endpoints are found, as a policy says it: one place to look, `{ srv: … }`, or a list of them, of which the first that
 * answers counts; for a service, or for each of its versions. The shape, what it means, and what it may not say together.
 *
 * How often to look (`refresh` and the like) belongs to the service, whose mapping has these keys beside the others. A list
 * has no place for them: it inherits.
 */
import type * as z from 'zod';
import { lazily } from '../core/lazily.ts';
import type { DiscoverySource, LookupSource } from '../core/policy.ts';
import { isDnsName, parseAddress } from './address.ts';
import type { Address } from './address.ts';
import type { Kind } from './knob.ts';
import { address, given, integer, list, mapping, needed, text } from './knob.ts';
import type { Path, ProblemList } from './problem.ts';
import { describeAt } from './schema-problems.ts';
import { isMap } from './source.ts';
import type { PolicySource } from './source.ts';
import { zod } from './zod.ts';

/** The keys of which a mapping has one. */
const sourceNames = ['srv', 'dns', 'endpoints', 'file', 'kubernetes'] as const;
const sourceNamesText = 'srv, dns, endpoints, file and kubernetes';

const leastLinks = 2;
/** Linux takes no longer path. */
const longestPath = 4096;

/** RFC 1123's label, in lower case as Kubernetes has it. */
const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** IANA's service name (RFC 6335, 5.1), in lower case: no hyphen at either end or beside another, and a letter somewhere. */
/** Of a Service, and so of its EndpointSlices: a DNS label. Only ports of containers end at 15 characters. */
const portName = /^(?=.*[a-z])[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

export const versionName = label;
const versionNameExpected = 'version name: lower-case letters, digits and "-", a letter or digit first and last, at most 63';

const sourceKeys = lazily(() => ({
  srv: given(dnsName(), 'SRV record that names hosts and ports: `_http._tcp.reviews.default.svc.cluster.local`.'),
  dns: given(dnsName(), 'Name whose A and AAAA records are the endpoints; needs `port`.'),
  port: given(integer(1, 65535), 'Port of the addresses that `dns` names.'),
  endpoints: given(list(address('needed'), 1), 'Fixed addresses, instead of looking anything up.'),
  file: given(
    text((value) => value.length > 0 && value.length <= longestPath && !value.includes('\0'), 'path of a file', '^[^\\u0000]+$'),
    'JSON file that lists endpoints; a relative path is relative to the working directory of the process.',
  ),
  kubernetes: mapping(
    {
      service: needed(kubernetesName(), 'Name of the Service.'),
      namespace: given(kubernetesName(), 'Its namespace. Left out: that of this pod.'),
      port: needed(kubernetesPort(), 'Name of the Service’s port, or its number in the pods.'),
    },
    'EndpointSlices of a Kubernetes Service, listed and watched at the API server.',
  ).optional(),
}));

/** What of the rules below JSON Schema can say. */
const together = {
  dependentRequired: { dns: ['port'], port: ['dns'] },
  not: { anyOf: sourceNames.flatMap((one, index) => sourceNames.slice(index + 1).map((other) => ({ required: [one, other] }))) },
};
const oneOfThem = { anyOf: sourceNames.map((name) => ({ required: [name] })) };

/** One place to look, and no other keys. */
const sourceSchema = lazily(() => mapping(sourceKeys()).meta({ ...together, ...oneOfThem }));
const chainExpected = `a list of at least ${leastLinks} sources`;
const chainSchema = lazily(() => zod().array(sourceSchema(), { error: () => chainExpected }).min(leastLinks, { error: () => chainExpected }));

/** `discovery` of a service; `refreshing` are the keys that say how often to look. */
export function serviceDiscovery<Shape extends z.core.$ZodLooseShape>(refreshing: Shape) {
  const keys = { ...sourceKeys(), ...refreshing };
  const expected = `a mapping of ${Object.keys(keys).join(', ')}, or ${chainExpected}`;
  return zod()
    .union([mapping(keys).meta(together), chainSchema()], { error: () => expected })
    .meta({ description: `Where endpoints are found: one of ${sourceNamesText}, or a list of sources, of which the first that answers counts.` })
    .optional();
}

/** `versions` of a service. */
export function serviceVersions() {
  const discovery = zod()
    .union([sourceSchema(), chainSchema()], { error: () => `a mapping of ${Object.keys(sourceKeys()).join(', ')}, or ${chainExpected}` })
    .meta({ description: 'Where its endpoints are found: a source or a list of sources, as for a service.' });
  const expected = 'a mapping from version names to their discovery, at least 1';
  return zod()
    .record(zod().string().regex(versionName, { error: () => versionNameExpected }), mapping({ discovery }), { error: () => expected })
    .refine((versions) => Object.keys(versions).length > 0, { error: () => expected })
    .meta({ minProperties: 1, description: 'Groups of its endpoints, by name, such as `v1` and `v2`. A service without a source of its own has those of all its versions.' })
    .optional();
}

type CheckedSource = z.output<ReturnType<typeof sourceSchema>>;
export type CheckedDiscovery = CheckedSource | readonly CheckedSource[];

/** Undefined where none is named. Only of what the schema accepted. */
export function discoverySource(written: CheckedDiscovery): LookupSource | undefined {
  if (isList(written)) return { kind: 'chain', sources: written.flatMap((link) => discoverySource(link) ?? []) };
  const { srv, dns, port, endpoints, file, kubernetes } = written;
  if (srv !== undefined) return { kind: 'srv', name: srv };
  if (dns !== undefined) return { kind: 'dns', name: dns, port: port as number };
  if (endpoints !== undefined) return { kind: 'endpoints', endpoints: endpoints.map(parsed) as { host: string; port: number }[] };
  if (file !== undefined) return { kind: 'file', path: file };
  return kubernetes === undefined ? undefined : { kind: 'kubernetes', ...kubernetes };
}

/** The keys of a service's `discovery` that say how often to look, without those that say where. */
export function refreshingOf<Written extends CheckedSource>(written: Written | readonly CheckedSource[] | undefined): Omit<Written, keyof ReturnType<typeof sourceKeys>> | undefined {
  if (written === undefined || isList(written)) return undefined;
  const { srv: _srv, dns: _dns, port: _port, endpoints: _endpoints, file: _file, kubernetes: _kubernetes, ...refreshing } = written;
  return refreshing;
}

/** What a service that says nothing itself has of its versions. */
export function unionOf(versions: ReadonlyMap<string, LookupSource>): DiscoverySource | undefined {
  return versions.size === 0 ? undefined : { kind: 'union', sources: [...versions.values()] };
}

export function addDiscoveryProblems(service: Path, source: PolicySource, problems: ProblemList): void {
  for (const { path, needed } of sourcePlaces(service, source)) {
    const has = (key: string) => source.at([...path, key]) !== undefined;
    const add = (at: Path, expected: string) => {
      problems.add({ source: source.name, position: source.position(at), path: at, found: describeAt(source, at), expected });
    };
    const [first, second] = sourceNames.filter(has);
    if (second !== undefined) add([...path, second], `only one of ${sourceNamesText}`);
    if (has('dns') && !has('port')) add([...path, 'port'], 'integer 1–65535, the port of the addresses that dns names');
    if (has('port') && !has('dns')) add([...path, 'port'], 'a port only together with dns');
    else if (needed && first === undefined) add(path, `one of ${sourceNamesText}`);
  }
}

/** Each mapping of a service that may name a source, and whether it has to. */
export function sourcePlaces(service: Path, source: PolicySource): { readonly path: Path; readonly needed: boolean }[] {
  const places = (path: Path, needed: boolean) => {
    const written = source.at(path);
    return Array.isArray(written) ? written.map((_, index) => ({ path: [...path, index], needed: true })) : [{ path, needed }];
  };
  const versions = source.at([...service, 'versions']);
  const names = isMap(versions) ? Object.keys(versions) : [];
  return [...places([...service, 'discovery'], false), ...names.flatMap((name) => places([...service, 'versions', name, 'discovery'], true))];
}

function dnsName(): Kind<string, string> {
  return text(isDnsName, 'DNS name, such as reviews.default.svc.cluster.local', '^[A-Za-z0-9_][-A-Za-z0-9_.]*$');
}

function kubernetesName(): Kind<string, string> {
  return text((value) => label.test(value), 'DNS label: lower-case letters, digits and "-", a letter or digit first and last, at most 63', label.source);
}

function kubernetesPort(): Kind<string | number, string | number> {
  const expected = 'integer 1–65535, or port name: lower-case letters, digits and "-", at least one letter, at most 63';
  const error = { error: () => expected };
  const name = text((value) => portName.test(value), expected, portName.source);
  return { schema: zod().union([zod().int(error).min(1, error).max(65535, error), name.schema], error), expected, write: (value) => value };
}

/** Only of what the schema accepted. */
function parsed(text: string): Address {
  return parseAddress(text) as Address;
}

function isList<Item, Other>(value: Other | readonly Item[]): value is readonly Item[] {
  return Array.isArray(value);
}
