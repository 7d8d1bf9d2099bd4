/**
 * Chance, as a port: production draws from a generator that each process seeds for itself, tests and simulations from a seed.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

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
  return drawing(() => {
    const state = (states[0]! + 0x6d2b79f5) >>> 0;
    states[0] = state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return mixed ^ (mixed >>> 14);
  });
}

/**
 * sfc32 (Chris Doty-Humphrey, public domain; PractRand): 128 bits of state, so that no two processes of a fleet march in step. Not for secrets either.
 * Math.random puts each number on the heap, and every choice of an endpoint draws two.
 */
function smallFast(words: Int32Array): Random {
  return drawing(() => {
    const a = words[0]!;
    const b = words[1]!;
    const c = words[2]!;
    const counter = words[3]!;
    const drawn = (((a + b) | 0) + counter) | 0;
    words[0] = b ^ (b >>> 9);
    words[1] = (c + (c << 3)) | 0;
    words[2] = (((c << 21) | (c >>> 11)) + drawn) | 0;
    words[3] = (counter + 1) | 0;
    return drawn;
  });
}

/** `bits` gives 32 of them as a whole number: unlike a fraction, it is returned without a place on the heap, whatever is inlined. */
function drawing(bits: () => number): Random {
  return { next: () => (bits() >>> 0) / 2 ** 32 };
}

export const systemRandom = smallFast(Int32Array.from({ length: 4 }, () => Math.random() * 2 ** 32));
