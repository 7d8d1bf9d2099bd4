/**
 * A shop to look at: a client that calls a handful of services, each of which is many endpoints, all of them one server on the addresses of this
 * machine's loopback. How each endpoint behaves is for the test to say, and may change while it is called.
 */
import type { Server } from 'node:http';
import { createMeshClient, type MeshClient, type PolicyDocument } from '../../src/index.ts';
import { startServer, type Running } from './http-server.ts';

export interface Behaviour {
  /** Milliseconds. */
  readonly takes?: number;
  readonly status?: number;
}

export interface Trade {
  readonly endpoints: number;
  /** Calls per second. */
  readonly rate: number;
  readonly takes: number;
  readonly knobs?: Omit<NonNullable<PolicyDocument['services']>[string], 'discovery'>;
}

export interface Shop {
  readonly mesh: MeshClient;
  /** `127.0.2.3:PORT`, the third endpoint of the second service. */
  endpoint(service: string, number: number): string;
  behave(service: string, number: number, behaviour: Behaviour): void;
  close(): Promise<void>;
}

export async function openShop(trades: Readonly<Record<string, Trade>>, { defaults = {}, service = 'productpage' }: { defaults?: PolicyDocument['defaults']; service?: string } = {}): Promise<Shop> {
  const names = Object.keys(trades);
  const behaviours = new Map<string, Behaviour>();
  const server: Running<Server> = await startServer((request, response) => {
    const { localAddress = '' } = request.socket;
    const { takes, status = 200 } = behaviours.get(localAddress) ?? {};
    const [, , third] = localAddress.split('.').map(Number);
    const usual = trades[names[Math.floor((third! - 1) / 4)]!]?.takes ?? 1;
    setTimeout(() => response.writeHead(status).end('ok'), (takes ?? usual) * (0.6 + 0.8 * Math.random()));
  }, '0.0.0.0');
  // Four networks of 250 each.
  const address = (name: string, number: number): string => `127.0.${1 + names.indexOf(name) * 4 + Math.floor((number - 1) / 250)}.${1 + ((number - 1) % 250)}`;
  const endpoint = (name: string, number: number): string => `${address(name, number)}:${server.port}`;
  const services = Object.fromEntries(names.map((name) => {
    const { endpoints, knobs } = trades[name]!;
    return [name, { ...knobs, discovery: { endpoints: Array.from({ length: endpoints }, (_, index) => endpoint(name, index + 1)) } }];
  }));
  const mesh = createMeshClient({ service, instance: `${service}-7d9c5b-x2x8q`, policy: { version: 1, defaults, services } as PolicyDocument, logger: { warn: () => {} } });
  const timers = names.map((name) => {
    const { rate } = trades[name]!;
    // Several at once, where it is many.
    const each = Math.max(1, Math.ceil(rate / 100));
    return setInterval(() => {
      for (let call = 0; call < each; call += 1) mesh.fetch(`http://${encodeURIComponent(name)}/`).then((response) => response.text()).catch(() => {});
    }, (1000 * each) / rate);
  });
  return {
    mesh, endpoint,
    behave: (name, number, behaviour) => void behaviours.set(address(name, number), behaviour),
    async close() {
      for (const timer of timers) clearInterval(timer);
      await mesh.close({ timeout: 0 });
      await server.close();
    },
  };
}
