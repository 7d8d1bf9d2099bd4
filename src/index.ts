/** The public names of inmesh. */
export type { AdminHandler, AdminOptions, AdminServer } from './admin/options.ts';
export { createMeshClient } from './client.ts';
export type { ExplainRequest, MeshClient, MeshSnapshot } from './client.ts';
export { PolicyInvalid, type PolicyProblem } from './config/problem.ts';
export type { PolicyDocument } from './config/schema.ts';
export type { CallContext } from './core/ambient.ts';
export type { CallOptions } from './core/call.ts';
export { contextFromHeaders, type InboundHeaders } from './core/context-headers.ts';
export type { Criticality } from './core/criticality.ts';
export { MeshError, type DeadlineSource, type ErrorCode, type Sent, type ShedBy, type SuppressedReason } from './core/errors.ts';
export type { Explanation } from './core/explanation.ts';
export type { MeshEventMap, MeshEventName, MeshEvents } from './core/events.ts';
export type { OutcomeKind } from './core/outcome-kind.ts';
export type { Logger, MeshOptions } from './mesh-options.ts';
export { explanationText } from './routing/explanation-text.ts';
export type { ClusterSnapshot } from './running-cluster.ts';
export type { ServiceSnapshot } from './running-service.ts';
export { ignoreRequestHook } from './telemetry/tracing.ts';
