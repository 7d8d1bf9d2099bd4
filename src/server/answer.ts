/**
 * Answer: what the gate says itself, in the place of a handler. In JSON, so that people and programs read it; a refusal has the header of
 * core/not-processed.ts where the request may be sent to another.
 */
import type { Socket } from 'node:net';
import { endpointKey } from '../core/endpoint.ts';
import { NOT_PROCESSED_HEADER, notProcessed, type NotProcessedReason } from '../core/not-processed.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function answer(status: number, said: object, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = `${JSON.stringify(said)}\n`;
  return { status, body, headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': String(Buffer.byteLength(body)), 'cache-control': 'no-store', ...headers } };
}

/** The header for a request that came over this connection; none where nobody can say which address was asked. */
export function notProcessedBy(socket: Socket | undefined, reason: NotProcessedReason): Readonly<Record<string, string>> {
  const { localAddress, localPort } = socket ?? {};
  if (localAddress === undefined || localPort === undefined) return {};
  // Who listens on `::` is asked for 10.0.0.7 as ::ffff:10.0.0.7.
  const host = localAddress.startsWith('::ffff:') ? localAddress.slice('::ffff:'.length) : localAddress;
  return { [NOT_PROCESSED_HEADER]: notProcessed(reason, endpointKey({ host, port: localPort })) };
}
