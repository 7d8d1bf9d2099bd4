/**
 * How the admin pages are asked for, and what whoever asks for a server gets.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface AdminOptions {
  /** Default: 9900. 0: any that is free. */
  readonly port?: number;
  /** Default: 127.0.0.1, this machine alone. Whoever can reach it can read it: `0.0.0.0` is for networks that are yours. */
  readonly host?: string;
  /** Names that requests may have in their Host header, beside addresses and `localhost`; what it is called in DNS, where it is. */
  readonly hosts?: readonly string[];
}

export interface AdminServer {
  readonly address: string;
  readonly port: number;
  /** Of the live page. */
  readonly url: string;
  close(): Promise<void>;
}

/** For node:http, Express, Connect: at a path of its own, or as a whole server. */
export type AdminHandler = (request: IncomingMessage, response: ServerResponse) => void;
