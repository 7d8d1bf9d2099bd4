/**
 * The admin pages until somebody wants them: nothing is loaded, measured or listened to before the first request to the handler or the first
 * `mesh.admin()`. What they count begins then.
 */
import type { Admin } from './admin.ts';
import type { AdminHandler, AdminOptions, AdminServer } from './options.ts';
import type { AdminPort } from './port.ts';

export class LazyAdmin {
  readonly #port: AdminPort;
  readonly #servers = new Set<AdminServer>();
  #admin: Promise<Admin> | undefined;
  #closed = false;

  constructor(port: AdminPort) {
    this.#port = port;
  }

  readonly handler: AdminHandler = (request, response) => {
    if (this.#closed) return void response.writeHead(503, { 'content-type': 'text/plain' }).end('closed\n');
    this.#load().then((admin) => admin.handle(request, response)).catch((error: unknown) => {
      response.destroy(error as Error);
    });
  };

  /** @throws Error where it cannot listen there */
  async listen(options: AdminOptions): Promise<AdminServer> {
    const [admin, { listen }] = await Promise.all([this.#load(), import('./server.ts')]);
    const server = await listen(admin, options);
    if (this.#closed) {
      await server.close();
      throw new Error('mesh.admin: the mesh client is closed');
    }
    this.#servers.add(server);
    return server;
  }

  async close(): Promise<void> {
    this.#closed = true;
    (await this.#admin)?.close();
    await Promise.all([...this.#servers].map((server) => server.close()));
  }

  #load(): Promise<Admin> {
    return (this.#admin ??= import('./admin.ts').then(({ Admin }) => new Admin(this.#port)));
  }
}
