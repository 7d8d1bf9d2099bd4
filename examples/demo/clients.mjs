/**
 * The two ways to call another service that the demo compares. Both have one method, `get(service, path)`, both are bounded
 * by the same time for a whole call, and both learn addresses from the same name server.
 */
import { Resolver } from 'node:dns';
import { tell } from './child.mjs';

/** What `deadline` is by default. */
const DEADLINE = 30_000;

const packages = { inmesh: 'inmesh', plain: 'undici' };

const shownEvents = [
  'endpoints.changed', 'discovery.failed', 'endpoint.ejected', 'endpoint.ejection.limited', 'endpoint.returned', 'balancer.panic',
  'retry.scheduled', 'retry.suppressed', 'circuit.opened', 'circuit.half-opened', 'circuit.closed',
];

/** Each side reads only the code that it needs. */
export async function load({ side }) {
  await import(packages[side]);
}

/** @param {{ side: 'inmesh' | 'plain', nameserver: string, port: number }} options */
export function createClient(options) {
  return options.side === 'inmesh' ? meshClient(options) : plainClient(options);
}

async function meshClient({ nameserver }) {
  const { createMeshClient } = await import(packages.inmesh);
  const mesh = createMeshClient({ policy: new URL('./policy.yaml', import.meta.url), nameservers: [nameserver] });
  for (const name of shownEvents) {
    mesh.events.on(name, (event) => tell({ type: 'event', name, event: { ...event, error: event.error?.message } }));
  }
  return {
    ready: (service) => mesh.ready([service], { timeout: 5000 }),
    get: (service, path) => read(mesh.request(`http://${service}${path}`)),
  };
}

/**
 * What an application has without a mesh: undici, connections kept alive, and names looked up when a connection is made. All
 * addresses of the answer are handed over, so Node itself tries the next one where a connection is refused.
 */
async function plainClient({ nameserver, port }) {
  const { Agent, request } = await import(packages.plain);
  const resolver = new Resolver();
  resolver.setServers([nameserver]);
  const lookup = (hostname, options, callback) => {
    resolver.resolve4(hostname, (error, addresses) => {
      if (error !== null) callback(error);
      else if (options.all) callback(null, addresses.map((address) => ({ address, family: 4 })));
      else callback(null, addresses[0], 4);
    });
  };
  const dispatcher = new Agent({ connect: { lookup } });
  return {
    ready: async () => {},
    get: (service, path) =>
      read(request(`http://${service}.plain.svc.cluster.local:${port}${path}`, { dispatcher, signal: AbortSignal.timeout(DEADLINE) })),
  };
}

/** @returns {Promise<{ status: number, body: string }>} */
async function read(pending) {
  const { statusCode, body } = await pending;
  return { status: statusCode, body: await body.text() };
}

/** One line about an error and what it came from. */
export function describe(error) {
  const parts = [];
  for (let at = error; at instanceof Error && parts.length < 4; at = at.cause) {
    const { code = at.name, message, attempts, retrySuppressed } = /** @type {any} */ (at);
    const tried = attempts === undefined ? '' : ` [${attempts} attempt${attempts === 1 ? '' : 's'}${retrySuppressed === undefined ? '' : `, no more: ${retrySuppressed}`}]`;
    parts.push(`${code}: ${message}${tried}`);
  }
  return parts.length === 0 ? String(error) : parts.join(' ← ');
}
