/** What bench/discovery.mjs needs of the sources, which Node 20 cannot import: the package does not export it. */
export { systemClock } from '../src/core/clock.ts';
export { systemRandom } from '../src/core/random.ts';
export { SrvSource } from '../src/discovery/srv.ts';
export { StubResolver } from '../src/discovery/stub-resolver.ts';
export { startKnot } from '../test/support/knot.ts';
export { startBind } from '../test/support/static-dns.ts';
export { headless } from '../test/support/watched.ts';
