/** `inmesh graph --from-srv`: the processes behind a headless Service, found in a real nameserver, with real clients in them. */
import { expect, it } from 'vitest';
import { graph } from '../../src/cli/commands/graph.ts';
import { createMeshClient } from '../../src/index.ts';
import { startServer } from '../support/http-server.ts';
import { needs } from '../support/needs.ts';
import { startBind } from '../support/static-dns.ts';
import { ran } from '../support/terminal.ts';

needs('bind').describe('inmesh graph, by SRV', () => {
  it('asks every process that the name leads to, and says which of them did not answer', async () => {
    const ratings = await startServer((_, response) => void response.end('ok'));
    const processes = await Promise.all(['reviews-0', 'reviews-1'].map(async (instance) => {
      const mesh = createMeshClient({ service: 'reviews', instance, policy: { version: 1, services: { ratings: { discovery: { endpoints: [`127.0.0.1:${ratings.port}`] } } } } });
      const { port } = await mesh.admin({ port: 0 });
      for (let call = 0; call < 10; call += 1) await (await mesh.fetch('http://ratings/')).text();
      return { mesh, port };
    }));
    const zone = `$TTL 5
@ SOA ns. admin. 1 3600 600 86400 5
@ NS ns
ns A 127.0.0.1
pod A 127.0.0.1
${[...processes.map(({ port }) => port), 1].map((port) => `_admin._tcp.reviews SRV 0 1 ${port} pod`).join('\n')}
`;
    const dns = await startBind({ 'shop.test': zone });
    const { code, out } = await ran(graph, ['--from-srv', '_admin._tcp.reviews.shop.test', '--server', dns.address, '--json']);
    const { nodes, edges, failed } = JSON.parse(out);
    expect(nodes).toEqual([{ name: 'ratings', processes: 0 }, { name: 'reviews', processes: 2 }]);
    expect(edges).toMatchObject([{ from: 'reviews', to: 'ratings', processes: 2, success: 1 }]);
    expect(edges[0].rate).toBeGreaterThan(1);
    expect([code, failed]).toEqual([1, [{ from: '127.0.0.1:1', error: expect.any(String) }]]);

    const nowhere = await ran(graph, ['--from-srv', '_admin._tcp.nowhere.shop.test', '--server', dns.address]);
    expect([nowhere.code, nowhere.out]).toEqual([1, expect.stringContaining('_admin._tcp.nowhere.shop.test')]);
    await dns.close();
    for (const { mesh } of processes) await mesh.close({ timeout: 0 });
    await ratings.close();
  }, 30_000);
});
