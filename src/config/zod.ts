/** zod, loaded when the first policy is checked: a process with none has no use for it. */
import { createRequire } from 'node:module';
import { lazily } from '../core/lazily.ts';

export const zod = lazily(() => createRequire(import.meta.url)('zod') as typeof import('zod'));
