import { networkInterfaces } from 'node:os';

/** Whether this machine has `::1`; containers often have none. */
export const hasLoopback6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));
