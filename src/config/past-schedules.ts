/**
 * Schedules that are over. Not among the lint of every load, for a rollout that is done is nothing to warn a running process of; whoever
 * writes the file should know, because a schedule that begins in the past does not begin: all calls go to its last step at once.
 */
import type { Policy } from '../core/policy.ts';
import type { PolicyProblem } from './problem.ts';
import { describeAt } from './schema-problems.ts';
import type { PolicySource } from './source.ts';

/** `wall` as `Clock.wall()`. */
export function pastSchedules(policy: Policy, source: PolicySource, wall: number): readonly PolicyProblem[] {
  const found: PolicyProblem[] = [];
  for (const [service, { routes }] of policy.services) {
    for (const [index, { targets }] of routes.entries()) {
      const schedule = targets?.schedule;
      if (schedule === undefined) continue;
      const lastStep = schedule.start + schedule.steps.slice(0, -1).reduce((sum, step) => sum + (step.for ?? Infinity), 0);
      if (lastStep > wall) continue;
      const path = ['services', service, 'routes', index, 'schedule', 'start'];
      const expected = `a time to come, or no schedule: its last step has held since ${new Date(lastStep).toISOString()}, and would from the first call on`;
      found.push({ source: source.name, position: source.position(path), path, found: describeAt(source, path), expected });
    }
  }
  return found;
}
