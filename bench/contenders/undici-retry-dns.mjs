/** undici's Agent with its own retry and dns interceptors. */
import { Agent, interceptors } from 'undici';

export function setup({ small }) {
  const agent = new Agent();
  const composed = agent.compose(interceptors.dns({ affinity: 4 }), interceptors.retry());
  let turn = 0;
  return {
    async request() {
      const { body } = await composed.request({ origin: `http://localhost:${small[turn++ % small.length]}`, path: '/reviews/1', method: 'GET' });
      await body.text();
    },
    close: () => agent.close(),
  };
}
