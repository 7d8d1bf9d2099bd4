/**
 * `startTelemetry`: OpenTelemetry's Node SDK as `OTEL_*` in the environment says, in one line, before anything else of the application.
 *
 *     OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318    traces and metrics go there
 *     OTEL_METRICS_EXPORTER=prometheus                     … or are to be had at :9464/metrics
 *     OTEL_TRACES_EXPORTER=console                         … or are printed
 *
 * With `@opentelemetry/instrumentation-undici` installed, fetches beside the mesh are traced, too, and those of the mesh not twice.
 *
 * The SDK is 78 MB of packages, and applications that have telemetry bring their own: so it is an optional peer dependency of this entry alone,
 * and loaded when it is asked for.
 */
import { createRequire } from 'node:module';
import { ignoreRequestHook } from '../telemetry/origins.ts';

export interface TelemetryOptions {
  /** `service.name` of all that is recorded. Default: `$OTEL_SERVICE_NAME`. */
  readonly service?: string;
  /** Further instrumentations, as `NodeSDK` takes them. */
  readonly instrumentations?: readonly unknown[];
}

export interface Telemetry {
  /** Sends what is left, and ends. Also done when the process has nothing left to do. */
  shutdown(): Promise<void>;
}

const fromHere = createRequire(import.meta.url);
let started: Telemetry | undefined;

/**
 * Called again, it gives what was started first.
 *
 * @throws Error where `@opentelemetry/sdk-node` is not installed.
 */
export function startTelemetry({ service, instrumentations = [] }: TelemetryOptions = {}): Telemetry {
  if (started !== undefined) return started;
  const { NodeSDK } = load(() => fromHere('@opentelemetry/sdk-node') as typeof import('@opentelemetry/sdk-node'), '@opentelemetry/sdk-node');
  const own = ofUndici();
  type Instrumentations = NonNullable<NonNullable<ConstructorParameters<typeof NodeSDK>[0]>['instrumentations']>;
  const sdk = new NodeSDK({
    ...(service === undefined ? {} : { serviceName: service }),
    instrumentations: [...own, ...instrumentations] as Instrumentations,
  });
  sdk.start();
  let ended: Promise<void> | undefined;
  const telemetry = { shutdown: () => (ended ??= sdk.shutdown()) };
  // Exporters hold no process open, and would lose what was recorded last.
  process.once('beforeExit', () => void telemetry.shutdown());
  return (started = telemetry);
}

/** Where it is installed. */
function ofUndici(): unknown[] {
  try {
    const { UndiciInstrumentation } = fromHere('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici');
    return [new UndiciInstrumentation({ ignoreRequestHook })];
  } catch (error) {
    if (isMissing(error, '@opentelemetry/instrumentation-undici')) return [];
    throw error;
  }
}

function load<Module>(requireIt: () => Module, name: string): Module {
  try {
    return requireIt();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    throw new Error(`inmesh/otel needs ${name}, which is not installed (expected: npm install ${name})`, { cause: error });
  }
}

/** The package itself, and not something that it needs in turn. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'MODULE_NOT_FOUND' && String(message).startsWith(`Cannot find module '${name}'`);
}
