/**
 * Serves a request of Node's own servers, which is what stands below Express, Fastify, Koa, Nest and Hono: asks the gate, and writes the
 * refusal or runs the handler and watches its response.
 *
 * What an answer says of the load, and that its connection closes, is true only when it goes out, so it is added then. There is no event for that;
 * `writeHead`, through which all answers go, is replaced for the one response, as the package `on-headers` does for so many.
 */
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Gate } from './gate.ts';
import { inboundOf, type NodeRequest } from './inbound.ts';
import { LOAD_REPORT_HEADER } from './load-meter.ts';
import type { Refusal } from './refusal.ts';
import { Serving } from './serving.ts';

export type NodeResponse = ServerResponse | Http2ServerResponse;

const servingOf = Symbol('inmesh.serving');
const originalOf = Symbol('inmesh.writeHead');

type Writable = ServerResponse;
type Watched = Writable & { [servingOf]?: Serving; [originalOf]?: Writable['writeHead'] };

/** Runs `work` in the request's context. Undefined: the request was refused, and answered. Whoever asks twice for one request is let through. */
export function serveNode<Result>(gate: Gate, request: NodeRequest, response: NodeResponse, work: () => Result): Result | undefined {
  if (servingRequest(response) !== undefined) return work();
  const verdict = gate.enter(inboundOf(request));
  if (!(verdict instanceof Serving)) {
    writeRefusal(response, verdict, gate.report);
    return undefined;
  }
  watch(response, verdict);
  return verdict.run(work);
}

/** Undefined where the gate has not been asked. */
export function servingRequest(response: NodeResponse): Serving | undefined {
  return (response as Watched)[servingOf];
}

export function watch(response: NodeResponse, serving: Serving): void {
  const watched = response as Watched;
  watched[servingOf] = serving;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on the response again, below
  watched[originalOf] = watched.writeHead;
  watched.writeHead = writeHead;
  watched.once('close', closed);
}

export function writeRefusal(response: NodeResponse, { status, headers, body }: Refusal, load: string | undefined): void {
  // Both have the same methods, with types that do not meet.
  const plain = response as Writable;
  plain.writeHead(status, load === undefined ? { ...headers } : { ...headers, [LOAD_REPORT_HEADER]: load });
  plain.end(body);
}

function writeHead(this: Watched, ...given: unknown[]): Writable {
  const original = this[originalOf]!;
  this.writeHead = original;
  const { load, close } = this[servingOf]!.answering(given[0] as number);
  if (load !== undefined) this.setHeader(LOAD_REPORT_HEADER, load);
  // In HTTP/2 that is no matter of a response.
  if (close && this.req.httpVersionMajor < 2) this.setHeader('connection', 'close');
  return (original as (...given: unknown[]) => Writable).apply(this, given);
}

function closed(this: Watched): void {
  // HTTP/2's response has only the second.
  this[servingOf]!.over(this.writableFinished ?? this.writableEnded);
}
