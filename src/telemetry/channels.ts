/**
 * Events on Node's diagnostics channels, one for each: `inmesh:endpoint.ejected`. They reach whoever watches a process without having the client
 * in hand, such as an APM agent. Nobody subscribed means nothing done.
 */
import { channel, type Channel } from 'node:diagnostics_channel';
import type { Emit, MeshEventName } from '../core/events.ts';

const channels = new Map<MeshEventName, Channel>();

export const publish: Emit = (name, event) => {
  let of = channels.get(name);
  if (of === undefined) channels.set(name, (of = channel(`inmesh:${name}`)));
  if (of.hasSubscribers) of.publish(event);
};
