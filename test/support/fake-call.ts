/**
 * Calls and attempts for tests of layers: everything as by default, except what the test is about.
 */
import type { Attempt, Call, CallOptions, MeshRequest, Reply, RequestBody } from '../../src/core/call.ts';
import { Cancellation } from '../../src/core/cancellation.ts';
import type { Millis } from '../../src/core/clock.ts';
import { DEFAULT_CRITICALITY, type Criticality } from '../../src/core/criticality.ts';
import type { DeadlineSource, MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type ServicePolicy } from '../../src/core/policy.ts';
import { TriedEndpoints } from '../../src/core/tried.ts';

export interface FakeCallParts {
  readonly policy?: Partial<ServicePolicy>;
  readonly request?: Partial<MeshRequest>;
  readonly options?: CallOptions;
  readonly startedAt?: Millis;
  /** Length of time from `startedAt`; without it, the policy's. */
  readonly deadline?: Millis;
  readonly deadlineFrom?: DeadlineSource;
  readonly criticality?: Criticality;
  readonly hashKey?: string;
  readonly servingRetry?: boolean;
  readonly route?: string;
}

export function fakeCall({ policy, request, options = {}, startedAt = 0, deadline, deadlineFrom, criticality, hashKey, servingRetry, route }: FakeCallParts = {}): Call {
  const whole: ServicePolicy = { ...defaultServicePolicy, ...policy };
  return {
    service: 'reviews',
    policy: whole,
    request: {
      method: 'GET',
      scheme: 'http',
      authority: 'reviews',
      path: '/',
      headers: [],
      body: undefined,
      upgrade: undefined,
      reset: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      ...request,
    },
    options,
    cancellation: new Cancellation(),
    startedAt,
    deadline: startedAt + (deadline ?? whole.deadline),
    deadlineFrom: deadlineFrom ?? 'policy',
    criticality: criticality ?? options.criticality ?? DEFAULT_CRITICALITY,
    hashKey: hashKey ?? options.hashKey,
    servingRetry: servingRetry ?? false,
    route,
    version: undefined,
    attempts: 0,
    tried: new TriedEndpoints(),
  };
}

/** It begins with its call, unless said otherwise. */
export function fakeAttempt(call: Call = fakeCall(), startedAt: Millis = call.startedAt): Attempt {
  call.attempts += 1;
  return { call, number: call.attempts, startedAt, cancellation: new Cancellation(call.cancellation), endpoint: undefined, uploadedAt: undefined, headers: [] };
}

/** An attempt that nobody answers: it ends when it is cancelled, and then at once, as the transport does it. */
export function silence(attempt: Attempt): Promise<Reply> {
  return new Promise((_, reject) => {
    attempt.cancellation.subscribe({ cancelled: (reason: MeshError) => reject(reason) });
  });
}

/** A request body that counts what is done with it. */
export class FakeBody implements RequestBody {
  replayable: boolean;
  whole = true;
  readonly failure = undefined;
  released = 0;
  rewound = 0;

  constructor(replayable = true) {
    this.replayable = replayable;
  }

  open(): unknown {
    return 'body';
  }

  rewind(): void {
    this.rewound += 1;
  }

  left(): void {}

  release(): void {
    this.released += 1;
  }
}
