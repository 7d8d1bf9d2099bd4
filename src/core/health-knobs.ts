/** Which endpoints are used: the knobs of ejection, panic and health checks. Their defaults are in policy.ts. */
import type { Millis } from './clock.ts';
import type { Mode, Switchable } from './switchable.ts';

export interface RelativeKnobs {
  /** Its success rate is lower than that of the others by more than this … */
  readonly gap: number;
  /** … and by more than this many standard deviations of the difference … */
  readonly sigmas: number;
  /** … seen in at least this many attempts … */
  readonly minRequests: number;
  /** … while the others' success rate is above this. */
  readonly fleetAbove: number;
  /** What is counted: the attempts of this last while. */
  readonly window: Millis;
}

export interface SuccessRateKnobs {
  /** Its success rate is below this … */
  readonly threshold: number;
  /** … in this last while … */
  readonly window: Millis;
  /** … in which there were at least this many attempts. */
  readonly minRequests: number;
}

export const panicModes = ['least-bad', 'fail-open', 'fail-fast'] as const;
/**
 * `least-bad`: the ejected ones with the best record are used as well, up to the threshold · `fail-open`: all are used ·
 * `fail-fast`: calls fail with NO_ENDPOINTS, but for the trials.
 */
export type PanicMode = (typeof panicModes)[number];

export interface PanicKnobs {
  /** Share of usable endpoints below which it begins. */
  readonly below: number;
  readonly mode: PanicMode;
}

export interface OutlierKnobs {
  /** An endpoint is ejected when it does worse than the others, not when all do badly. */
  readonly relative: Switchable<RelativeKnobs>;
  /** An endpoint is ejected after this many failures with no success in between, whatever the others do. */
  readonly consecutiveFailures: Switchable<number>;
  /** An endpoint is ejected when it fails too large a share of its attempts, whatever the others do. */
  readonly successRate: Switchable<SuccessRateKnobs>;
  readonly ejection: {
    /** First ejection; each further one in a row takes twice as long … */
    readonly base: Millis;
    /** … up to this. */
    readonly max: Millis;
    /** Spread of the duration, as a share of it, either way. */
    readonly jitter: number;
    /** Largest share of the endpoints ejected at one time, rounded up. */
    readonly maxShare: number;
    /** Endpoints that are never ejected below. */
    readonly minRemaining: number;
  };
  /** What happens when too many endpoints are gone. */
  readonly panic: PanicKnobs;
  /** `observe`: decide and report, do not act. */
  readonly mode: Mode;
}

export const healthCheckMethods = ['GET', 'HEAD', 'OPTIONS'] as const;

export interface HealthCheckKnobs {
  /** What is asked for, on the endpoint's own port; the Host header is that of the service. */
  readonly path: string;
  readonly method: (typeof healthCheckMethods)[number];
  readonly scheme: 'http' | 'https';
  /** Statuses that an endpoint which is well answers with: `200`, `200-299`. */
  readonly expect: readonly (number | string)[];
  /** From one answer to the next question, give or take a tenth. */
  readonly interval: Millis;
  /** How long an answer may take. */
  readonly timeout: Millis;
  /** Passed in a row after which an unhealthy endpoint is healthy. */
  readonly healthy: number;
  /** Failed in a row after which an endpoint is unhealthy. */
  readonly unhealthy: number;
  /** `observe`: ask and report, do not act. */
  readonly mode: Mode;
}
