/**
 * What the policy says of this process's own service, as it stands now. The same files as the client's, followed in the same way.
 */
import { PolicyInForce, type PolicySnapshot } from '../config/policy-in-force.ts';
import type { GivenPolicy } from '../config/load-policy.ts';
import { nearest } from '../config/suggest.ts';
import type { Clock } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { Policy, ServiceEntry } from '../core/policy.ts';

export interface OwnPolicyOptions {
  readonly service: string;
  /** The name was given, and not guessed from the environment: it must be in the policy, if there is one. */
  readonly named: boolean;
  readonly policy: GivenPolicy | undefined;
  readonly watch: boolean;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

/** Of it, what a server half needs; without an entry of its own, what holds for everybody. */
export type OwnEntry = Pick<ServiceEntry, 'policy' | 'allow'>;

export class OwnPolicy {
  readonly #options: OwnPolicyOptions;
  readonly #inForce: PolicyInForce;
  #entry: OwnEntry;

  /** @throws MeshError POLICY_INVALID, UNKNOWN_SERVICE */
  constructor(options: OwnPolicyOptions) {
    const { service, named, warn } = options;
    this.#options = options;
    this.#inForce = new PolicyInForce({
      given: options.policy,
      env: process.env,
      clock: options.clock,
      emit: () => {},
      warn,
      watch: options.watch,
      changed: ({ policy }) => this.#changed(policy),
    });
    const { policy } = this.#inForce.loaded;
    const entry = policy.services.get(service);
    if (entry === undefined && policy.services.size > 0) {
      const message = unnamed(service, policy);
      if (named) {
        this.#inForce.close();
        // A name with a typing error would be a service without rules.
        throw new MeshError('UNKNOWN_SERVICE', message, { service });
      }
      warn(`${message}; its server half goes by what holds for all`);
    }
    this.#entry = entry ?? { policy: policy.defaults };
  }

  get entry(): OwnEntry {
    return this.#entry;
  }

  snapshot(): PolicySnapshot {
    return this.#inForce.snapshot();
  }

  close(): void {
    this.#inForce.close();
  }

  #changed(policy: Policy): void {
    const { service, warn } = this.#options;
    const entry = policy.services.get(service);
    if (entry !== undefined) this.#entry = entry;
    // Rules that go with their service would leave it open to everybody.
    else if ('name' in this.#entry) warn(`${unnamed(service, policy)} any more; its server half goes by what it said last`);
    else this.#entry = { policy: policy.defaults };
  }
}

function unnamed(service: string, policy: Policy): string {
  const meant = nearest(service, [...policy.services.keys()]);
  return `the policy does not name ${JSON.stringify(service)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}
