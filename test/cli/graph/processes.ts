/** Processes that say of themselves what a test has them say. */
import { snapshotOf } from '../../../src/admin/snapshot-file.ts';
import { TrafficRecord } from '../../../src/admin/traffic.ts';
import { observedMesh, observedService, type Parts } from '../../admin/observed.ts';
import { fakeCall } from '../../support/fake-call.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

export interface Called extends Omit<Parts, 'services'> {
  readonly name: string;
  readonly good?: number;
  readonly bad?: number;
  readonly takes?: number;
  readonly circuit?: 'closed' | 'open';
}

/** The text of `/snapshot.json`, by the code that makes it; the calls were made in one second. */
export function snapshotText(service: string, called: readonly Called[]): string {
  const traffic = new TrafficRecord(new VirtualClock(0));
  const services = called.map(({ name, good = 0, bad = 0, takes = 10, circuit = 'closed', ...parts }) => {
    for (let call = 0; call < good + bad; call += 1) traffic.called({ ...fakeCall(), service: name, startedAt: -takes }, 0, call < good ? 'success' : 'failure', call < good ? 200 : 503, undefined);
    const observed = observedService(name, parts);
    return { ...observed, circuit: { ...observed.circuit, state: circuit } };
  });
  return JSON.stringify(snapshotOf({ ...observedMesh({ services }), service, instance: `${service}-1` }, traffic, 0));
}
