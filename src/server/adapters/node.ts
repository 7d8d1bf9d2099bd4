/** For `node:http`, `node:https` and `node:http2`: `createServer(meshServer.node(listener))`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gate } from '../gate.ts';
import type { NodeRequest } from '../inbound.ts';
import { serveNode, type NodeResponse } from '../node-response.ts';

export function nodeListener<Request extends NodeRequest = IncomingMessage, Response extends NodeResponse = ServerResponse>(
  gate: Gate,
  listener: (request: Request, response: Response) => unknown,
): (request: Request, response: Response) => void {
  return function serve(request, response) {
    serveNode(gate, request, response, () => listener(request, response));
  };
}
