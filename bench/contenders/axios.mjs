/** axios with an agent that keeps connections alive and a timeout, round robin by hand. */
import { Agent } from 'node:http';
import axios from 'axios';

export function setup({ small }) {
  const httpAgent = new Agent({ keepAlive: true });
  const client = axios.create({ httpAgent, timeout: 30_000, proxy: false, responseType: 'text' });
  let turn = 0;
  return {
    request: () => client.get(`http://127.0.0.1:${small[turn++ % small.length]}/reviews/1`),
    close: async () => httpAgent.destroy(),
  };
}
