/** `mesh.request` with every mechanism at its default; no OpenTelemetry SDK. */
import { meshRequest } from '../support/mesh.mjs';

export const setup = ({ small }) => meshRequest(small);
