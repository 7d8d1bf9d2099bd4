/** The yardstick with the SDK as the mesh uses it, by hand: metrics, and 1 % of the traces. */
import { sdkByHand } from '../support/sdk-by-hand.mjs';

export const setup = ({ small }) => sdkByHand(small, { share: 0.01, withMetrics: true });
