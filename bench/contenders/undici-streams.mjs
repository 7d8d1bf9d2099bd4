/** Long bodies by undici's request. */
import { Pool } from 'undici';
import { transferring } from '../support/long-bodies.mjs';

export function setup({ streams }) {
  const pool = new Pool(`http://127.0.0.1:${streams}`);
  return { transfer: transferring((path, options) => pool.request({ path, ...options })), close: () => pool.close() };
}
