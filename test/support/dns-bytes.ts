/**
 * DNS messages byte by byte, for what no encoder writes.
 */

export interface RawRecord {
  /** Wire form; default: a pointer to the question's name. */
  readonly owner?: Buffer;
  readonly type: number;
  readonly class?: number;
  readonly ttl?: number;
  readonly data: Buffer;
  /** Default: what it is. */
  readonly length?: number;
}

export interface RawMessage {
  readonly id?: number;
  readonly flags?: number;
  /** Header counts; default: what they are. */
  readonly counts?: readonly [number, number, number, number];
  readonly question?: Buffer;
  readonly answers?: readonly RawRecord[];
  readonly authorities?: readonly RawRecord[];
  readonly additionals?: readonly RawRecord[];
  readonly after?: Buffer;
}

export const POINTER_TO_QUESTION = Buffer.from([0xc0, 12]);

/** Labels as they are: dots and control characters inside a label stay inside it. */
export function labels(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat([...parts.flatMap((part) => [Buffer.from([Buffer.from(part).length]), Buffer.from(part)]), Buffer.from([0])]);
}

export function pointer(offset: number): Buffer {
  return Buffer.from([0xc0 | (offset >> 8), offset & 0xff]);
}

export function srvData(target: Buffer, port = 80): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 1, port >> 8, port & 0xff]), target]);
}

export function rawMessage(parts: RawMessage): Buffer {
  const { id = 1, flags = 0x8400, question = Buffer.concat([labels('a', 'test'), Buffer.from([0, 1, 0, 1])]), answers = [], authorities = [], additionals = [] } = parts;
  const counts = parts.counts ?? [question.length > 0 ? 1 : 0, answers.length, authorities.length, additionals.length];
  const header = Buffer.alloc(12);
  [id, flags, ...counts].forEach((value, index) => header.writeUInt16BE(value, index * 2));
  return Buffer.concat([header, question, ...[...answers, ...authorities, ...additionals].map(rawRecord), parts.after ?? Buffer.alloc(0)]);
}

export function rawRecord(record: RawRecord): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(record.type, 0);
  fixed.writeUInt16BE(record.class ?? 1, 2);
  fixed.writeUInt32BE(record.ttl ?? 5, 4);
  fixed.writeUInt16BE(record.length ?? record.data.length, 8);
  return Buffer.concat([record.owner ?? POINTER_TO_QUESTION, fixed, record.data]);
}
