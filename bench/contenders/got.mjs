/** got with its defaults (two retries) and an agent that keeps connections alive, round robin by hand. */
import { Agent } from 'node:http';
import got from 'got';

export function setup({ small }) {
  const agent = new Agent({ keepAlive: true });
  const client = got.extend({ agent: { http: agent } });
  let turn = 0;
  return {
    request: () => client(`http://127.0.0.1:${small[turn++ % small.length]}/reviews/1`).text(),
    close: async () => agent.destroy(),
  };
}
