/**
 * Which origins are endpoints of ours, for other instrumentation in the process: `instrumentation-undici` would count every
 * attempt once more, under the pod's address.
 *
 *     new UndiciInstrumentation({ ignoreRequestHook })
 *
 * The registry is on globalThis, so that the ESM and the CommonJS copy of this package share it.
 */
const REGISTRY = Symbol.for('inmesh/origins@1');

/** Origin → how many pools connect to it. */
type Origins = Map<string, number>;

function origins(): Origins {
  const holder = globalThis as { [REGISTRY]?: Origins };
  return (holder[REGISTRY] ??= new Map());
}

/** A pool of ours connects to this origin from now on. */
export function rememberOrigin(origin: string): void {
  const key = normal(origin);
  origins().set(key, (origins().get(key) ?? 0) + 1);
}

/** Undoes one `rememberOrigin`. */
export function forgetOrigin(origin: string): void {
  const key = normal(origin);
  const left = (origins().get(key) ?? 0) - 1;
  if (left > 0) origins().set(key, left);
  else origins().delete(key);
}

/** True for requests of the mesh, which reports them itself. For `@opentelemetry/instrumentation-undici`. */
export function ignoreRequestHook(request: { readonly origin?: string | URL | undefined }): boolean {
  const { origin } = request;
  if (origin === undefined) return false;
  return origins().has(typeof origin === 'string' ? origin : origin.origin);
}

/** As undici gives it: without the scheme's own port. */
function normal(origin: string): string {
  return new URL(origin).origin;
}
