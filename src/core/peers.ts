/**
 * What a process knows of its peers, the replicas of its own service: who they are, itself among them.
 */
export type PeerView =
  /** Each by a name that all of them use: its address. In order. `own`: this process's. */
  | { readonly kind: 'known'; readonly own: string; readonly all: readonly string[] }
  | { readonly kind: 'unknown'; readonly why: string };
