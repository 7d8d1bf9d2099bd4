/** The yardstick with instrumentation-undici: metrics, and every request traced. */
import { roundRobin } from '../support/round-robin.mjs';
import { startTelemetry } from '../support/telemetry.mjs';

export function setup({ small }) {
  startTelemetry({ share: 1, undici: true });
  return roundRobin(small);
}
