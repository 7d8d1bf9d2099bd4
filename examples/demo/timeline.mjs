/**
 * What happens to the cluster, and when: `at` seconds from the start, or `fast` with --fast. Each step begins a phase that
 * lasts until the next one.
 */

/** @typedef {{ at: number, fast: number, title: string, act?: (cluster: import('./cluster.mjs').Cluster) => unknown }} Step */

/** @type {Step[]} */
const steps = [
  { at: 0, fast: 0, title: 'all is well' },
  { at: 6, fast: 2, title: 'reviews-2 is killed (kill -9)', act: (cluster) => cluster.kill('reviews-2') },
  { at: 13, fast: 4.5, title: 'reviews-2 is back', act: (cluster) => cluster.add(['reviews-2']) },
  { at: 17, fast: 6, title: 'reviews-1 is slow (20×)', act: (cluster) => cluster.fault('reviews-1', { slowness: 20 }) },
  { at: 25, fast: 8.5, title: 'reviews-1 is well again', act: (cluster) => cluster.fault('reviews-1', {}) },
  { at: 28, fast: 9.5, title: 'ratings-1 answers 503 at once', act: (cluster) => cluster.fault('ratings-1', { status: 503 }) },
  { at: 35, fast: 12, title: 'ratings-1 is well again', act: (cluster) => cluster.fault('ratings-1', {}) },
  { at: 38, fast: 13, title: 'reviews-4 and reviews-5 join', act: (cluster) => cluster.add(['reviews-4', 'reviews-5']) },
  { at: 45, fast: 14.5, title: 'reviews-3 leaves DNS, then stops', act: (cluster) => cluster.remove('reviews-3') },
  { at: 52, fast: 16, title: 'the DNS server is down', act: (cluster) => cluster.stopDns() },
  { at: 62, fast: 20, title: 'the DNS server is back', act: (cluster) => cluster.startDns() },
];

export function plan({ fast }) {
  return {
    steps: steps.map(({ at, fast: fastAt, title, act = () => {} }) => ({ at: fast ? fastAt : at, title, act })),
    /** Replicas that come while the load runs. */
    later: ['reviews-2', 'reviews-4', 'reviews-5'],
    duration: fast ? 21 : 66,
    noticeAfter: fast ? 500 : 1000,
    grace: fast ? 1500 : 3000,
  };
}
