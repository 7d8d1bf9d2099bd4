/** undici's dispatch with a handler by hand, a Pool per endpoint, round robin by hand. */
import { Pool } from 'undici';
import { dispatchOnce } from '../support/dispatch-once.mjs';

export function setup({ small }) {
  const pools = small.map((port) => new Pool(`http://127.0.0.1:${port}`));
  let turn = 0;
  return {
    request: () => dispatchOnce(pools[turn++ % pools.length], { path: '/reviews/1', method: 'GET' }),
    close: () => Promise.all(pools.map((pool) => pool.close())),
  };
}
