/**
 * A DNS server that does what a test tells it to: answers late, twice, wrongly, cut off, or not at all. For what no real server does on
 * demand. UDP and TCP on one port of 127.0.0.1.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { decode, encode } from 'dns-packet';
import type { Answer } from 'dns-packet';
import { freePort } from './free-port.ts';

export interface ReplyParts {
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
  readonly rcode?: number;
  /** Default: authoritative. */
  readonly authoritative?: boolean;
  readonly recursionAvailable?: boolean;
  readonly truncated?: boolean;
  readonly id?: number;
  readonly question?: { readonly name: string; readonly type: 'A' | 'AAAA' | 'SRV' };
}

export interface ScriptedQuery {
  readonly name: string;
  readonly type: string;
  readonly id: number;
  readonly transport: 'udp' | 'tcp';
  readonly edns: boolean;
  /** The client's port. */
  readonly port: number;
  readonly at: number;
  readonly raw: Buffer;
  /** Bytes of a well-formed reply to this query. */
  reply(parts?: ReplyParts): Buffer;
  send(reply: Buffer): void;
  /** TCP: breaks the connection off. */
  reset(): void;
}

export interface ScriptedDns {
  readonly address: string;
  readonly port: number;
  readonly queries: readonly ScriptedQuery[];
  /** TCP connections accepted so far. */
  readonly connections: number;
  /** TCP connections open now. */
  readonly open: number;
  script(answer: (query: ScriptedQuery) => void): void;
  close(): Promise<void>;
}

export interface ScriptedDnsOptions {
  /** false: the TCP port refuses. */
  readonly tcp?: boolean;
}

export async function startScriptedDns(answer: (query: ScriptedQuery) => void, options: ScriptedDnsOptions = {}): Promise<ScriptedDns> {
  for (;;) {
    const port = await freePort();
    const server = new Scripted(port, answer);
    try {
      await server.listen(options.tcp !== false);
      return server;
    } catch {
      await server.close();
    }
  }
}

class Scripted implements ScriptedDns {
  readonly port: number;
  readonly queries: ScriptedQuery[] = [];
  connections = 0;
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();
  #answer: (query: ScriptedQuery) => void;
  #closed = false;

  constructor(port: number, answer: (query: ScriptedQuery) => void) {
    this.port = port;
    this.#answer = answer;
    this.#udp.on('message', (raw, from) => this.#datagram(raw, from));
    this.#tcp = createServer((socket) => this.#connection(socket));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get open(): number {
    return this.#sockets.size;
  }

  script(answer: (query: ScriptedQuery) => void): void {
    this.#answer = answer;
  }

  async listen(tcp: boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#udp.once('error', reject);
      this.#udp.bind(this.port, '127.0.0.1', resolve);
    });
    if (!tcp) return;
    this.#tcp.listen(this.port, '127.0.0.1');
    await once(this.#tcp, 'listening');
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
    if (this.#tcp.listening) await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }

  #datagram(raw: Buffer, from: RemoteInfo): void {
    const send = (reply: Buffer): void => {
      if (!this.#closed) this.#udp.send(reply, from.port, from.address);
    };
    this.#query(raw, 'udp', from.port, send, () => undefined);
  }

  #connection(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const raw = Buffer.from(pending.subarray(2, 2 + pending.readUInt16BE(0)));
        pending = pending.subarray(2 + raw.length);
        const send = (reply: Buffer): void => {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(reply.length);
          if (!socket.destroyed) socket.write(Buffer.concat([length, reply]));
        };
        this.#query(raw, 'tcp', socket.remotePort ?? 0, send, () => socket.resetAndDestroy());
      }
    });
  }

  #query(raw: Buffer, transport: 'udp' | 'tcp', port: number, send: (reply: Buffer) => void, reset: () => void): void {
    const packet = decode(raw);
    const asked = packet.questions?.[0];
    if (asked === undefined) throw new Error('a query without a question');
    const query: ScriptedQuery = {
      name: asked.name, type: asked.type, id: packet.id ?? 0, transport, port, raw, send, reset,
      edns: (packet.additionals ?? []).some((record) => record.type === 'OPT'),
      at: performance.now(),
      reply: (parts) => replyTo(packet.id ?? 0, asked, parts),
    };
    this.queries.push(query);
    this.#answer(query);
  }
}

function replyTo(id: number, asked: { name: string; type: string }, parts: ReplyParts = {}): Buffer {
  const { rcode = 0, authoritative = true, recursionAvailable = false, truncated = false } = parts;
  const extended = rcode >> 4;
  const opt: Answer = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: extended, ednsVersion: 0, flags: 0, flag_do: false, options: [] };
  return encode({
    type: 'response',
    id: parts.id ?? id,
    flags: (rcode & 0xf) | (authoritative ? 0x0400 : 0) | (recursionAvailable ? 0x0080 : 0) | (truncated ? 0x0200 : 0),
    questions: [(parts.question ?? asked) as { name: string; type: 'SRV' }],
    answers: [...(parts.answers ?? [])],
    authorities: [...(parts.authorities ?? [])],
    additionals: [...(parts.additionals ?? []), ...(extended > 0 ? [opt] : [])],
  });
}

export function srv(name: string, target: string, port: number, more: { ttl?: number; priority?: number; weight?: number } = {}): Answer {
  const { ttl = 5, priority = 0, weight = 1 } = more;
  return { type: 'SRV', name, ttl, data: { priority, weight, port, target } };
}

export function a(name: string, address: string, ttl = 5): Answer {
  return { type: address.includes(':') ? 'AAAA' : 'A', name, ttl, data: address };
}

export function cname(name: string, target: string, ttl = 5): Answer {
  return { type: 'CNAME', name, ttl, data: target };
}

export function soa(zone: string, ttl = 5, minimum = 5): Answer {
  return { type: 'SOA', name: zone, ttl, data: { mname: `ns.${zone}`, rname: `hostmaster.${zone}`, serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum } };
}
