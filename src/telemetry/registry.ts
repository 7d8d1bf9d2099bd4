/**
 * Whether anything of OpenTelemetry is registered in this process. All versions of the API before 2 keep what is registered under one symbol of
 * globalThis, so that several copies of it share one SDK; it is not there before the first registration. To look at it costs some nanoseconds,
 * where a span that nobody records, a meter that records nothing and a propagator without headers cost a few hundred for each call.
 */
const REGISTRY = Symbol.for('opentelemetry.js.api.1');

export function isAnythingRegistered(): boolean {
  return (globalThis as { [REGISTRY]?: object })[REGISTRY] !== undefined;
}
