/** A client whose policy is imported, with an echo backend in the place of each service's and version's endpoints. */
import { importManifests } from '../../src/config/import/manifests.ts';
import { createMeshClient, type MeshClient, type MeshOptions, type PolicyDocument } from '../../src/index.ts';
import type { EchoBackends } from './echo-backends.ts';

export interface ImportedClient {
  readonly mesh: MeshClient;
  /** Names of the services, in their order. */
  readonly services: readonly string[];
  close(): Promise<void>;
}

/** `backendOf` names the backend of a service's version; of a service without versions it is the service's name. */
export async function importedClient(
  files: readonly { readonly name: string; readonly text: string }[],
  backends: EchoBackends,
  backendOf: (service: string, version: string) => string,
  options: Partial<MeshOptions> = {},
  namespace = 'default',
): Promise<ImportedClient> {
  const { document } = importManifests(files, namespace);
  const services = document['services'] as Record<string, { discovery?: object; versions?: Record<string, { discovery: object }> }>;
  for (const [name, service] of Object.entries(services)) {
    for (const [version, each] of Object.entries(service.versions ?? {})) each.discovery = { endpoints: [await backends.addressOf(backendOf(name, version))] };
    if (service.versions === undefined) service.discovery = { endpoints: [await backends.addressOf(name)] };
    else delete service.discovery;
  }
  const mesh = createMeshClient({ ...options, policy: { ...document, unknownHosts: 'deny' } as unknown as PolicyDocument });
  return { mesh, services: Object.keys(services), close: () => mesh.close({ timeout: 0 }) };
}
