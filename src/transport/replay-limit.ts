/** What the kinds of request bodies that are kept for a further attempt, up to a limit, have in common. */
import { MeshError } from '../core/errors.ts';

export function beginningGone(limit: number): MeshError {
  return new MeshError('BODY_NOT_REPLAYABLE', `of the request body, of which up to ${limit} bytes are kept, the beginning is gone`);
}

export function failureOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(`the request body failed with ${String(error)}`);
}

export function byteLength(chunk: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  return ArrayBuffer.isView(chunk) || chunk instanceof ArrayBuffer ? chunk.byteLength : 0;
}
