/** For Express, Connect, and whatever takes their middleware (Nest's `app.use` with either of its platforms): `app.use(meshServer.express())`. */
import type { Gate } from '../gate.ts';
import type { NodeRequest } from '../inbound.ts';
import { serveNode, type NodeResponse } from '../node-response.ts';

export type ConnectMiddleware = (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void) => void;

export function expressMiddleware(gate: Gate): ConnectMiddleware {
  return function inmesh(request, response, next) {
    // Without an argument: to Express that would be an error.
    serveNode(gate, request, response, () => next());
  };
}
