/**
 * undici, without its side effect.
 *
 * Loading undici installs its Agent as the process's global dispatcher unless Node has installed its own first, so that a
 * library which merely imports it moves the whole application's `fetch` onto another copy of undici (nodejs/undici#5500).
 * Node installs its own when `Response` is first touched. Static imports are hoisted above any such statement, hence
 * `require`.
 */
import { createRequire } from 'node:module';

void globalThis.Response;

const undici = createRequire(import.meta.url)('undici') as typeof import('undici');

export const { Agent, Client, Dispatcher, Pool, buildConnector, errors, getGlobalDispatcher, interceptors, request, setGlobalDispatcher, util } = undici;
