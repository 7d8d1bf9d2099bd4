/**
 * What is measured, once: the name of each metric, its instrument, unit and attributes, and what it means. Instruments are made of these
 * entries (telemetry/instruments.ts), `docs/telemetry.md` is checked against them, and a test records each of them for real.
 *
 * `http.client.request.duration` and `dns.lookup.duration` are OpenTelemetry's own. The others are ours, after its rules: names in the
 * singular where they are of one thing, units of UCUM, attributes of few values. No endpoint is in any of them; which one it was is in a
 * span (`network.peer.address`), in the events and in `inspect()`.
 */

/** What one point of a metric is told from another by. */
export type MetricAttribute =
  | 'http.request.method' | 'server.address' | 'server.port' | 'http.response.status_code' | 'network.protocol.version' | 'error.type' | 'dns.question.name'
  | 'inmesh.service' | 'inmesh.version' | 'inmesh.route' | 'inmesh.outcome' | 'inmesh.reason' | 'inmesh.state' | 'inmesh.criticality' | 'inmesh.enforced';

export interface MetricEntry {
  /** A gauge is read when somebody collects; the others are added to as things happen. */
  readonly instrument: 'histogram' | 'counter' | 'gauge';
  /** UCUM; in braces what is counted. */
  readonly unit: string;
  readonly attributes: readonly MetricAttribute[];
  /** One sentence; the instrument's description. */
  readonly meaning: string;
  /** When there is a point of it. */
  readonly when: string;
}

/** Seconds: the advice of OpenTelemetry's HTTP and DNS conventions. */
export const DURATION_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** `inmesh.circuit.state`. */
export const circuitStateValues = { closed: 0, 'half-open': 1, open: 2 } as const;

