/**
 * What a client is made with.
 */
import type { GivenPolicy } from './config/load-policy.ts';
import type { Transport } from './core/call.ts';
import type { Clock } from './core/clock.ts';
import type { Random } from './core/random.ts';
import type { Logger } from './telemetry/event-log.ts';

export type { Logger };

export interface MeshOptions {
  /**
   * Path or file URL of the policy file or of a folder of them, a list of these (later ones win), or an object of its shape. Default: `$INMESH_POLICY`, else `/etc/inmesh/policy.yaml`,
   * else built-in defaults, with one warning.
   */
  readonly policy?: GivenPolicy;
  /** This service's own name. Default: `$OTEL_SERVICE_NAME`, else the host name. */
  readonly service?: string;
  /** This process among its peers; it decides which subset of endpoints it talks to. Default: `$POD_NAME`, else the host name. */
  readonly instance?: string;
  /**
   * The zone in which this process runs, as Kubernetes calls it (`topology.kubernetes.io/zone`): endpoints there are preferred, and where
   * EndpointSlices say which zones their endpoints are for, those for this zone are used. Default: `$INMESH_ZONE`, else where the policy's
   * `zones` put its address, else unknown, which prefers none.
   */
  readonly zone?: string;
  /** `ip`, `ip:port` or `[ipv6]:port`. Default: those of /etc/resolv.conf. */
  readonly nameservers?: readonly string[];
  /** Follow the policy's files, and use what they say once it is valid (docs/policy.md). Default: true. */
  readonly watch?: boolean;
  /** Told of every event at its level (docs/telemetry.md), and of warnings. Default: nobody; what is wrong with the policy is a process warning. */
  readonly logger?: Logger;
  /** For tests: time, chance and the network. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly transport?: (service: string) => Transport;
}
