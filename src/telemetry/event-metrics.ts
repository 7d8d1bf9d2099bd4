/**
 * What is counted of events (core/events.ts): `inmesh.ejections`, `inmesh.calls.shed`, `inmesh.faults`. They are emitted where things are
 * decided, once for each, and so are the one place to count them.
 */
import type { Emit, MeshEventMap, MeshEventName } from '../core/events.ts';
import { would } from './attempt-metrics.ts';
import { instruments } from './instruments.ts';
import { serviceAttribute } from './service-attribute.ts';

/** Emits, and counts where that is wanted. */
export function counting(emit: Emit, wanted: () => boolean): Emit {
  return (name, event) => {
    if (wanted()) counted[name]?.(event);
    emit(name, event);
  };
}

const counted: { readonly [Name in MeshEventName]?: (event: MeshEventMap[Name]) => void } = {
  'endpoint.ejected': ({ service, reason, enforced }) => {
    instruments()?.counter('inmesh.ejections').add(1, { 'inmesh.service': serviceAttribute(service), 'inmesh.reason': reason, ...would(enforced) });
  },
  'call.shed': ({ service, by, criticality, enforced }) => {
    instruments()?.counter('inmesh.calls.shed').add(1, { 'inmesh.service': serviceAttribute(service), 'inmesh.reason': by, 'inmesh.criticality': criticality, ...would(enforced) });
  },
  'fault.injected': ({ service, route }) => {
    instruments()?.counter('inmesh.faults').add(1, { 'inmesh.service': serviceAttribute(service), 'inmesh.route': route });
  },
};
