/** The yardstick with the SDK as the mesh uses it, by hand: every call traced, no metrics. */
import { sdkByHand } from '../support/sdk-by-hand.mjs';

export const setup = ({ small }) => sdkByHand(small, { share: 1, withMetrics: false });
