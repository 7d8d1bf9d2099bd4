/**
 * MeshServer: the server half, as users hold it. One of it for a process; each framework has its adapter, which is a method here, and all of
 * them ask the same gate.
 */
import { hostname } from 'node:os';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GivenPolicy } from '../config/load-policy.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { systemRandom, type Random } from '../core/random.ts';
import type { AdaptiveSnapshot } from '../policies/adaptive-limit.ts';
import { expressMiddleware, type ConnectMiddleware } from './adapters/express.ts';
import { fastifyHooks, type FastifyApp } from './adapters/fastify.ts';
import { honoMiddleware, type HonoMiddleware } from './adapters/hono.ts';
import { koaMiddleware, type KoaMiddleware } from './adapters/koa.ts';
import { nestMiddleware, type NestApp } from './adapters/nest.ts';
import { nodeListener } from './adapters/node.ts';
import { upgradeListener, type UpgradeListener } from './adapters/upgrade.ts';
import { Connections, type ConnectionLimits, type NodeServer } from './connections.ts';
import { Drain, type DrainOptions, type DrainResult } from './drain.ts';
import { systemLoop, type LoopMeter } from './event-loop.ts';
import { ServerEvents, type DrainPhase } from './events.ts';
import { Gate } from './gate.ts';
import type { NodeRequest } from './inbound.ts';
import { LoadMeter } from './load-meter.ts';
import type { NodeResponse } from './node-response.ts';
import { OwnPolicy } from './own-policy.ts';
import { onSignals } from './signals.ts';

/** pino's shape: an object, then a sentence. */
export interface ServerLogger {
  warn(details: object, message: string): void;
}

export interface MeshServerOptions {
  /** This service's own name, as the policy knows it. Default: `$OTEL_SERVICE_NAME`, else the host name. */
  readonly service?: string;
  /** As createMeshClient takes it, and the same one: what it says of this service holds here. */
  readonly policy?: GivenPolicy;
  /** Follow the policy's files. Default: true. */
  readonly watch?: boolean;
  /** Told of warnings. Default: process warnings. */
  readonly logger?: ServerLogger;
  /** A path, such as `/readyz`, at which it is asked whether this process is ready: 200, or 503 from the beginning of a drain on. Default: none. */
  readonly readiness?: string;
  /** For tests: time, chance, and how busy the event loop is. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly loop?: LoopMeter;
}

/** What `inspect()` gives. */
export interface MeshServerSnapshot {
  readonly service: string;
  readonly phase: DrainPhase;
  /** Requests that are being served. */
  readonly inFlight: number;
  /** Undefined where no server is attached. */
  readonly connections: number | undefined;
  /** What the next response will say. */
  readonly load: string;
  /** Undefined where it is off. */
  readonly admission: AdaptiveSnapshot | undefined;
}

/**
 * Makes the server half of this process.
 *
 * @throws MeshError POLICY_INVALID; UNKNOWN_SERVICE where `service` is given and the policy does not name it.
 */
export function createMeshServer(options: MeshServerOptions = {}): MeshServer {
  return new MeshServer(options);
}

export class MeshServer {
  /** Every decision that somebody may ask about; see docs/server.md. */
  readonly events = new ServerEvents();
  readonly #service: string;
  readonly #logger: ServerLogger | undefined;
  readonly #policy: OwnPolicy;
  readonly #connections = new Connections();
  readonly #load: LoadMeter;
  readonly #gate: Gate;
  readonly #drain: Drain;

