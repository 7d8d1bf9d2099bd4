/** A contender of the bench: 80 KB of garbage with each call, in ten pieces. */
let last;

export function setup() {
  return {
    async request() {
      last = Array.from({ length: 10 }, () => new Array(1000).fill(0));
    },
    close: async () => void (last = undefined),
  };
}
