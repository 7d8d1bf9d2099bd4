/**
 * DNS over TCP puts two bytes of length before each message (RFC 1035 4.2.2). Frames end anywhere in a chunk, also between those two
 * bytes. Chunks are joined once per message, not once per chunk: a message of 64 KB in small pieces would be copied again and again.
 */
import { DnsError } from './dns-error.ts';
import { HEADER_BYTES } from './scan.ts';

const LENGTH_BYTES = 2;

export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
  frame.writeUInt16BE(message.length, 0);
  message.copy(frame, LENGTH_BYTES);
  return frame;
}

export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes of the frame under way, its length included; unknown until its first two bytes are here. */
  #needed: number | undefined;

  /** The messages that this chunk completes. Throws DnsError `malformed` for one that is no DNS message: the stream is of no use then. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const messages: Buffer[] = [];
    while (this.#bytes >= (this.#needed ?? LENGTH_BYTES)) {
      const bytes = this.#joined();
      const length = bytes.readUInt16BE(0);
      if (length < HEADER_BYTES) throw new DnsError('malformed', `malformed DNS message: a frame of ${length} bytes`);
      this.#needed = LENGTH_BYTES + length;
      if (this.#bytes < this.#needed) break;
      messages.push(bytes.subarray(LENGTH_BYTES, this.#needed));
      this.#chunks = [bytes.subarray(this.#needed)];
      this.#bytes -= this.#needed;
      this.#needed = undefined;
    }
    return messages;
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const joined = Buffer.concat(this.#chunks, this.#bytes);
    this.#chunks = [joined];
    return joined;
  }
}
