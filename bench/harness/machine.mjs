/** What it was measured on. No names: the figures are of a kind of machine, not of one. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { createRequire } from 'node:module';
import { pinned } from './processes.mjs';

const { version: undici } = createRequire(import.meta.url)('undici/package.json');
const { version: inmesh } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

export const machine = () => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  platform: `${process.platform} ${process.arch}`,
  node: process.version,
  undici,
  inmesh,
  pinned,
  load: loadavg()[0],
});
