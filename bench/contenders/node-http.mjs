/** node:http with an agent that keeps connections alive, round robin by hand. */
import { Agent, get } from 'node:http';

export function setup({ small }) {
  const agent = new Agent({ keepAlive: true });
  let turn = 0;
  return {
    request: () => new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: small[turn++ % small.length], path: '/reviews/1', agent }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve(text));
        response.on('error', reject);
      }).on('error', reject);
    }),
    close: async () => agent.destroy(),
  };
}
