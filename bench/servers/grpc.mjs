/** Four gRPC servers with the same small answer. Tells their ports over IPC. */
import { Server, ServerCredentials } from '@grpc/grpc-js';

const answer = Buffer.from(JSON.stringify({ id: 42, name: 'The Comedy of Errors', reviews: [{ reviewer: 'Reviewer1', text: 'An extremely entertaining play by Shakespeare.' }] }));
const asIs = (bytes) => bytes;
const service = { Get: { path: '/reviews.Reviews/Get', requestStream: false, responseStream: false, requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs } };

function listen() {
  const server = new Server();
  server.addService(service, { Get: (_call, done) => done(null, answer) });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

process.send({ grpc: await Promise.all([0, 0, 0, 0].map(listen)) });
process.on('disconnect', () => process.exit());
