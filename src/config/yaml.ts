/** yaml, loaded when the first policy file is read: policies given as objects do without. */
import { createRequire } from 'node:module';
import { lazily } from '../core/lazily.ts';

export const yaml = lazily(() => createRequire(import.meta.url)('yaml') as typeof import('yaml'));
