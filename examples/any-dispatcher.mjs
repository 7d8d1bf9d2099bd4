/**
 * `mesh.dispatcher` is an undici Dispatcher: whatever takes one calls through the mesh, without knowing it. Here the fetch
 * of Node itself, the fetch of undici, and undici's `request`. Run it: node examples/any-dispatcher.mjs
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createMeshClient } from 'inmesh';
import * as undici from 'undici';

const server = createServer((request, response) => response.end(`${request.headers['user-agent']} reached ${request.headers.host}`));
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const endpoints = [`127.0.0.1:${server.address().port}`];
const mesh = createMeshClient({ policy: { version: 1, services: { catalog: { discovery: { endpoints } } } } });
const { dispatcher } = mesh;
const about = (name) => ({ dispatcher, headers: { 'user-agent': name } });

const fromNode = await fetch('http://catalog/books', about('fetch of Node'));
console.log(await fromNode.text());

const fromUndici = await undici.fetch('http://catalog/books', about('fetch of undici'));
console.log(await fromUndici.text());

const { body } = await undici.request('http://catalog/books', about('request of undici'));
console.log(await body.text());

await mesh.close();
server.close();
