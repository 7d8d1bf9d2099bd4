import { describe, expect, it, vi } from 'vitest';
import { MeshError } from '../../src/core/errors.ts';

describe('a MeshError', () => {
  it('is known by another copy of the package', async () => {
    vi.resetModules();
    const other = (await import('../../src/core/errors.ts')).MeshError;
    expect(other).not.toBe(MeshError);
    expect(new other('NO_ENDPOINTS', 'message')).toBeInstanceOf(MeshError);
    expect(new Error('message')).not.toBeInstanceOf(MeshError);
    for (const nothing of [null, undefined, 'MeshError']) expect(nothing).not.toBeInstanceOf(MeshError);
  });

  it('is worth retrying only if nothing was sent and the cause may pass', () => {
    const retryable = (...args: ConstructorParameters<typeof MeshError>) => new MeshError(...args).retryable;
    expect(retryable('CONNECT_FAILED', '', { sent: 'no' })).toBe(true);
    expect(retryable('CONNECTION_RESET', '', { sent: 'maybe' })).toBe(false);
    expect(retryable('POLICY_INVALID', '')).toBe(false);
  });

  it('carries its cause, and none where there is none', () => {
    const cause = new Error('refused');
    expect(new MeshError('CONNECT_FAILED', 'message', { cause }).cause).toBe(cause);
    expect('cause' in new MeshError('CONNECT_FAILED', 'message')).toBe(false);
  });
});
