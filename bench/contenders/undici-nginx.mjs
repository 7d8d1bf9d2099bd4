/** undici through an nginx on the client's core, which balances: both processes' CPU counts. */
import { Pool } from 'undici';
import { startSidecar } from '../support/sidecar.mjs';

const configuration = (ports) => (port, folder) => `
daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log /dev/null;
events { worker_connections 2048; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream reviews { ${ports.map((each) => `server 127.0.0.1:${each};`).join(' ')} keepalive 512; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://reviews; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_connect_timeout 1s; proxy_read_timeout 10s; } }
}
`;

export async function setup({ small }) {
  const sidecar = await startSidecar(configuration(small), (file, folder) => ['nginx', '-p', folder, '-c', file, '-e', '/dev/null']);
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
