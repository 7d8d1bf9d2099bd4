import { expect, it } from 'vitest';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { pastSchedules } from '../../src/config/past-schedules.ts';
import { problemText } from '../../src/config/problem.ts';

const text = `version: 1
services:
  a:
    versions: { v1: { discovery: { endpoints: ["10.0.0.1:80"] } }, v2: { discovery: { endpoints: ["10.0.0.2:80"] } } }
    routes:
      - name: canary
        to: { v1: 1 }
        schedule:
          start: 2026-11-20T10:00:00Z
          steps: [{ for: 10m, to: { v1: 90, v2: 10 } }, { for: 20m, to: { v2: 100 } }]
`;

function told(at: string): string[] {
  const parsed = parsePolicy(text, 'policy.yaml', {});
  if (!('policy' in parsed)) throw new Error(parsed.invalid.message);
  return pastSchedules(parsed.policy, parsed.source, Date.parse(at)).map(problemText);
}

it('tells of a schedule whose last step holds already', () => {
  expect(told('2026-11-20T10:10:00Z')).toEqual([
    'policy.yaml:9:18 services.a.routes[0].schedule.start: "2026-11-20T10:00:00Z" (expected: a time to come, or no schedule: its last step has held since 2026-11-20T10:10:00.000Z, and would from the first call on)',
  ]);
});

it('says nothing of one to come, nor of one under way', () => {
  expect(told('2026-11-19T00:00:00Z')).toEqual([]);
  expect(told('2026-11-20T10:09:59Z')).toEqual([]);
});
