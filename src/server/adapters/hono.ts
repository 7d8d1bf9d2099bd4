/**
 * For Hono: `app.use(meshServer.hono())`. On Node (`@hono/node-server`) the request and response below are there to be watched; elsewhere, and in
 * `app.request()`, there is fetch's Request alone: a request is over when its handler is, and nobody's address or certificate is known.
 */
import type { Answer } from '../answer.ts';
import type { Gate } from '../gate.ts';
import { NodeInbound, type Inbound, type NodeRequest } from '../inbound.ts';
import { LOAD_REPORT_HEADER } from '../load-meter.ts';
import { servingRequest, watch, type NodeResponse } from '../node-response.ts';
import { Serving, type ResponseHeaders } from '../serving.ts';

/** What is needed of Hono's context. */
export interface HonoContext {
  readonly req: { readonly raw: Request };
  readonly env: unknown;
  readonly res: Response;
  header(name: string, value: string): void;
}

export type HonoMiddleware = (context: HonoContext, next: () => Promise<void>) => Promise<Response | void>;

export function honoMiddleware(gate: Gate): HonoMiddleware {
  return async function inmesh(context, next) {
    const { incoming, outgoing } = (context.env ?? {}) as { incoming?: NodeRequest; outgoing?: NodeResponse };
    if (outgoing !== undefined && servingRequest(outgoing) !== undefined) return next();
    const verdict = gate.enter(incoming === undefined ? fromFetch(context.req.raw) : new NodeInbound(incoming));
    if (!(verdict instanceof Serving)) return responseOf(verdict, gate.headers);
    if (outgoing === undefined) return serveFetch(verdict, context, next);
    watch(outgoing, verdict);
    return verdict.run(next);
  };
}

async function serveFetch(serving: Serving, context: HonoContext, next: () => Promise<void>): Promise<void> {
  const left = (): void => serving.over(false);
  const { signal } = context.req.raw;
  signal.addEventListener('abort', left, { once: true });
  try {
    await serving.run(next);
    const { load } = serving.answering(context.res.status);
    if (load !== undefined) context.header(LOAD_REPORT_HEADER, load);
  } finally {
    signal.removeEventListener('abort', left);
    serving.over(true);
  }
}

function fromFetch(request: Request): Inbound {
  const { pathname, search } = new URL(request.url);
  return { method: request.method, target: pathname + search, headers: request.headers, socket: undefined };
}

function responseOf({ status, headers, body }: Answer, { load, close }: ResponseHeaders): Response {
  const response = new Response(body, { status, headers });
  if (load !== undefined) response.headers.set(LOAD_REPORT_HEADER, load);
  if (close) response.headers.set('connection', 'close');
  return response;
}
