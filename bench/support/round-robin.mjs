/** undici's request, a Pool per endpoint, round robin by hand: the yardstick, and what other contenders wrap. */
import { Pool } from 'undici';

export function roundRobin(ports) {
  const pools = ports.map((port) => new Pool(`http://127.0.0.1:${port}`));
  let turn = 0;
  return {
    async request() {
      const { body } = await pools[turn++ % pools.length].request({ path: '/reviews/1', method: 'GET' });
      await body.text();
    },
    close: () => Promise.all(pools.map((pool) => pool.close())),
  };
}
