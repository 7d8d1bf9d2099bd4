/** The public names of inmesh/server. */
export { createMeshServer } from './mesh-server.ts';
export type { MeshServer, MeshServerOptions, MeshServerSnapshot, ServerLogger } from './mesh-server.ts';
export type { DrainOptions, DrainResult } from './drain.ts';
export type { DrainPhase, RefusedReason, ServerEventMap, ServerEvents } from './events.ts';
export type { ConnectionLimits, NodeServer } from './connections.ts';
