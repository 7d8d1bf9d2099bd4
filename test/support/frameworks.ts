/**
 * The same service in each framework: POST /work with a JSON body, answered with what `work` makes of it. Each is wired as its users wire it,
 * with the server half before everything else.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Controller, HttpCode, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import 'reflect-metadata';
import type { MeshServer } from '../../src/server/index.ts';
import { readBody } from './http-server.ts';

/** `header`: the framework's own way of asking for one. */
export type Work = (body: { readonly [key: string]: unknown }, header: (name: string) => unknown) => Promise<object>;

export interface Running {
  readonly port: number;
  close(): Promise<void>;
}

export type Start = (mesh: MeshServer, work: Work) => Promise<Running>;

export const frameworks: Readonly<Record<string, Start>> = {
  'node:http': async (mesh, work) => {
    const server = createServer(mesh.node(async (request, response) => {
      const result = await work(JSON.parse(await readBody(request)) as object as never, (name) => request.headers[name]);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(result));
    }));
    return listening(mesh.attach(server).listen(0, '127.0.0.1'));
  },
  Express: async (mesh, work) => {
    const app = express();
    app.use(mesh.express());
    app.use(express.json());
    app.post('/work', async (request, response) => {
      response.json(await work(request.body as never, (name) => request.get(name)));
    });
    return listening(mesh.attach(app.listen(0, '127.0.0.1')));
  },
  Fastify: async (mesh, work) => {
    const app = fastify();
    mesh.fastify(app);
    app.post('/work', (request) => work(request.body as never, (name) => request.headers[name]));
    await app.listen({ port: 0, host: '127.0.0.1' });
    return running(app.server);
  },
  Koa: async (mesh, work) => {
    const app = new Koa();
    app.use(mesh.koa());
    app.use(async (context) => {
      context.body = await work(JSON.parse(await readBody(context.req)) as never, (name) => context.get(name) || undefined);
    });
    return listening(mesh.attach(app.listen(0, '127.0.0.1')));
  },
  Hono: async (mesh, work) => {
    const app = new Hono();
    app.use(mesh.hono());
    app.post('/work', async (context) => context.json(await work(await context.req.json<never>(), (name) => context.req.header(name))));
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    return listening(mesh.attach(server as Server));
  },
  NestJS: async (mesh, work) => {
    class Works {
      work(request: { body: never; headers: Record<string, unknown> }): Promise<object> {
        return work(request.body, (name) => request.headers[name]);
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Works.prototype, 'work')!;
    Req()(Works.prototype, 'work', 0);
    Post('work')(Works.prototype, 'work', descriptor);
    HttpCode(200)(Works.prototype, 'work', descriptor);
    Controller()(Works);
    class App {}
    Module({ controllers: [Works] })(App);
    const app = await NestFactory.create(App, { logger: false });
    mesh.nest(app as never);
    await app.listen(0, '127.0.0.1');
    return running(app.getHttpServer());
  },
};

/** Over HTTP/2, which our client does not speak without TLS. */
export async function startHttp2(mesh: MeshServer, work: Work): Promise<Running> {
  const server = createHttp2Server(mesh.node(async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const result = await work(JSON.parse(text) as never, (name) => request.headers[name]);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(result));
  }));
  return listening(mesh.attach(server).listen(0, '127.0.0.1'));
}

async function listening(server: Server | Http2Server): Promise<Running> {
  if (!server.listening) await once(server, 'listening');
  return running(server);
}

function running(server: Server | Http2Server): Running {
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      if ('closeAllConnections' in server) server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
