/**
 * Chance, as a port: production draws from `Math.random`, tests and simulations from a seed.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

export const systemRandom: Random = { next: () => Math.random() };

/** Uniform integer in [0, bound). */
export function below(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}

/** `value` spread evenly over ±`share` of itself, so that a fleet that did something together does not do it together again. */
export function jittered(random: Random, value: number, share: number): number {
  return value * (1 - share + 2 * share * random.next());
}

/**
 * mulberry32 (Tommy Ettinger, public domain): 32 bits of state, full period, good enough for scheduling and simulation,
 * not for secrets. The same seed gives the same sequence on every machine.
 */
export function seededRandom(seed: number): Random {
  // In a variable, one beyond 2³¹ would be put on the heap.
  const states = Uint32Array.of(seed);
  return {
    next() {
      const state = (states[0]! + 0x6d2b79f5) >>> 0;
      states[0] = state;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
