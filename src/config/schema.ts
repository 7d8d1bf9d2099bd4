/**
 * The policy file's shape: every key, its kind and its meaning, as a zod schema. Error messages, JSON Schema, the TypeScript
 * type and the tables of docs/policy.md all come from here; default values come from core/policy.ts.
 *
 * A document is what somebody wrote, with gaps: inherit.ts fills them. What two keys say together is judged by
 * contradictions.ts, after that.
 */
import type * as z from 'zod';
import { defaultPolicy, defaultServicePolicy as core, healthCheckMethods, jitterKinds, onceSwitchedOn, panicModes, retryConditionNames } from '../core/policy.ts';
import type { RetryCondition } from '../core/policy.ts';
import { allowRules } from './allow.ts';
import { balancer } from './balancer.ts';
import { serviceDiscovery, serviceVersions } from './discovery.ts';
import { egressKnobs } from './egress.ts';
import { hedging } from './hedge.ts';
import { inboundKnobs } from './inbound.ts';
import type { Kind } from './knob.ts';
import { address, duration, flag, given, integer, knob, list, mapping, number, oneOf, orOff, rate, share, size, switchable, text } from './knob.ts';
import { locality, slowStart, zones } from './placement.ts';
import { retryBudget } from './retry-budget.ts';
import { serviceRoutes } from './route-schema.ts';
import { subsetKnobs } from './subset.ts';
import { tlsKnobs } from './tls.ts';
import { zod } from './zod.ts';

/** Node's timers end at 2³¹ − 1 ms, which is 24.8 days. */
const LONGEST = 24 * 24 * 3_600_000;
const HOUR = 3_600_000;

/** Kubernetes' names, with dots: `reviews`, `reviews.shop`. */
export const serviceName = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
const serviceNameExpected = 'service name: lower-case letters, digits, "-" and ".", a letter or digit first and last';

function retryCondition(): Kind<RetryCondition, RetryCondition> {
  const expected = `${retryConditionNames.join(', ')} or a status code 400–599`;
  const error = { error: () => expected };
  return { schema: zod().union([zod().enum(retryConditionNames, error), zod().int(error).min(400, error).max(599, error)], error), expected, write: (value) => value };
}

/** One status, or a range of them. */
function statuses(): Kind<number | string, number | string> {
  const expected = 'status 100–599, or a range such as 200-299';
  const error = { error: () => expected };
  const range = zod().string(error).regex(/^[1-5]\d\d-[1-5]\d\d$/, error).refine((value) => value.slice(0, 3) <= value.slice(4), error);
  return { schema: zod().union([zod().int(error).min(100, error).max(599, error), range], error), expected, write: (value) => value };
}

function http2(): Kind<boolean | 'h2c', boolean | 'h2c'> {
  const expected = 'true, false or h2c';
  return { schema: zod().union([zod().boolean(), zod().literal('h2c')], { error: () => expected }), expected, write: (value) => value };
}

