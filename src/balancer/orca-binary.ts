/**
 * The protobuf form of a load report (xds.data.orca.v3.OrcaLoadReport), as far as it is of use here. gRPC servers send it.
 *
 *     message OrcaLoadReport {
 *       double cpu_utilization = 1;     double rps_fractional = 6;               double eps = 7;
 *       map<string, double> named_metrics = 8;                                  double application_utilization = 9;
 *     }
 *
 * Reading five numbers needs no library. Every step goes forward and none beyond the end, whatever the bytes are.
 */

/** Who takes what is found; values as they are, sensible or not. */
export interface OrcaFields {
  add(name: string, value: number): void;
}

const names: Readonly<Record<number, string>> = { 1: 'cpu_utilization', 6: 'rps_fractional', 7: 'eps', 9: 'application_utilization' };
const NAMED_METRICS = 8;

/** False where it is no such message; what came before the fault has been added. */
export function orcaFields(bytes: Buffer, fields: OrcaFields): boolean {
  const message = new Message(bytes);
  while (message.next()) {
    const name = names[message.field];
    if (message.double !== undefined && name !== undefined) fields.add(name, message.double);
    else if (message.bytes !== undefined && message.field === NAMED_METRICS && !named(message.bytes, fields)) return false;
  }
  return message.whole;
}

/** An entry of a map: its key is field 1, its value field 2; a value of 0 is not written. */
function named(bytes: Buffer, fields: OrcaFields): boolean {
  const entry = new Message(bytes);
  let [name, value] = ['', 0];
  while (entry.next()) {
    if (entry.field === 1 && entry.bytes !== undefined) name = entry.bytes.toString('utf8');
    else if (entry.field === 2 && entry.double !== undefined) value = entry.double;
  }
  fields.add(`named_metrics.${name}`, value);
  return entry.whole;
}

/** Field after field. */
class Message {
  field = 0;
  /** What the field holds, where it is of one of these two forms. */
  double: number | undefined = undefined;
  bytes: Buffer | undefined = undefined;
  readonly #bytes: Buffer;
  #at = 0;
  #broken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** It has been read to its end. */
  get whole(): boolean {
    return !this.#broken && this.#at === this.#bytes.length;
  }

  /** False at the end, and where it cannot go on. */
  next(): boolean {
    this.double = this.bytes = undefined;
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        this.#varint();
        break;
      case 1:
        if (this.#at + 8 <= this.#bytes.length) this.double = this.#bytes.readDoubleLE(this.#at);
        this.#skip(8);
        break;
      case 2: {
        const length = this.#varint();
        const from = this.#at;
        this.#skip(length);
        if (!this.#broken) this.bytes = this.#bytes.subarray(from, this.#at);
        break;
      }
      case 5:
        this.#skip(4);
        break;
      default:
        // Groups, which are of long ago, and what is no form at all.
        this.#broken = true;
    }
    return !this.#broken;
  }

  /** As a fraction, so beyond 2⁵³ not exact; no length and no field is as large. */
  #varint(): number {
    let value = 0;
    for (let shift = 1; this.#at < this.#bytes.length && shift < 2 ** 70; shift *= 128) {
      const byte = this.#bytes[this.#at]!;
      this.#at += 1;
      value += (byte % 128) * shift;
      if (byte < 128) return value;
    }
    this.#broken = true;
    return 0;
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#at) this.#broken = true;
    else this.#at += length;
  }
}
