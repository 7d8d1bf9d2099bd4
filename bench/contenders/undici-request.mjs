/** The yardstick: undici's request, a Pool per endpoint, round robin by hand. */
import { roundRobin } from '../support/round-robin.mjs';

export const setup = ({ small }) => roundRobin(small);
