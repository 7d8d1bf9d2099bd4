/** `mesh.request` with the SDK: every call traced, spans of attempts, batch processor; no metrics. */
import { meshRequest } from '../support/mesh.mjs';
import { startTelemetry } from '../support/telemetry.mjs';

export function setup({ small }) {
  startTelemetry({ share: 1, withMetrics: false });
  return meshRequest(small);
}
