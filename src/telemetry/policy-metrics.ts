/**
 * `inmesh.policy.generation`, `inmesh.policy.valid` and `inmesh.policy.age`: which policy is in force, since when, and whether its files still hold
 * it. Observed when somebody collects, so they cost nothing in between.
 *
 * They belong to the SDK that is there when the client is made, or when its policy changes; one that starts in between is found then.
 */
import { metrics, type BatchObservableCallback, type MeterProvider, type Observable } from '@opentelemetry/api';

export interface PolicyState {
  readonly generation: number;
  readonly valid: boolean;
  /** Milliseconds. */
  readonly age: number;
}

export class PolicyMetrics {
  readonly #read: () => PolicyState;
  #provider: MeterProvider | undefined;
  #stop: (() => void) | undefined;

  constructor(read: () => PolicyState) {
    this.#read = read;
    this.renew();
  }

  /** Finds the SDK that is there now. */
  renew(): void {
    const provider = metrics.getMeterProvider();
    if (provider === this.#provider) return;
    this.close();
    this.#provider = provider;
    const meter = provider.getMeter('inmesh');
    const generation = meter.createObservableGauge('inmesh.policy.generation', { description: 'Policies that came into force in this process, the first included.', unit: '{policy}' });
    const valid = meter.createObservableGauge('inmesh.policy.valid', { description: '1 while the policy’s files hold what is in force, 0 while they hold something that was rejected.', unit: '1' });
    const age = meter.createObservableGauge('inmesh.policy.age', { description: 'Time since the policy came into force.', unit: 's' });
    const all: Observable[] = [generation, valid, age];
    const observe: BatchObservableCallback = (result) => {
      const state = this.#read();
      result.observe(generation, state.generation);
      result.observe(valid, state.valid ? 1 : 0);
      result.observe(age, state.age / 1000);
    };
    meter.addBatchObservableCallback(observe, all);
    this.#stop = () => meter.removeBatchObservableCallback(observe, all);
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#provider = undefined;
  }
}
