/**
 * `/snapshot.json`: what `mesh.inspect()` gives, and what was measured since somebody looks. `inmesh graph` and `inmesh top` read it, of processes
 * that may have another version of this package: fields are added, and what is there keeps its meaning as long as `format` is the same.
 *
 * What JSON cannot say is null: a limit that does not limit.
 */
import { SNAPSHOT_FORMAT } from '../core/snapshot-format.ts';
import type { ObservedMesh, ObservedService } from './port.ts';
import type { Traffic, TrafficRecord } from './traffic.ts';

export interface SnapshotFile extends ObservedMesh {
  readonly format: typeof SNAPSHOT_FORMAT;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly services: readonly (ObservedService & { readonly traffic: Traffic })[];
}

export function snapshotOf(mesh: ObservedMesh, traffic: TrafficRecord, wall: number): SnapshotFile {
  return { format: SNAPSHOT_FORMAT, at: Math.round(wall), ...mesh, services: mesh.services.map((service) => ({ ...service, traffic: traffic.of(service.name) })) };
}