function documentSchema(bareNumbers: boolean) {
  const { successRate } = onceSwitchedOn.outlier;
  const { adaptive } = onceSwitchedOn.concurrency;
  const check = onceSwitchedOn.healthCheck;
  const path = text((value) => /^\/[\x21-\x7e]{0,2047}$/.test(value), 'path that begins with /, such as /healthz', '^/[!-~]*$');
  const time = (least: number, most: number) => duration(bareNumbers, least, most);
  const method = text((value) => /^[A-Z][A-Z-]{0,30}$/.test(value), 'HTTP method in capitals, such as GET', '^[A-Z][A-Z-]*$');

  const discovery = {
    refresh: knob(time(100, HOUR), core.discovery.refresh, 'Longest time between two look-ups; a smaller TTL wins.'),
    maxStale: knob(time(1000, LONGEST), core.discovery.maxStale, 'For how long failing look-ups never remove endpoints.'),
    confirmEmpty: mapping(
      {
        answers: knob(integer(1, 100), core.discovery.confirmEmpty.answers, 'An empty answer is believed after this many in a row …'),
        over: knob(time(0, HOUR), core.discovery.confirmEmpty.over, '… over at least this time.'),
      },
      'When an answer without endpoints is believed.',
    ).optional(),
  };

  const knobs = {
    deadline: knob(time(1, LONGEST), core.deadline, 'Whole call: all attempts, to the end of the body. Never extends the caller’s own.'),
    attemptTimeout: knob(orOff(time(1, LONGEST)), core.attemptTimeout, 'One attempt, to its response headers; with a request body, from its last byte on. Less than `deadline`.'),
    connection: mapping(
      {
        connectTimeout: knob(time(1, HOUR), core.connection.connectTimeout, 'Time for TCP, and TLS where used, to connect.'),
        keepAlive: knob(time(1, HOUR), core.connection.keepAlive, 'How long an idle connection is kept; a shorter `Keep-Alive: timeout` of the server wins.'),
        maxAge: knob(orOff(time(100, LONGEST)), core.connection.maxAge, 'A connection older than this, give or take a tenth, is replaced once its request is done, so that new pods behind one address get traffic.'),
        maxPerEndpoint: knob(integer(1, 10_000), core.connection.maxPerEndpoint, 'Attempts in flight, and so connections, to one endpoint. What goes beyond waits.'),
        http2: knob(http2(), core.connection.http2, 'Many requests on one connection, with servers that choose HTTP/2 when TLS is agreed upon; with others, HTTP/1.1. `h2c`: also in plain text, without asking.'),
      },
      'Connections to each endpoint.',
    ).optional(),
    discovery: mapping(discovery, 'How endpoints are kept up to date.').optional(),
    subset: subsetKnobs(),
    balancer: balancer(time),
    slowStart: slowStart(time),
    outlier: switchable(
      {
        relative: switchable(
          {
            gap: knob(share(), core.outlier.relative.gap, 'An endpoint’s success rate is lower than that of the others by more than this …'),
            sigmas: knob(number(0, 10), core.outlier.relative.sigmas, '… and by more than this many standard deviations of the difference …'),
            minRequests: knob(integer(1, 100_000), core.outlier.relative.minRequests, '… seen in at least this many attempts …'),
            fleetAbove: knob(share(), core.outlier.relative.fleetAbove, '… while the others’ success rate is above this.'),
            window: knob(time(100, HOUR), core.outlier.relative.window, 'What is counted: the attempts of this last while.'),
          },
          'When an endpoint is ejected: it does worse than the others, not when all do badly.',
        ),
        consecutiveFailures: knob(orOff(integer(1, 10_000)), core.outlier.consecutiveFailures, 'An endpoint is ejected after this many failures with no success in between, whatever the others do.'),
        successRate: switchable(
          {
            threshold: knob(share(), successRate.threshold, 'Off unless one of these three is set: an endpoint is ejected when its success rate is below this, whatever the others do …'),
            window: knob(time(100, HOUR), successRate.window, '… in this last while …'),
            minRequests: knob(integer(1, 100_000), successRate.minRequests, '… in which there were at least this many attempts.'),
          },
          'When an endpoint is ejected for its own success rate. Off by default.',
        ),
        ejection: mapping(
          {
            base: knob(time(1, HOUR), core.outlier.ejection.base, 'First ejection; each further one in a row takes twice as long …'),
            max: knob(time(1, LONGEST), core.outlier.ejection.max, '… up to this.'),
            jitter: knob(share(), core.outlier.ejection.jitter, 'Spread of the duration, as a share of it, either way.'),
            maxShare: knob(share(), core.outlier.ejection.maxShare, 'Largest share of the endpoints ejected at one time, rounded up.'),
            minRemaining: knob(integer(0, 10_000), core.outlier.ejection.minRemaining, 'Endpoints that are never ejected below.'),
          },
          'For how long, and how many at most.',
        ).optional(),
        panic: mapping(
          {
            below: knob(share(), core.outlier.panic.below, 'Share of usable endpoints below which it begins.'),
            mode: knob(oneOf(...panicModes), core.outlier.panic.mode, '`least-bad`: ejected ones with the best record are used as well, up to that share; `fail-open`: all are used; `fail-fast`: calls fail with NO_ENDPOINTS.'),
          },
          'What happens when too many are gone.',
        ).optional(),
        mode: knob(oneOf('enforce', 'observe'), core.outlier.mode, '`observe`: decide and report, do not act.'),
      },
      'Takes endpoints that fail out of the choice for a while.',
    ),
    healthCheck: switchable(
      {
        path: knob(path, check.path, 'Off unless one of these is set: each endpoint of the subset is asked for this path …'),
        method: knob(oneOf(...healthCheckMethods), check.method, '… with this method …'),
        scheme: knob(oneOf('http', 'https'), check.scheme, '… over this. The Host header, and with https the server name, are those of the first of `hosts`. With `tls` on, over TLS as requests are.'),
        expect: knob(list(statuses(), 1), check.expect, 'What an endpoint that is well answers with.'),
        interval: knob(time(100, HOUR), check.interval, 'From one answer to the next question, give or take a tenth; the first question comes somewhere within it.'),
        timeout: knob(time(1, HOUR), check.timeout, 'How long an answer may take. Less than `interval`.'),
        healthy: knob(integer(1, 100), check.healthy, 'An unhealthy endpoint is healthy after so many passed in a row.'),
        unhealthy: knob(integer(1, 100), check.unhealthy, 'An endpoint is unhealthy after so many failed in a row. One that was not asked yet is used.'),
        mode: knob(oneOf('enforce', 'observe'), check.mode, '`observe`: ask and report, do not act.'),
      },
      'Asks endpoints whether they are well, apart from requests. Off by default.',
    ),
    locality: locality(),
    retry: switchable(
      {
        maxRetries: knob(integer(0, 10), core.retry.maxRetries, 'Attempts beyond the first.'),
        on: knob(list(retryCondition(), 1), core.retry.on, 'What is retried; names as Envoy’s `retry_on`, or status codes.'),
        methods: knob(list(method, 0), core.retry.methods, 'Methods that may be sent twice. Others are retried only if provably not sent, or with an Idempotency-Key.'),
        backoff: mapping(
          {
            base: knob(time(1, HOUR), core.retry.backoff.base, 'Wait before the first retry; twice as long before each further one …'),
            max: knob(time(1, HOUR), core.retry.backoff.max, '… up to this.'),
            jitter: knob(oneOf(...jitterKinds), core.retry.backoff.jitter, 'How waits are spread, so that clients do not retry in step.'),
          },
          'Waits between attempts.',
        ).optional(),
        retryAfter: mapping(
          { max: knob(time(0, HOUR), core.retry.retryAfter.max, 'A server’s Retry-After is waited for up to this; where it asks for more, there is no retry.') },
          'Servers that say when to come back.',
        ).optional(),
        budget: retryBudget(time),
        replayBodyUpTo: knob(size(0, 64 * 1024 ** 2), core.retry.replayBodyUpTo, 'Request bodies up to this size are kept in memory until the call has its answer.'),
        retryOfRetry: knob(flag(), core.retry.retryOfRetry, 'Retry in turn while serving a retry. Otherwise only what was provably not sent is.'),
        notProcessed: knob(flag(), core.retry.notProcessed, 'Believe an endpoint that says that it did not begin with a request (`inmesh/server`): any request is then sent again, to another one.'),
        mode: knob(oneOf('enforce', 'observe'), core.retry.mode, '`observe`: decide and report, make one attempt.'),
      },
      'Failed attempts are repeated on another endpoint, within the deadline.',
    ),
    hedge: hedging(time),
    circuit: switchable(
      {
        failureRate: knob(share(), core.circuit.failureRate, 'The circuit opens when more than this share of attempts failed …'),
        window: knob(time(100, HOUR), core.circuit.window, '… in this last while …'),
        minRequests: knob(integer(1, 1_000_000), core.circuit.minRequests, '… and there were at least this many.'),
        openFor: knob(time(1, HOUR), core.circuit.openFor, 'How long it stays open the first time; a quarter longer each time in a row …'),
        maxOpenFor: knob(time(1, LONGEST), core.circuit.maxOpenFor, '… up to this.'),
        probes: knob(integer(1, 1000), core.circuit.probes, 'Trial attempts in a row, one at a time, that must succeed to close it.'),
        mode: knob(oneOf('enforce', 'observe'), core.circuit.mode, '`observe`: decide and report, do not act.'),
      },
      'Calls fail at once while the whole service is failing.',
    ),
    concurrency: switchable(
      {
        max: knob(integer(1, 1_000_000), core.concurrency.max, 'Calls of this service in flight.'),
        queue: knob(integer(0, 1_000_000), core.concurrency.queue, 'Calls that wait for their turn; for one more, the least critical fails with OVERLOADED.'),
        adaptive: zod()
          .union(
            [
              zod().enum(['off']),
              zod().enum(['gradient', 'aimd']).transform((type) => ({ type })),
              mapping({
                type: knob(oneOf('gradient', 'aimd'), adaptive.type, '`gradient`: by how much slower the service gets; `aimd`: by what times out or is refused.'),
                min: knob(integer(1, 100_000), adaptive.min, 'It never falls below this. Each process of a fleet has as many.'),
                initial: knob(integer(1, 100_000), adaptive.initial, 'What it begins with.'),
                tolerance: knob(number(1, 10), adaptive.tolerance, '`gradient` holds the limit where calls take about this many times as long as they need.'),
              }),
            ],
            { error: () => 'off, gradient, aimd, or a mapping of type, min, initial, tolerance' },
          )
          .meta({ description: 'A limit below `max` that finds itself. Off by default; the name alone, `gradient`, is enough.' })
          .optional(),
        mode: knob(oneOf('enforce', 'observe'), core.concurrency.mode, '`observe`: decide and report, do not act.'),
      },
      'Bounds what this process has under way.',
    ),
    throttle: switchable(
      {
        k: knob(number(1, 100), core.throttle.k, 'Calls that are sent for each one that the service accepts …'),
        window: knob(time(100, HOUR), core.throttle.window, '… counted over this last while …'),
        minRequests: knob(integer(1, 1_000_000), core.throttle.minRequests, '… in which there were at least this many.'),
        maxRejection: knob(share(), core.throttle.maxRejection, 'Largest share of the calls that is not sent.'),
        mode: knob(oneOf('enforce', 'observe'), core.throttle.mode, '`observe`: decide and report, do not act.'),
      },
      'Sends fewer calls to a service that refuses most of them.',
    ),
    rateLimit: switchable(
      {
        rate: knob(rate(), onceSwitchedOn.rateLimit.rate, 'Calls per second, minute or hour.'),
        burst: knob(integer(1, 1_000_000), onceSwitchedOn.rateLimit.burst, 'Calls at once, after a while without any; one more fails with RATE_LIMITED.'),
        mode: knob(oneOf('enforce', 'observe'), onceSwitchedOn.rateLimit.mode, '`observe`: decide and report, do not act.'),
      },
      'Keeps this process to a quota. Off unless one of its keys is set.',
    ),
    tls: tlsKnobs(),
    propagate: mapping(
      {
        deadline: knob(flag(), core.propagate.deadline, 'Send on what remains of the deadline, as `x-envoy-expected-rq-timeout-ms` and, with gRPC, as `grpc-timeout`.'),
        criticality: knob(flag(), core.propagate.criticality, 'Send on how critical the call is, as `x-inmesh-criticality`, where it is not `critical`.'),
        retryAttempt: knob(flag(), core.propagate.retryAttempt, 'Send on which attempt this is, as `x-envoy-attempt-count`, so that nobody below retries a retry.'),
        trace: knob(flag(), core.propagate.trace, 'Send on the trace context, with whatever propagator is registered.'),
      },
      'What is said to the server besides the request.',
    ).optional(),
    telemetry: mapping(
      {
        spans: knob(oneOf('attempts', 'calls', 'off'), core.telemetry.spans, '`attempts`: one span per call and one per attempt; `calls`: per call alone.'),
        metrics: knob(flag(), core.telemetry.metrics, 'Measure its calls, attempts and state, where an OpenTelemetry SDK is registered.'),
        explainHeader: knob(flag(), core.telemetry.explainHeader, 'Let a request ask with `x-inmesh-explain` why it went where it went. The answer, in `x-inmesh-decision` of the response, names endpoints.'),
      },
      'What is traced and measured.',
    ).optional(),
    inbound: inboundKnobs(),
  };

  // What is of a call or of its attempts. The others are of endpoints, which routes share.
  const { deadline, attemptTimeout, retry, hedge, circuit, concurrency, throttle, rateLimit, propagate, telemetry } = knobs;
  const ofCalls = { deadline, attemptTimeout, retry, hedge, circuit, concurrency, throttle, rateLimit, propagate, telemetry };

  const service = mapping({
    hosts: given(list(address('optional'), 1), 'Hosts of request URLs that mean this service. Left out: its own name.'),
    ...knobs,
    discovery: serviceDiscovery(discovery),
    versions: serviceVersions(),
    allow: allowRules(method),
    routes: serviceRoutes(ofCalls, time, method),
  });

  return mapping({
    version: zod().literal(1, { error: () => '1, the version of the policy format' }).meta({ description: 'Version of the policy format.' }),
    unknownHosts: knob(
      oneOf('defaults', 'passthrough', 'deny'),
      defaultPolicy.unknownHosts,
      'Calls to hosts that no service names: get `defaults`, go out untouched by any mechanism, or fail (an egress allow-list).',
    ),
    zones: zones(),
    egress: egressKnobs().optional(),
    defaults: mapping(knobs, 'Knobs of every service, where it does not set its own.').nullable().optional(),
    services: zod()
      .record(zod().string().regex(serviceName, { error: () => serviceNameExpected }), service.nullable(), { error: () => 'a mapping from service names to their knobs' })
      .meta({ description: 'Services by name. Each inherits `defaults` key by key.' })
      .nullable()
      .optional(),
  });
}

type DocumentSchema = ReturnType<typeof documentSchema>;

/** The policy file's shape in TypeScript: every key optional but `version`; durations as `'2s'` or in milliseconds. */
export type PolicyDocument = z.input<DocumentSchema>;
/** What was written, checked: durations in milliseconds, shares of 1, bytes; still with gaps. */
export type CheckedDocument = z.output<DocumentSchema>;
export type CheckedService = NonNullable<NonNullable<CheckedDocument['services']>[string]>;
export type CheckedDefaults = NonNullable<CheckedDocument['defaults']>;

const built: { file?: DocumentSchema; object?: DocumentSchema } = {};

/** Built when first needed. In a `file` a duration needs its unit; in an `object` a number is milliseconds. */
export function policySchema(form: 'file' | 'object'): DocumentSchema {
  return (built[form] ??= documentSchema(form === 'object'));
}
