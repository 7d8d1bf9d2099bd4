/** `mesh.request` with the SDK and instrumentation-undici beside it: metrics, and 1 % of the traces. */
import { meshRequest } from '../support/mesh.mjs';
import { startTelemetry } from '../support/telemetry.mjs';

export function setup({ small }) {
  startTelemetry({ share: 0.01, undici: true });
  return meshRequest(small);
}
