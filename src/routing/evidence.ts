/**
 * Evidence: tells a rollout what came of the attempts at its versions. Above the balancer and below faults: what was broken on purpose says
 * nothing of a version. An overload counts as a failure here, for users do not care why; what is local or cancelled counts as nothing.
 */
import type { Attempt, Layer, Reply } from '../core/call.ts';
import { classifyError, classifyReply, type OutcomeKind } from '../core/outcome.ts';
import type { Rollout } from './rollout.ts';

export function evidence(rollout: Pick<Rollout, 'record' | 'revise'>, version: string): Layer<Attempt> {
  const record = (outcome: OutcomeKind): void => {
    if (outcome === 'success' || outcome === 'failure' || outcome === 'overload') rollout.record(version, outcome !== 'success');
  };
  const body = {
    end(error: unknown): void {
      if (error !== undefined && classifyError(error).kind === 'failure') rollout.revise(version);
    },
  };
  const replied = (reply: Reply): Reply => {
    const { kind } = classifyReply(reply);
    record(kind);
    if (kind === 'success') reply.watch(body);
    return reply;
  };
  const rejected = (error: unknown): never => {
    record(classifyError(error).kind);
    throw error;
  };
  return (next) =>
    function evidence(attempt) {
      return next(attempt).then(replied, rejected);
    };
}
