/**
 * Serves a request of Node's own servers, which is what stands below Express, Fastify, Koa, Nest and Hono: asks the gate, and writes its
 * answer or runs the handler and watches its response.
 *
 * What an answer says of the load, and that its connection closes, is true only when it goes out, so it is added then. There is no event for that;
 * `writeHead`, through which all answers go, is replaced for the one response, as the package `on-headers` does for so many.
 */
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Answer } from './answer.ts';
import type { Gate } from './gate.ts';
import { NodeInbound, type NodeRequest } from './inbound.ts';
import { LOAD_REPORT_HEADER } from './load-meter.ts';
import { Serving, type ResponseHeaders } from './serving.ts';

export type NodeResponse = ServerResponse | Http2ServerResponse;

const servingOf = Symbol('inmesh.serving');
const originalOf = Symbol('inmesh.writeHead');

type Writable = ServerResponse;
type Watched = Writable & { [servingOf]?: Serving; [originalOf]?: Writable['writeHead'] };

/** Runs `work` in the request's context. Undefined: the request was refused, and answered. Whoever asks twice for one request is let through. */
export function serveNode<Result>(gate: Gate, request: NodeRequest, response: NodeResponse, work: () => Result): Result | undefined {
  if (servingRequest(response) !== undefined) return work();
  const verdict = gate.enter(new NodeInbound(request));
  if (!(verdict instanceof Serving)) {
    writeAnswer(response, verdict, gate.headers);
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

function writeAnswer(response: NodeResponse, { status, headers, body }: Answer, added: ResponseHeaders): void {
  // Both have the same methods, with types that do not meet.
  const plain = response as Writable;
  add(plain, added);
  plain.writeHead(status, { ...headers });
  plain.end(body);
}

function writeHead(this: Watched, ...given: unknown[]): Writable {
  const original = this[originalOf]!;
  this.writeHead = original;
  add(this, this[servingOf]!.answering(given[0] as number));
  return (original as (...given: unknown[]) => Writable).apply(this, given);
}

function add(response: Writable, { load, close }: ResponseHeaders): void {
  if (load !== undefined) response.setHeader(LOAD_REPORT_HEADER, load);
  // In HTTP/2 that is no matter of a response.
  if (close && response.req.httpVersionMajor < 2) response.setHeader('connection', 'close');
}

function closed(this: Watched): void {
  // HTTP/2's response has only the second.
  this[servingOf]!.over(this.writableFinished ?? this.writableEnded);
}
