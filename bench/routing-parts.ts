/** What bench/routing.mjs needs of the route table, which Node 20 cannot import: the package does not export it. */
export { RouteTable } from '../src/routing/table.ts';
