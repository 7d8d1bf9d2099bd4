/**
 * Explanation: what would happen to a request, and why, as plain data. `mesh.explain` gives it, and `inmesh explain` prints it.
 */
export interface ExplainedKnob {
  /** `retry.maxRetries` */
  readonly knob: string;
  /** As one would write it. */
  readonly value: string;
  /** `policy.yaml:12:7`; `built-in` where nobody wrote it. */
  readonly from: string;
}

export interface ExplainedTrial {
  readonly route: string;
  /** `path prefix /reviews, header end-user: jason` */
  readonly match: string;
  /** Why it is not this one. */
  readonly because: string;
}

export interface ExplainedRoute {
  readonly name: string;
  readonly match: string;
  /** `policy.yaml:12:7`, where that is known. */
  readonly from: string | undefined;
  /** As it would be sent, where that is not as it was asked. */
  readonly sent: { readonly path: string; readonly host: string | undefined } | undefined;
  /** Of the schedule, from 1; 0 before it starts; undefined without one. */
  readonly step: number | undefined;
  readonly stopped: 'held' | 'rolled-back' | undefined;
  /** false: its calls go to the service as a whole. */
  readonly toVersions: boolean;
  /** Whether the request names a user, whose version is certain. */
  readonly sticky: boolean;
  readonly mirrors: readonly string[];
  readonly fault: boolean;
}

/** An endpoint that the call may go to, as this process knows it. */
export interface ExplainedCandidate {
  /** Undefined: of the service as a whole. */
  readonly version: string | undefined;
  readonly endpoint: string;
  /** Where it runs, where that is known. */
  readonly zone: string | undefined;
  /** What its load is multiplied by as it is in another zone; undefined where it is not. */
  readonly cost: number | undefined;
  /** Which part of its share it gets while it is new; undefined where that is the whole. */
  readonly part: number | undefined;
  readonly state: string;
  /** Smaller is freer. */
  readonly load: number;
  readonly pending: number;
}

export interface Explanation {
  readonly request: { readonly method: string; readonly url: string };
  /** Of which time this holds: ISO 8601. */
  readonly at: string;
  /** Undefined where the call would not be made by the mesh. */
  readonly service: string | undefined;
  readonly why: string;
  /** Undefined: none matches, and the call goes to the service as a whole. */
  readonly route: ExplainedRoute | undefined;
  /** The routes that it is not, the most specific first. */
  readonly others: readonly ExplainedTrial[];
  /** Probabilities, by version; empty where the call goes to the service as a whole, or nowhere. */
  readonly versions: readonly { readonly name: string; readonly probability: number }[];
  /** Milliseconds for the whole call, by the policy. */
  readonly deadline: number | undefined;
  readonly retry: string;
  /** Undefined where no process was asked, or the service was not called yet. */
  readonly candidates?: readonly ExplainedCandidate[];
  readonly knobs: readonly ExplainedKnob[];
}
