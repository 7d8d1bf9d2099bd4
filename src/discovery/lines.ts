/**
 * Lines of a stream of bytes. Split as bytes, because a character may be cut by the end of a chunk; and no longer than 4 MB, because what
 * sends an endless line means harm.
 */
const NEWLINE = 0x0a;
const MAX_LINE_BYTES = 4 * 1024 * 1024;

export class LineReader {
  #rest: Buffer[] = [];
  #bytes = 0;

  /** The lines that this chunk completes, without their ends. Throws for one that is too long. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(Buffer.concat([...this.#rest, chunk.subarray(start, end)]).toString('utf8'));
      this.#rest = [];
      this.#bytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.subarray(start));
      this.#bytes += chunk.length - start;
    }
    if (this.#bytes > MAX_LINE_BYTES) throw new Error(`a line of more than ${MAX_LINE_BYTES} bytes`);
    return lines;
  }
}
