/**
 * The Gateway API's conformance cases (kubernetes-sigs/gateway-api, conformance/tests, Apache-2.0; copied to test/cases/gateway-api), through
 * `inmesh import`: objects → policy → a client, with echo backends behind it. What does not apply is listed with its reason, and nothing else may
 * be left out.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { importManifests } from '../../src/config/import/manifests.ts';
import { MeshError, type MeshClient } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { EchoBackends, type Echoed } from '../support/echo-backends.ts';
import { importedClient } from '../support/imported-client.ts';

const folder = fileURLToPath(new URL('../cases/gateway-api', import.meta.url));

interface Request { Host?: string; Path?: string; Method?: string; Headers?: Record<string, string> }
interface Expected {
  TestCaseName?: string;
  Request: Request;
  ExpectedRequest?: { Request?: Request; AbsentHeaders?: string[] };
  BackendSetResponseHeaders?: Record<string, string>;
  Response?: { StatusCode?: number; StatusCodes?: number[]; Headers?: Record<string, string>; AbsentHeaders?: string[] };
  Backend?: string;
  Namespace?: string;
  MirroredTo?: { BackendRef?: { Name: string }; Name?: string; Percent?: number }[];
}
interface Row { name: string; args: { path: string; retrySimulationConfig?: Record<string, string[]> }; want: { StatusCode?: number; StatusCodes?: number[] } }
interface File {
  name: string;
  relevance: string;
  objects: { kind: string; metadata: { name: string; namespace?: string } }[];
  groups: { kind: string; cases?: Expected[]; rows?: Row[] }[];
}

/** Cases that are for something else than a client. */
const notApplicable: Readonly<Record<string, string>> = {
  'n/a for a client mesh': 'listeners, certificates of gateways, status of objects: there is no gateway',
  'redirect (only if the policy language has redirects)': 'RequestRedirect answers in the server’s stead; inmesh is a client and answers nothing itself',
};
/** Files, for reasons of their own. */
const notHere: Readonly<Record<string, string>> = {
  HTTPRouteHostnameIntersection: 'which of several listeners a host name belongs to',
  HTTPRouteListenerHostnameMatching: 'which of several listeners a host name belongs to',
  HTTPRouteInvalidNonExistentBackendRef: 'whether a Service exists is known to discovery when it is called, not to an import: NO_ENDPOINTS, no 500',
  MeshPorts: 'routes for one port of a Service: hosts of the policy have ports, rules of an HTTPRoute are imported for all',
  MeshFrontend: 'routes of a consumer namespace: a policy is the caller’s own already',
};

/** Request paths of which upstream expects that the backend sees another one, while nothing in the objects rewrites them. */
const errata: ReadonlySet<string> = new Set(['/unnamed']);

/** Rows in which a call ends by the last answer that it had rather than by its deadline: no retry is begun that could not end in time. */
const lastAnswer: Readonly<Record<string, number>> = { 'fails with 504 when retry delays exceed the request timeout': 500 };

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\/.*\.json$/.test(name)).map((name) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as File);
const applicable = files.filter(({ name, relevance }) => notApplicable[relevance] === undefined && notHere[name] === undefined);

const backends = new EchoBackends();
afterAll(() => backends.close());

async function clientOf(file: File): Promise<{ mesh: MeshClient; host: string; close: () => Promise<void> }> {
  const objects = file.objects.length > 0 ? file.objects : [{ kind: 'HTTPRoute', metadata: { name: 'none', namespace: 'default' }, spec: { parentRefs: [{ kind: 'Service', name: 'echo' }], rules: [{}] } }];
  const { mesh, services, close } = await importedClient([{ name: file.name, text: JSON.stringify({ kind: 'List', items: objects }) }], backends, (_, version) => version, {}, objects[0]!.metadata.namespace);
  return { mesh, host: services[0]!, close };
}

interface Answer { status: number; headers: Record<string, string | string[] | undefined>; echoed: Echoed | undefined }

async function ask(mesh: MeshClient, host: string, { Path = '/', Method = 'GET', Headers = {} }: Request, set?: Record<string, string>): Promise<Answer> {
  try {
    const headers = { ...Headers, ...(set === undefined ? {} : { 'X-Echo-Set-Header-Json': JSON.stringify(set) }) };
    const { statusCode, headers: answered, body } = await mesh.request(`http://${host}${Path}`, { method: Method as 'GET', headers });
    const text = await body.text();
    return { status: statusCode, headers: answered, echoed: text.startsWith('{') ? (JSON.parse(text) as Echoed) : undefined };
  } catch (error) {
    // What a proxy answers in words of its own is an error here.
    if (!(error instanceof MeshError)) throw error;
    const status = { DEADLINE_EXCEEDED: 504, ATTEMPT_TIMEOUT: 504, CONNECTION_RESET: 503, CONNECT_FAILED: 503 }[error.code as string];
    if (status === undefined) throw error;
    return { status, headers: {}, echoed: undefined };
  }
}

