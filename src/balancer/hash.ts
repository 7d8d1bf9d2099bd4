/**
 * The hash that orders endpoints: FNV-1a over a text, begun from a seed, with murmur3's finaliser. FNV alone leaves texts that
 * differ in their last character close together, and pods' addresses do just that. It need not resist anybody: who can choose
 * addresses in the answer already decides where traffic goes.
 */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Uniform in [0, 2³²). */
export function hash(text: string, seed: number = FNV_OFFSET): number {
  return signedHash(text, seed) >>> 0;
}

/** The same 32 bits, for those who ask often: greater numbers that a function returns are put on the heap. */
export function signedHash(text: string, seed: number = FNV_OFFSET): number {
  let mixed = seed;
  for (let at = 0; at < text.length; at += 1) mixed = Math.imul(mixed ^ text.charCodeAt(at), FNV_PRIME);
  return finalised(mixed);
}

/** Of two hashes, in one order or the other another one. Of one that was made a signed number it is the same. */
export function mix(one: number, other: number): number {
  return signedMix(one, other) >>> 0;
}

/** The same 32 bits, for the same reason. */
export function signedMix(one: number, other: number): number {
  return finalised((Math.imul(one, 0x9e3779b1) + Math.imul(other, 0x85ebca77) + 0x165667b1) | 0);
}

function finalised(bits: number): number {
  let mixed = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