export const metricTable = {
  'http.client.request.duration': {
    instrument: 'histogram', unit: 's', attributes: ['http.request.method', 'server.address', 'server.port', 'http.response.status_code', 'network.protocol.version', 'error.type'],
    meaning: 'Duration of HTTP client requests.', when: 'each attempt, when its span would end',
  },
  'inmesh.call.duration': {
    instrument: 'histogram', unit: 's', attributes: ['inmesh.service', 'inmesh.route', 'inmesh.version', 'inmesh.outcome', 'error.type'],
    meaning: 'Duration of calls, all attempts, queues and backoffs included.', when: 'each call, when its body has ended or it has failed',
  },
  'inmesh.retries': { instrument: 'counter', unit: '{retry}', attributes: ['inmesh.service', 'inmesh.enforced'], meaning: 'Attempts made after another one failed.', when: 'each retry' },
  'inmesh.retries.suppressed': {
    instrument: 'counter', unit: '{retry}', attributes: ['inmesh.service', 'inmesh.reason', 'inmesh.enforced'],
    meaning: 'Attempts made after another one failed: those that were wanted and not made, by reason.', when: 'each retry that is not made',
  },
  'inmesh.hedges': { instrument: 'counter', unit: '{hedge}', attributes: ['inmesh.service', 'inmesh.enforced'], meaning: 'Attempts made beside another one that took long.', when: 'each hedge' },
  'inmesh.hedges.suppressed': {
    instrument: 'counter', unit: '{hedge}', attributes: ['inmesh.service', 'inmesh.reason', 'inmesh.enforced'],
    meaning: 'Attempts made beside another one that took long: those that were wanted and not made, by reason.', when: 'each hedge that is not made',
  },
  'inmesh.calls.shed': {
    instrument: 'counter', unit: '{call}', attributes: ['inmesh.service', 'inmesh.reason', 'inmesh.criticality', 'inmesh.enforced'],
    meaning: 'Calls that a limit of this process turned away, by limit.', when: 'each event call.shed',
  },
  'inmesh.ejections': {
    instrument: 'counter', unit: '{ejection}', attributes: ['inmesh.service', 'inmesh.reason', 'inmesh.enforced'],
    meaning: 'Endpoints taken out of use for how they answered, by reason.', when: 'each event endpoint.ejected',
  },
  'inmesh.faults': { instrument: 'counter', unit: '{fault}', attributes: ['inmesh.service', 'inmesh.route'], meaning: 'Attempts that a route’s fault delayed or aborted on purpose.', when: 'each event fault.injected' },
  'inmesh.endpoints': {
    instrument: 'gauge', unit: '{endpoint}', attributes: ['inmesh.service', 'inmesh.version', 'inmesh.state', 'inmesh.enforced'],
    meaning: 'Endpoints that discovery knows, by state.', when: 'services that were called, and each state that there has been',
  },
  'inmesh.panic': {
    instrument: 'gauge', unit: '{panic}', attributes: ['inmesh.service', 'inmesh.version'],
    meaning: '1 while too few endpoints are usable and outlier.panic is in force, else 0.', when: 'services that were called',
  },
  'inmesh.circuit.state': {
    instrument: 'gauge', unit: '{state}', attributes: ['inmesh.service', 'inmesh.version', 'inmesh.route', 'inmesh.enforced'],
    meaning: 'State of the circuit: 0 closed, 1 half-open, 2 open.', when: 'services that were called, and routes with a circuit of their own',
  },
  'inmesh.concurrency.limit': {
    instrument: 'gauge', unit: '{call}', attributes: ['inmesh.service', 'inmesh.route'],
    meaning: 'Calls that may be in flight now.', when: 'where something limits them',
  },
  'inmesh.concurrency.in_flight': { instrument: 'gauge', unit: '{call}', attributes: ['inmesh.service', 'inmesh.route'], meaning: 'Calls in flight, to the end of the body.', when: 'services that were called' },
  'inmesh.concurrency.queued': { instrument: 'gauge', unit: '{call}', attributes: ['inmesh.service', 'inmesh.route'], meaning: 'Calls that wait for their turn.', when: 'services that were called' },
  'inmesh.throttle.rejection': {
    instrument: 'gauge', unit: '1', attributes: ['inmesh.service', 'inmesh.route', 'inmesh.criticality'],
    meaning: 'Share of the calls that the throttle does not send.', when: '`critical`, and each other of which any was not sent',
  },
  'inmesh.retry.budget': { instrument: 'gauge', unit: '{retry}', attributes: ['inmesh.service'], meaning: 'Retries that could be paid for now.', when: 'services that were called' },
  'inmesh.discovery.age': {
    instrument: 'gauge', unit: 's', attributes: ['inmesh.service', 'inmesh.version'],
    meaning: 'Time since discovery’s last good answer.', when: 'once there has been one',
  },
  'inmesh.policy.generation': { instrument: 'gauge', unit: '{policy}', attributes: [], meaning: 'Policies that came into force in this process, the first included.', when: 'always' },
  'inmesh.policy.valid': {
    instrument: 'gauge', unit: '{policy}', attributes: [],
    meaning: '1 while the policy’s files hold what is in force, 0 while they hold something that was rejected.', when: 'always',
  },
  'inmesh.policy.age': { instrument: 'gauge', unit: 's', attributes: [], meaning: 'Time since the policy came into force.', when: 'always' },
  'dns.lookup.duration': {
    instrument: 'histogram', unit: 's', attributes: ['dns.question.name', 'error.type'],
    meaning: 'Measures the time taken to perform a DNS lookup.', when: 'each look-up of a service’s name, in the background',
  },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof metricTable;

/**
 * The name as Prometheus has it, by OpenTelemetry's compatibility rules: dots become underscores, the unit is said, counters end in `_total`.
 * Histograms have `_bucket`, `_sum` and `_count` after it.
 */
export function prometheusName(name: MetricName): string {
  const { unit, instrument }: MetricEntry = metricTable[name];
  const suffix = unit === 's' ? '_seconds' : unit === '1' ? '_ratio' : '';
  return name.replaceAll('.', '_') + suffix + (instrument === 'counter' ? '_total' : '');
}
