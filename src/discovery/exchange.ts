/**
 * Exchange: one query sent to one server, one reply or one error back. Over UDP or over TCP, the asker sees no difference.
 */
import type { DnsError } from './dns-error.ts';

export interface ReplyListener {
  /** At most one of the two is called, once, never synchronously. The reply has the query's id and question; nothing else of it is checked. */
  replied(reply: Buffer): void;
  failed(error: DnsError): void;
  /** Something came that is no reply to this query; the exchange goes on waiting. */
  discarded(): void;
}

export interface Exchange {
  /** Nobody waits any longer; the listener hears nothing after this. */
  close(): void;
}
