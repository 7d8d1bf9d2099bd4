/** @grpc/grpc-js, unary, round robin over four servers, with its retries and a deadline. */
import { Client, credentials } from '@grpc/grpc-js';

const asIs = (bytes) => bytes;

export function setup({ grpc }) {
  const config = {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [{ name: [{}], retryPolicy: { maxAttempts: 3, initialBackoff: '0.025s', maxBackoff: '0.25s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'] } }],
  };
  const client = new Client(`ipv4:${grpc.map((port) => `127.0.0.1:${port}`).join(',')}`, credentials.createInsecure(), { 'grpc.service_config': JSON.stringify(config) });
  const question = Buffer.from('{"id":1}');
  return {
    request: () => new Promise((resolve, reject) => {
      client.makeUnaryRequest('/reviews.Reviews/Get', asIs, asIs, question, { deadline: Date.now() + 30_000 }, (error, answer) => (error === null ? resolve(answer.toString()) : reject(error)));
    }),
    close: async () => client.close(),
  };
}
