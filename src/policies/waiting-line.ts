/**
 * WaitingLine: calls that wait for their turn. The more critical go before the less, and among equals whoever came first.
 *
 * The turns of each tier form a list through themselves (an intrusive list), so that joining, leaving from anywhere, and
 * finding who goes next or who is given up first are O(1), without allocating.
 */
import type { Call } from '../core/call.ts';
import type { Cancellable } from '../core/cancellation.ts';
import { sheddability } from '../core/criticality.ts';
import type { MeshError } from '../core/errors.ts';

const TIERS = 4;

export class WaitingLine {
  /** By tier, most critical first. */
  readonly #oldest = new Array<Turn | undefined>(TIERS).fill(undefined);
  readonly #newest = new Array<Turn | undefined>(TIERS).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Who goes next: of the most critical, the first to have come. */
  get first(): Turn | undefined {
    for (const turn of this.#oldest) if (turn !== undefined) return turn;
    return undefined;
  }

  /** Who is given up first: of the least critical, the last to have come, as the others have waited longer. */
  get last(): Turn | undefined {
    for (let tier = TIERS - 1; tier >= 0; tier -= 1) {
      if (this.#newest[tier] !== undefined) return this.#newest[tier];
    }
    return undefined;
  }

  /** Waits in the caller's async context. Rejects with the reason when the call is cancelled, or when its turn is shed. */
  wait(call: Call): Promise<void> {
    return new Promise((resolve, reject) => call.cancellation.subscribe(this.#join(new Turn(call, this, resolve, reject))));
  }

  #join(turn: Turn): Turn {
    const newest = this.#newest[turn.tier];
    turn.older = newest;
    if (newest === undefined) this.#oldest[turn.tier] = turn;
    else newest.newer = turn;
    this.#newest[turn.tier] = turn;
    this.#size += 1;
    return turn;
  }

  /** For turns alone. */
  remove(turn: Turn): void {
    if (turn.older === undefined) this.#oldest[turn.tier] = turn.newer;
    else turn.older.newer = turn.newer;
    if (turn.newer === undefined) this.#newest[turn.tier] = turn.older;
    else turn.newer.older = turn.older;
    this.#size -= 1;
  }
}

/** A call's place in the line, from its joining until it goes on, is shed or is cancelled. */
export class Turn implements Cancellable {
  readonly call: Call;
  readonly tier: number;
  /** Neighbours in the line. */
  older: Turn | undefined = undefined;
  newer: Turn | undefined = undefined;
  readonly #line: WaitingLine;
  readonly #resolve: () => void;
  readonly #reject: (reason: MeshError) => void;

  constructor(call: Call, line: WaitingLine, resolve: () => void, reject: (reason: MeshError) => void) {
    this.call = call;
    this.tier = sheddability(call.criticality);
    this.#line = line;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** There is a place for it. */
  comes(): void {
    this.leave();
    this.#resolve();
  }

  /** Out of the line; to be followed by `shed`. */
  leave(): void {
    this.call.cancellation.unsubscribe(this);
    this.#line.remove(this);
  }

  /** There will be no place for it. */
  shed(error: MeshError): void {
    this.call.request.body?.release();
    this.#reject(error);
  }

  cancelled(reason: MeshError): void {
    this.#line.remove(this);
    this.shed(reason);
  }
}
