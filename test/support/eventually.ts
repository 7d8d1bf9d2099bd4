/** Waits for a condition, never for a duration; fails with what it last saw. */
export async function eventually<Value>(probe: () => Value | Promise<Value>, until: (value: Value) => boolean = Boolean, within = 5000): Promise<Value> {
  const end = performance.now() + within;
  for (;;) {
    const value = await probe();
    if (until(value)) return value;
    if (performance.now() > end) throw new Error(`not so within ${within} ms; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
