import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

describe('loading undici', () => {
  it('leaves the application’s global fetch on Node’s own agent, where a plain import takes it over', () => {
    const undici = JSON.stringify(createRequire(import.meta.url).resolve('undici'));
    const owner = "const { Agent } = undici; const agent = globalThis[Symbol.for('undici.globalDispatcher.1')] ?? globalThis[Symbol.for('undici.globalDispatcher.2')]; process.stdout.write(String(agent instanceof Agent));";
    const run = (script: string) => execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(run(`const undici = require(${undici}); ${owner}`)).toBe('true');
    // What src/transport/undici.ts does.
    expect(run(`void globalThis.Response; const undici = require(${undici}); ${owner}`)).toBe('false');
  });
});
