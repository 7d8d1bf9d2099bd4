/**
 * `inmesh.call.duration`, of what the user asked, and `http.client.request.duration`, of each try: the second counts more often than the
 * first by just what retries, hedges and mirrors add.
 *
 * Both last to the end of the body. Where the caller leaves before that, or a retry takes the place of the reply, they last to the headers: what
 * comes after is clean-up, which nobody waits for, and a body that nobody reads may be cleaned up minutes later.
 *
 * They are recorded in the context of the span, for SDKs that keep exemplars.
 */
import type { Attributes } from '@opentelemetry/api';
import type { Attempt, Call, HttpVersion, Layer, Reply, ReplyObserver } from '../core/call.ts';
import type { Clock, Millis } from '../core/clock.ts';
import type { MeshError } from '../core/errors.ts';
import { lazily } from '../core/lazily.ts';
import { classifyReply, type OutcomeKind } from '../core/outcome.ts';
import { watchResult } from '../core/result-watch.ts';
import { api } from './api.ts';
import { errorType, knownMethod, outcomeOf, serverOf, type Server } from './http-attributes.ts';
import { instruments, type Instruments } from './instruments.ts';
import { OTHER, serviceAttribute } from './service-attribute.ts';
import { attemptContext, callContext } from './spans.ts';

/** Topmost, as the span of the call is. */
export function measureCalls({ clock }: { readonly clock: Clock }): Layer<Call> {
  return (next) =>
    function measureCall(call) {
      const present = call.policy.telemetry.metrics ? instruments() : undefined;
      if (present === undefined) return next(call);
      const measured = new CallDuration(call, present, clock);
      const result = next(call);
      watchResult(call, result, measured);
      return result;
    };
}

/** Directly above the balancer: what it measures is a request of HTTP. */
export function measureAttempts({ clock }: { readonly clock: Clock }): Layer<Attempt> {
  /** Few, for a layer is of one service. */
  const servers = lazily(() => new Map<string, Server>());
  return (next) =>
    function measureAttempt(attempt) {
      const present = attempt.call.policy.telemetry.metrics ? instruments() : undefined;
      if (present === undefined) return next(attempt);
      const { request, service } = attempt.call;
      const key = request.scheme + request.authority;
      const known = servers();
      let server = known.get(key);
      if (server === undefined) {
        server = serviceAttribute(service) === OTHER || known.size >= SERVERS_AT_MOST ? unnamed(request.scheme) : serverOf(request);
        if (known.size < SERVERS_AT_MOST) known.set(key, server);
      }
      const measured = new RequestDuration(attempt, server, present, clock);
      const result = next(attempt);
      watchResult(attempt, result, measured);
      return result;
    };
}

/** A service has some hosts, each with a port or two; where a pattern stands for them, there is no end of them. */
const SERVERS_AT_MOST = 100;

/** Ports may come from outside as well. */
function unnamed(scheme: string): Server {
  return { address: OTHER, port: scheme === 'https' ? 443 : 80 };
}

/** From a beginning to an end that is told from clean-up. */
abstract class Duration implements ReplyObserver {
  protected readonly clock: Clock;
  readonly #startedAt: Millis;
  #answeredAt: Millis = 0;
  #discarded = false;
  protected status: number | undefined;

  constructor(clock: Clock, startedAt: Millis) {
    this.clock = clock;
    this.#startedAt = startedAt;
  }

  replied(reply: Reply): void {
    this.status = reply.status;
    this.#answeredAt = this.clock.now();
    this.answered(reply);
    reply.watch(this);
  }

  failed(error: unknown): void {
    this.record(this.clock.now() - this.#startedAt, error);
  }

  discarded(): void {
    this.#discarded = true;
  }

  end(error: MeshError | undefined): void {
    const left = this.#discarded || (error !== undefined && error.outcome === 'cancelled');
    this.record((left ? this.#answeredAt : this.clock.now()) - this.#startedAt, error);
  }

  protected answered(_reply: Reply): void {}
  protected abstract record(duration: Millis, error: unknown): void;
}

class RequestDuration extends Duration {
  readonly #attempt: Attempt;
  readonly #server: Server;
  readonly #instruments: Instruments;
  #protocol: HttpVersion | undefined;

  constructor(attempt: Attempt, server: Server, present: Instruments, clock: Clock) {
    super(clock, attempt.startedAt);
    this.#attempt = attempt;
    this.#server = server;
    this.#instruments = present;
  }

  protected override answered(reply: Reply): void {
    this.#protocol = reply.protocol;
  }

  protected record(duration: Millis, error: unknown): void {
    const { status } = this;
    const { address, port } = this.#server;
    // In the order of their names, which is the order that the SDK brings them into.
    const attributes: Attributes = {};
    // What the server said stands, also where the body was not read to its end.
    if (status !== undefined && status >= 400) attributes['error.type'] = String(status);
    else if (error !== undefined && outcomeOf(error) !== 'cancelled') attributes['error.type'] = errorType(error);
    attributes['http.request.method'] = knownMethod(this.#attempt.call.request.method);
    if (status !== undefined) attributes['http.response.status_code'] = status;
    if (this.#protocol !== undefined) attributes['network.protocol.version'] = this.#protocol;
    attributes['server.address'] = address;
    attributes['server.port'] = port;
    this.#instruments.requestDuration.record(duration / 1000, attributes, attemptContext(this.#attempt) ?? api().ROOT_CONTEXT);
  }
}

class CallDuration extends Duration {
  readonly #call: Call;
  readonly #instruments: Instruments;
  #outcome: OutcomeKind = 'success';

  constructor(call: Call, present: Instruments, clock: Clock) {
    super(clock, call.startedAt);
    this.#call = call;
    this.#instruments = present;
  }

  protected override answered(reply: Reply): void {
    this.#outcome = classifyReply(reply).kind;
  }

  protected record(duration: Millis, error: unknown): void {
    const { service, route, version, fellBack } = this.#call;
    const outcome = error !== undefined ? outcomeOf(error) : (fellBack?.outcome ?? this.#outcome);
    const attributes: Attributes = {};
    if (error !== undefined && outcome !== 'cancelled') attributes['error.type'] = errorType(error);
    else if (error === undefined && outcome !== 'success' && fellBack === undefined) attributes['error.type'] = String(this.status);
    attributes['inmesh.outcome'] = outcome;
    if (route !== undefined) attributes['inmesh.route'] = route;
    attributes['inmesh.service'] = serviceAttribute(service);
    if (version !== undefined && version !== '') attributes['inmesh.version'] = version;
    this.#instruments.callDuration.record(duration / 1000, attributes, callContext(this.#call) ?? api().ROOT_CONTEXT);
  }
}
