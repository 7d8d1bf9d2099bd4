/** `inmesh/otel`: OpenTelemetry's Node SDK, set up beside the mesh. */
export { startTelemetry, type Telemetry, type TelemetryOptions } from './start-telemetry.ts';
export { ignoreRequestHook } from '../telemetry/origins.ts';
