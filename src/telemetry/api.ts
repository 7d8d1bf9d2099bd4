/** OpenTelemetry's API, loaded when the first call is made with something registered (registry.ts): then whoever registered it has loaded it already. */
import { createRequire } from 'node:module';
import { lazily } from '../core/lazily.ts';

export const api = lazily(() => createRequire(import.meta.url)('@opentelemetry/api') as typeof import('@opentelemetry/api'));
