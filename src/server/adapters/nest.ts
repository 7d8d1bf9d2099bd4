/** For NestJS, with Express or Fastify below it: `meshServer.nest(app)`, before `app.listen`. */
import type { Gate } from '../gate.ts';
import { expressMiddleware, type ConnectMiddleware } from './express.ts';
import { fastifyHooks, type FastifyApp } from './fastify.ts';

/** What is needed of a Nest application. */
export interface NestApp<Server> {
  use(middleware: ConnectMiddleware): unknown;
  getHttpServer(): Server;
  getHttpAdapter(): { getInstance(): unknown };
}

export function nestMiddleware(gate: Gate, app: NestApp<unknown>): void {
  const below = app.getHttpAdapter().getInstance() as Partial<FastifyApp<unknown>>;
  // With Fastify below, a middleware's context would be lost where the body is read.
  if (typeof below.addHook === 'function') fastifyHooks(gate, below as FastifyApp<unknown>);
  else app.use(expressMiddleware(gate));
}
