/**
 * `/events`: server-sent events for everybody who looks. `state` is a frame, in full at first (frame.ts); `mesh` is an event of the mesh, the
 * last ones at first (event-log.ts).
 *
 *  - One frame is made and written out for all who look, and none while nobody does.
 *  - Looking must not weigh on what is looked at: after a frame that took long, the next one waits until both together are no more than 1/300
 *    of the time. So the page costs at most a third of a percent of a core, however many endpoints there are.
 *  - Nothing is kept for a reader who does not read: one that falls behind by more than a few frames is dropped, and comes again by itself, as
 *    EventSource does.
 */
import type { ServerResponse } from 'node:http';
import type { Clock, Millis, Timer } from '../core/clock.ts';
import { EventLog, type LoggedEvent } from './event-log.ts';
import { Frames } from './frame.ts';
import type { AdminPort } from './port.ts';
import type { TrafficRecord } from './traffic.ts';

const EVERY: Millis = 1_000;
const AT_LEAST_EVERY: Millis = 30_000;
/** The time between frames is so many times what one costs. */
const SPARING = 300;
/** Proxies close connections on which nothing comes, most after a minute. */
const HEARTBEAT: Millis = 15_000;
const READERS_AT_MOST = 32;
/** Bytes that a reader has not taken. A frame in full of 10,000 endpoints is about one megabyte. */
const BEHIND_AT_MOST = 4 * 1024 * 1024;

export class Live {
  readonly #port: AdminPort;
  readonly #clock: Clock;
  readonly #traffic: TrafficRecord;
  readonly #frames = new Frames();
  readonly #readers = new Set<ServerResponse>();
  readonly #log: EventLog;
  #timer: Timer | undefined;
  #every: Millis = EVERY;
  #writtenAt: Millis = 0;

  constructor(port: AdminPort, traffic: TrafficRecord) {
    this.#port = port;
    this.#clock = port.clock;
    this.#traffic = traffic;
    this.#log = new EventLog(port.clock, (logged) => this.#write(mesh(logged)));
    traffic.heard = this.#log.add;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** The head of the response is written by whoever calls; false: there are too many already. `after`: the last event that this reader has seen. */
  add(response: ServerResponse, after: number): boolean {
    if (this.#readers.size >= READERS_AT_MOST) return false;
    if (this.#readers.size === 0) this.#look();
    const leave = (): void => this.#drop(response);
    response.on('close', leave).on('error', leave);
    this.#readers.add(response);
    response.write(`retry: 2000\n\n${state(this.#frames.full()!)}${this.#log.since(after).map(mesh).join('')}`);
    return true;
  }

  close(): void {
    for (const reader of [...this.#readers]) {
      this.#drop(reader);
      reader.destroy();
    }
  }

  /** Makes a frame, and the next one later. */
  #look(): void {
    const begun = this.#clock.now();
    const frame = this.#frames.next(this.#port.inspect(), this.#traffic, { wall: this.#clock.wall(), phase: this.#port.phase(), every: this.#every });
    if (frame !== undefined) this.#write(state(frame));
    else if (begun - this.#writtenAt >= HEARTBEAT) this.#write(': still here\n\n');
    const cost = this.#clock.now() - begun;
    this.#every = Math.min(AT_LEAST_EVERY, Math.max(EVERY, Math.round(cost * SPARING)));
    this.#timer = this.#clock.after(this.#every, () => this.#look(), 'background');
  }

  #write(text: string): void {
    if (this.#readers.size === 0) return;
    this.#writtenAt = this.#clock.now();
    const bytes = Buffer.from(text);
    for (const reader of [...this.#readers]) {
      if (reader.writableLength + bytes.length > BEHIND_AT_MOST) {
        this.#drop(reader);
        reader.destroy();
      } else {
        reader.write(bytes);
      }
    }
  }

  #drop(reader: ServerResponse): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#every = EVERY;
  }
}

/** JSON has no line feeds of its own. */
function state(frame: object): string {
  return `event: state\ndata: ${JSON.stringify(frame)}\n\n`;
}

function mesh(logged: LoggedEvent): string {
  return `event: mesh\nid: ${logged.id}\ndata: ${JSON.stringify(logged)}\n\n`;
}
