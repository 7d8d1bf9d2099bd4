/** What stands in the way of a policy that is right in itself: a file that it names is not there. Told like any other mistake in it. */
export interface KnobProblem {
  /** Undefined: of `defaults`. */
  readonly service: string | undefined;
  /** Below it: `['tls', 'cert']`. */
  readonly knob: readonly string[];
  readonly found: string;
  readonly expected: string;
}
