/**
 * For Fastify: `meshServer.fastify(app)`, before its routes.
 *
 * Fastify reads a body between two of its hooks, and its 4 and first 5 go on from within the socket's own events, where the context is not. So the
 * handler is brought back into it at the next hook.
 */
import type { Gate } from '../gate.ts';
import type { NodeRequest } from '../inbound.ts';
import { serveNode, servingRequest, type NodeResponse } from '../node-response.ts';

interface FastifyRequest {
  readonly raw: NodeRequest;
}

interface FastifyReply {
  readonly raw: NodeResponse;
  hijack(): unknown;
}

type Hook = (request: FastifyRequest, reply: FastifyReply, done: () => void) => void;

/** What is needed of Fastify. */
export interface FastifyApp<Server> {
  readonly server: Server;
  addHook(name: 'onRequest' | 'preValidation', hook: Hook): unknown;
}

export function fastifyHooks(gate: Gate, app: FastifyApp<unknown>): void {
  app.addHook('onRequest', function inmesh(request, reply, done) {
    serveNode(gate, request.raw, reply.raw, () => done());
    if (servingRequest(reply.raw) === undefined) reply.hijack();
  });
  app.addHook('preValidation', function inmesh(_request, reply, done) {
    const serving = servingRequest(reply.raw);
    if (serving === undefined) done();
    else serving.run(() => done());
  });
}
