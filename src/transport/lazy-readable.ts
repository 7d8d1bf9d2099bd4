/**
 * A Readable that becomes one when it is first used as one.
 *
 *     unmade ──anybody looks at `_readableState`──▶ made
 *
 * Making a Readable costs half a kilobyte, and more time than reading a small body as a whole does, which needs no stream. This is an object with the
 * prototype of a Readable on which the constructor has not run: `instanceof Readable`, with all its methods. Each of those looks at `_readableState`
 * first, and that is a getter here, which runs the constructor. (Emitters need nothing made: `on` makes what it does not find.)
 */
import { Readable } from 'node:stream';

/** Of the state of a Readable, what says how far it is. */
export interface ReadableState {
  dataEmitted: boolean;
  ended: boolean;
  endEmitted: boolean;
  destroyed: boolean;
  closed: boolean;
  closeEmitted: boolean;
}

function Unmade(): void {}
Unmade.prototype = Object.create(Readable.prototype) as Readable;

const construct = Readable as unknown as (this: Readable, options: { readonly highWaterMark: number }) => void;

export abstract class LazyReadable extends (Unmade as unknown as new () => Readable) {
  #state: ReadableState | undefined;

  /** Undefined while it is unmade. */
  protected get state(): ReadableState | undefined {
    return this.#state;
  }

  /** How much a stream holds. */
  protected abstract get most(): number;
  /** It has just become one. */
  protected abstract made(state: ReadableState): void;

  get _readableState(): ReadableState | undefined {
    // Whoever looks at the prototype makes nothing.
    if (!(#state in this)) return undefined;
    construct.call(this, { highWaterMark: this.most });
    this.made(this.#state!);
    return this.#state;
  }

  /** By the constructor. */
  set _readableState(state: ReadableState | undefined) {
    this.#state = state;
    Object.defineProperty(this, '_readableState', { value: state, writable: true, enumerable: true, configurable: true });
  }
}
