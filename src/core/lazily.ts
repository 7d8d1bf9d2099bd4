/** What is made when it is first asked for, and then kept. Packages that an import of this one can do without are loaded so. */
export function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}
