/** The yardstick with instrumentation-undici: metrics, and 1 % of the traces. */
import { roundRobin } from '../support/round-robin.mjs';
import { startTelemetry } from '../support/telemetry.mjs';

export function setup({ small }) {
  startTelemetry({ share: 0.01, undici: true });
  return roundRobin(small);
}
