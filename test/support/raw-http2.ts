/** HTTP/2 frames as bytes (RFC 9113 §4.1, §6; RFC 7541), for servers that send what node:http2 would not. In plain text, with prior knowledge. */
import type { Server, Socket } from 'node:net';
import { startTcp, type Running } from './http-server.ts';

export const FRAME = { data: 0, headers: 1, resetStream: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const;
export const FLAG = { none: 0, ack: 1, endStream: 1, endHeaders: 4 } as const;
/** Identifiers of settings. */
export const SETTING = { maxConcurrentStreams: 3, initialWindowSize: 4 } as const;

const PREFACE = 24;
const HEAD = 9;

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(FRAME.settings, FLAG.none, 0, payload);
}

/** A header, by its name, neither compressed nor kept (RFC 7541 §6.2.2). Name and value of less than 127 bytes. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
}

/** The same, kept in the table of the connection (§6.2.1): from then on one byte stands for it. */
export function kept(name: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x40, name.length]), Buffer.from(name), Buffer.from([0x7f, ...varint(value.length - 127)]), value]);
}
/** … the one that was kept last. */
export const LAST_KEPT = 0x80 | 62;

export const OK = Buffer.from([0x88]);
export const response = (stream: number, flags: number = FLAG.endHeaders, block: Buffer = OK): Buffer => frame(FRAME.headers, flags, stream, block);

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

export interface RawHttp2 {
  /** What the server begins with. */
  readonly first?: Buffer;
  /** Asked for each request, once its headers have come. */
  readonly each?: (socket: Socket, stream: number) => void;
}

export async function startRawHttp2({ first = settings(), each }: RawHttp2): Promise<Running<Server>> {
  return startTcp((socket) => {
    let bytes = Buffer.alloc(0);
    let begun = false;
    socket.write(first);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!begun) {
        if (bytes.length < PREFACE) return;
        bytes = bytes.subarray(PREFACE);
        begun = true;
      }
      while (bytes.length >= HEAD) {
        const length = HEAD + bytes.readUIntBE(0, 3);
        if (bytes.length < length) return;
        const [type, flags, stream] = [bytes[3], bytes[4]!, bytes.readUInt32BE(5)];
        bytes = bytes.subarray(length);
        if (type === FRAME.settings && (flags & FLAG.ack) === 0) socket.write(frame(FRAME.settings, FLAG.ack, 0));
        if (type === FRAME.headers) each?.(socket, stream);
      }
    });
  });
}
