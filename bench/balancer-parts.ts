/** What bench/balancer.mjs needs of the balancer, which Node 20 cannot import: the package does not export it. */
export { Cluster } from '../src/balancer/cluster.ts';
export { systemClock } from '../src/core/clock.ts';
export { balancerTypes } from '../src/core/balancer-policy.ts';
export { defaultServicePolicy } from '../src/core/policy.ts';
export { below, seededRandom, systemRandom } from '../src/core/random.ts';
export { noZones } from '../src/core/zones.ts';