  constructor(options: MeshServerOptions) {
    const clock = options.clock ?? systemClock;
    this.#service = options.service ?? (process.env['OTEL_SERVICE_NAME'] || hostname());
    this.#logger = options.logger;
    this.#policy = new OwnPolicy({
      service: this.#service,
      named: options.service !== undefined,
      policy: options.policy,
      watch: options.watch ?? true,
      clock,
      warn: (message) => this.#warn(message),
    });
    this.#load = new LoadMeter(clock, options.loop ?? systemLoop, () => this.#connections.open);
    this.#drain = new Drain({
      service: this.#service,
      clock,
      random: options.random ?? systemRandom,
      connections: this.#connections,
      events: this.events,
      inFlight: () => this.#load.inFlight,
    });
    this.#gate = new Gate({ service: this.#service, clock, own: () => this.#policy.entry, load: this.#load, events: this.events, drain: this.#drain, readiness: options.readiness });
  }

  /** `createServer(meshServer.node((request, response) => …))` */
  node<Request extends NodeRequest = IncomingMessage, Response extends NodeResponse = ServerResponse>(listener: (request: Request, response: Response) => unknown): (request: Request, response: Response) => void {
    return nodeListener(this.#gate, listener);
  }

  /** `server.on('upgrade', meshServer.upgrade((request, socket, head) => …))`: no adapter sees upgrades. */
  upgrade(listener: UpgradeListener): UpgradeListener {
    return upgradeListener(this.#gate, listener);
  }

  /** `app.use(meshServer.express())`, before everything else. */
  express(): ConnectMiddleware {
    return expressMiddleware(this.#gate);
  }

  /** `meshServer.fastify(app)`, before its routes; attaches its server. */
  fastify(app: FastifyApp<NodeServer>, limits?: ConnectionLimits): void {
    fastifyHooks(this.#gate, app);
    this.attach(app.server, limits);
  }

  /** `app.use(meshServer.koa())`, before everything else. */
  koa(): KoaMiddleware {
    return koaMiddleware(this.#gate);
  }

  /** `app.use(meshServer.hono())`, before everything else. */
  hono(): HonoMiddleware {
    return honoMiddleware(this.#gate);
  }

  /** `meshServer.nest(app)`, before `app.listen`; attaches its server. */
  nest(app: NestApp<NodeServer>, limits?: ConnectionLimits): void {
    nestMiddleware(this.#gate, app);
    this.attach(app.getHttpServer(), limits);
  }

  /** Makes a server known: its connections are counted and bounded. Before it listens, or in the same turn: `meshServer.attach(app.listen(8080))`. */
  attach<Server extends NodeServer>(server: Server, limits?: ConnectionLimits): Server {
    this.#connections.add(server, limits);
    return server;
  }

  /** Whether it serves as ever; false from the beginning of a drain on. */
  get ready(): boolean {
    return this.#drain.phase === 'serving';
  }

  /**
   * Leaves without anybody noticing: is not ready any more, waits for clients to hear of it, listens no longer, waits for what is in flight, closes
   * what is idle, and breaks off what is left at the timeout. Asked twice, it is done once.
   */
  async drain(options?: DrainOptions): Promise<DrainResult> {
    const result = await this.#drain.begin(options);
    this.close();
    return result;
  }

  /**
   * Drains when the process is told to go, then does `then` (closing a mesh client, a database), then lets the signal take its course. Returns
   * the function that undoes it.
   */
  drainOn(signals: readonly NodeJS.Signals[] = ['SIGTERM'], { then, ...options }: DrainOptions & { readonly then?: () => unknown } = {}): () => void {
    return onSignals(signals, async () => {
      await this.drain(options);
      await then?.();
    });
  }

  /** Everything it knows, as plain data. */
  inspect(): MeshServerSnapshot {
    return { service: this.#service, phase: this.#drain.phase, inFlight: this.#load.inFlight, connections: this.#connections.open, load: this.#load.report(), admission: this.#gate.admission };
  }

  /** Follows the policy no longer; leaves no timer behind. */
  close(): void {
    this.#policy.close();
  }

  #warn(message: string): void {
    if (this.#logger === undefined) process.emitWarning(message, 'InmeshWarning');
    else this.#logger.warn({ service: this.#service }, message);
  }
}
