/** For Koa: `app.use(meshServer.koa())`. */
import type { Gate } from '../gate.ts';
import type { NodeRequest } from '../inbound.ts';
import { serveNode, servingRequest, type NodeResponse } from '../node-response.ts';

/** What is needed of Koa's context. */
export interface KoaContext {
  readonly req: NodeRequest;
  readonly res: NodeResponse;
  respond?: boolean | undefined;
}

export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>;

export function koaMiddleware(gate: Gate): KoaMiddleware {
  return async function inmesh(context, next) {
    await serveNode(gate, context.req, context.res, next);
    // It has its answer; Koa would write another.
    if (servingRequest(context.res) === undefined) context.respond = false;
  };
}
