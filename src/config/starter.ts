/**
 * The policy file to begin with: what most people set first, each with what it means and its default, which comes from the schema and is
 * not written a second time. All of it is a valid policy, also with every comment sign in front of a key taken away.
 */
import { at as schemaAt } from './write-value.ts';

export interface Starter {
  /** Services to name; at least one. */
  readonly services: readonly string[];
  readonly namespace: string;
}

export function starterPolicy({ services, namespace }: Starter): string {
  return `# yaml-language-server: $schema=./node_modules/inmesh/dist/policy.schema.json
#
# The policy of the mesh: one file for all services. Each process reads it whole and uses what it calls.
# Durations 250ms 2s 5m 1h · shares 20% · sizes 64KiB · \${NAME} and \${NAME:-default} from the environment, in values.
# Check it with: npx inmesh validate policy.yaml
version: 1

# Hosts that no service below names: ${of('unknownHosts')} (looked up in DNS, called with the defaults) | passthrough | deny
# unknownHosts: ${of('unknownHosts')}

# For every service that does not say otherwise. What is commented out has the value it has anyway.
defaults:
  # The whole call: all attempts, to the end of the body.
  deadline: ${of('defaults.deadline')}
  # One attempt, to its response headers; less than the deadline.
  attemptTimeout: ${of('defaults.attemptTimeout')}

  # retry:
  #   maxRetries: ${of('defaults.retry.maxRetries')}
  #   on: [${(at('defaults.retry.on') as string[]).join(', ')}]

  # Endpoints that do worse than the others get no traffic for a while. To see what it would do first, say observe.
  # outlier: { mode: ${of('defaults.outlier.mode')} }

  # Fail at once while a whole service is failing.
  # circuit: { failureRate: ${of('defaults.circuit.failureRate')}, openFor: ${of('defaults.circuit.openFor')} }

services:
${services.map((name) => service(name, namespace)).join('\n')}`;
}

function service(name: string, namespace: string): string {
  return `  ${name}:
    # A headless Service (clusterIP: None) with a port named http. Without this, the host of the URL is looked up.
    discovery: { srv: _http._tcp.${name}.${namespace}.svc.cluster.local }
    # hosts: [${name}, ${name}.${namespace}.svc.cluster.local]
    # deadline: 5s
    # attemptTimeout: 2s
`;
}

/** As it stands in the file. */
function of(path: string): string {
  return String(at(path));
}

function at(path: string): unknown {
  const [node] = schemaAt(path.split('.'));
  if (node?.default === undefined) throw new RangeError(`${path}: no such key, or one without a default`);
  return node.default;
}