function check(answer: Answer, { Request: sent, ExpectedRequest, Response, Backend, BackendSetResponseHeaders: _ }: Expected): void {
  const statuses = Response?.StatusCodes ?? [Response?.StatusCode ?? 200];
  expect(statuses).toContain(answer.status);
  if (answer.echoed !== undefined && answer.status === 200) {
    if (Backend !== undefined && Backend !== '') expect(answer.echoed.backend).toBe(Backend);
    const expected = ExpectedRequest?.Request ?? sent;
    if (!errata.has(sent.Path!)) expect(answer.echoed.path).toBe(expected.Path ?? '/');
    expect(answer.echoed.method).toBe(expected.Method ?? 'GET');
    if (ExpectedRequest?.Request?.Host !== undefined && ExpectedRequest.Request.Host !== '') expect(answer.echoed.headers.host).toBe(ExpectedRequest.Request.Host);
    for (const [name, value] of Object.entries(expected.Headers ?? {})) expect(joined(answer.echoed.headers[name.toLowerCase()])).toBe(joined(value));
    for (const name of ExpectedRequest?.AbsentHeaders ?? []) expect(answer.echoed.headers[name.toLowerCase()]).toBeUndefined();
  }
  for (const [name, value] of Object.entries(Response?.Headers ?? {})) expect(joined(answer.headers[name.toLowerCase()])).toBe(joined(value));
  for (const name of Response?.AbsentHeaders ?? []) expect(answer.headers[name.toLowerCase()]).toBeUndefined();
}

/** Several of one name may be joined with or without a space (RFC 9110 §5.3). */
function joined(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : [value].flat().join(',').replaceAll(/\s*,\s*/g, ',');
}

it('covers every case that applies to a client', () => {
  expect(files.length).toBeGreaterThan(60);
  expect(Object.keys(notHere).filter((name) => !files.some((file) => file.name === name))).toEqual([]);
  expect(new Set(files.map(({ relevance }) => relevance))).toEqual(new Set(['core', ...Object.keys(notApplicable)]));
  expect(applicable.length).toBeGreaterThan(24);
});

describe.each(applicable.map((file) => [file.name, file] as const))('%s', (_, file) => {
  // What is put together by a program in the original is what the rows say.
  const cases = file.groups.flatMap(({ cases: found = [] }) => found).filter(({ Request: sent }) => sent.Path === undefined || typeof sent.Path === 'string');
  const rows = file.groups.flatMap(({ rows: found = [] }) => found);

  it('imports without losing anything', () => {
    const { notes } = importManifests([{ name: file.name, text: JSON.stringify({ kind: 'List', items: file.objects }) }], 'default');
    expect(notes.filter(({ kind }) => kind === 'dropped')).toEqual([]);
  });

  if (cases.length > 0) {
    it(`holds in ${cases.length} expectations`, async () => {
      const { mesh, host, close } = await clientOf(file);
      try {
        for (const expected of cases) {
          const target = expected.Request.Host === undefined || expected.Request.Host === '' ? host : expected.Request.Host;
          const told = `${expected.Request.Method ?? 'GET'} ${target}${expected.Request.Path ?? '/'} ${JSON.stringify(expected.Request.Headers ?? {})}`;
          if (expected.MirroredTo !== undefined) await mirrored(mesh, target, expected);
          else await ask(mesh, target, expected.Request, expected.BackendSetResponseHeaders).then((answer) => check(answer, expected)).catch((error: unknown) => Promise.reject(new Error(`${told}: ${(error as Error).message}`)));
        }
      } finally {
        await close();
      }
    }, 60_000);
  }

  it.each(rows.map((row) => [row.name, row] as const))('%s', async (name, { args, want }) => {
    const { mesh, host, close } = await clientOf(file);
    const query = new URLSearchParams({ uuid: randomUUID() });
    for (const [key, [value]] of Object.entries(args.retrySimulationConfig ?? {})) query.set(key, value!);
    try {
      expect((await ask(mesh, host, { Path: `${args.path}?${query.toString()}` })).status).toBeOneOf([...(want.StatusCodes ?? [want.StatusCode]), ...(name in lastAnswer ? [lastAnswer[name]] : [])]);
    } finally {
      await close();
    }
  }, 30_000);
});

/** n · p ± 3 · √(n · p · (1 − p)) of 500 calls; where all are mirrored, each. */
async function mirrored(mesh: MeshClient, host: string, expected: Expected): Promise<void> {
  const targets = expected.MirroredTo!.map(({ BackendRef, Name, Percent }) => ({ name: BackendRef?.Name ?? Name!, share: Percent === undefined ? 1 : Percent / 100 }));
  const calls = targets.some(({ share }) => share < 1) ? 500 : 5;
  const path = expected.Request.Path!;
  const copies = (name: string): number => backends.received.filter((each) => each.backend === name && each.path.startsWith(path)).length;
  const before = new Map(targets.map(({ name }) => [name, copies(name)]));
  for (let call = 0; call < calls; call += 1) check(await ask(mesh, host, expected.Request), expected);
  for (const { name, share } of targets) {
    const spread = 3 * Math.sqrt(calls * share * (1 - share));
    await eventually(() => copies(name) - before.get(name)!, (count) => count >= calls * share - spread && count <= calls * share + spread);
  }
}
