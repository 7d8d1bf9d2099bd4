/**
 * decay(x) = e^−x for x ≥ 0, to three parts in a hundred thousand, and never rising.
 *
 * A pick looks at ten endpoints and needs up to three of these for each; Math.exp takes three times as long. Linear between
 * the points of a table is too high by h²/8 of the value at most, h = 1/64 being the distance of the points; beyond 16, where e^−x
 * is a ten-millionth, nothing is left.
 */
const PER_UNIT = 64;
const END = 16;
const table = Float64Array.from({ length: END * PER_UNIT + 1 }, (_, index) => (index === END * PER_UNIT ? 0 : Math.exp(-index / PER_UNIT)));

export function decay(x: number): number {
  if (!(x < END)) return 0;
  const place = x * PER_UNIT;
  const index = Math.trunc(place);
  const left = table[index]!;
  return left + (place - index) * (table[index + 1]! - left);
}

/**
 * The same for each of the first `count`, in its place; written once more, for a fraction that a function returns is put on the heap where it is not
 * inlined. `| 0` is what Math.trunc is for these, without asking whether the result is a whole number.
 */
export function decayAll(xs: Float64Array, count: number): void {
  const points = table;
  for (let at = 0; at < count; at += 1) {
    const place = xs[at]! * PER_UNIT;
    if (!(place < END * PER_UNIT)) {
      xs[at] = 0;
      continue;
    }
    const index = place | 0;
    const left = points[index]!;
    xs[at] = left + (place - index) * (points[index + 1]! - left);
  }
}
