/** undici through a haproxy on the client's core, which balances: both processes' CPU counts. */
import { Pool } from 'undici';
import { startSidecar } from '../support/sidecar.mjs';

const configuration = (ports) => (port) => `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 10s
  timeout http-keep-alive 60s
  retries 2
frontend reviews
  bind 127.0.0.1:${port}
  default_backend endpoints
backend endpoints
  balance leastconn
  http-reuse always
${ports.map((each, index) => `  server e${index} 127.0.0.1:${each} pool-max-conn -1`).join('\n')}
`;

export async function setup({ small }) {
  const sidecar = await startSidecar(configuration(small), (file) => ['haproxy', '-db', '-q', '-f', file]);
  const pool = new Pool(`http://127.0.0.1:${sidecar.port}`);
  return {
    async request() {
      const { body } = await pool.request({ path: '/reviews/1', method: 'GET' });
      await body.text();
    },
    sidecar: sidecar.pid,
    close: async () => {
      await pool.close();
      sidecar.close();
    },
  };
}
