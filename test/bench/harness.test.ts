/**
 * What `npm run bench` makes of trouble: a contender that cannot be started is named and left out, a run that others disturbed is repeated, and
 * both are said beside the figures.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error It is a script, without types.
import * as cpu from '../../bench/harness/cpu.mjs';
// @ts-expect-error It is a script, without types.
import * as harness from '../../bench/harness/processes.mjs';
// @ts-expect-error It is a script, without types.
import * as rounds from '../../bench/harness/rounds.mjs';
// @ts-expect-error It is a script, without types.
import * as report from '../../bench/report.mjs';
// @ts-expect-error It is a script, without types.
import * as sections from '../../bench/sections.mjs';
import { eventually } from '../support/eventually.ts';

type Result = Record<string, number>;
interface Contender {
  readonly name: string;
  run(round: unknown): Promise<Result>;
}
interface Harness {
  readonly missing: Map<string, string>;
  readonly failed: Map<string, string>;
  readonly pids: number[];
  startServers(...names: string[]): Promise<void>;
  contender(name: string): Promise<Contender | undefined>;
  stop(): Promise<void>;
}
interface Load {
  since(): number;
}
interface Interleaved {
  readonly disturbance: string;
  run(plan: { yardstick: Contender; contenders: Contender[]; rounds: number; round: unknown }): Promise<Map<string, { results: Result[]; ratios: Result[] }>>;
}

const { Processes } = harness as { Processes: new () => Harness };
const { Interleaved } = rounds as { Interleaved: new (processes: { pids: number[] }, repeating: number, load?: Load) => Interleaved };
const { foreignLoad } = cpu as { foreignLoad: (own: () => number[]) => Load };
const { goalTable, circumstances } = report as { goalTable: (results: object) => string; circumstances: (results: object) => string };
type Levels = Record<string, Record<string, { cpu: { median: number; ratios: number[] } }>>;
const { allocation, contenders, inFlight, yardstickName } = sections as {
  allocation: (harness: object, options: object) => Promise<Record<string, { median: number }>>;
  contenders: Record<string, string>;
  inFlight: (harness: object, groups: string[][], levels: object[], options: object) => Promise<Levels>;
  yardstickName: string;
};

const machine = { processor: 'a processor', cores: 2, memory: '4 GiB', platform: 'linux x64', node: 'v20', undici: '7', inmesh: '0', pinned: true, load: 0 };
const saidOf = (missing: Map<string, string>, disturbance: string) =>
  circumstances({ machine, settings: 'quick', when: '2026-01-01T00:00:00Z', minutes: 1, disturbance, missing: Object.fromEntries(missing), failed: {} });

describe('a contender that cannot be started', () => {
  const processes = new Processes();
  afterEach(() => processes.stop());

  it.each([
    ['because a package is not there', '../../test/support/needs-an-absent-package', /a-package-that-nobody-has/],
    ['because it is not there itself', 'nobody', /nobody\.mjs/],
  ])('%s is named, with the reason, and the others are measured', async (_why, absent, reason) => {
    await processes.startServers('small');
    const found = await inFlight({ processes, interleaved: new Interleaved(processes, 0) }, [[absent, 'undici-dispatch']], [{ inFlight: 2, rounds: 1 }], { milliseconds: 20, enough: { calls: 1, seconds: 1 } });
    expect(Object.keys(found[2]!).sort()).toEqual(['undici-dispatch', yardstickName].sort());
    expect([...processes.missing.keys()]).toContain(absent);
    expect(processes.missing.get(absent)).toMatch(reason);
    expect(saidOf(processes.missing, 'none')).toMatch(new RegExp(`Left out: ${absent.replaceAll('.', '\\.')}, which could not be started: .*${reason.source}`));
    expect(goalTable({ inFlight: found })).toContain('| CPU of `mesh.request` ÷ got | ≤ 0.25 | not measured | |');
  }, 60_000);
});

describe('what a call allocates', () => {
  const processes = new Processes();
  afterEach(() => processes.stop());

  it('is counted before any of it is collected, however much it is', async () => {
    const { '../../test/support/allocates-a-lot': found } = await allocation({ processes }, { names: ['../../test/support/allocates-a-lot'], rounds: 1, calls: 2000 });
    expect(processes.failed).toEqual(new Map());
    expect(found!.median).toBeGreaterThan(80_000);
    expect(found!.median).toBeLessThan(84_000);
  }, 60_000);
});

describe('groups of contenders', () => {
  interface Round {
    readonly inFlight: number;
    readonly milliseconds: number;
  }
  /** Contenders of whom each call takes so many microseconds, all of them CPU, in a time that is made of their rounds. */
  function staged(costs: Record<string, number>, failing?: string, absent: readonly string[] = []) {
    let now = 0;
    const alive = new Map<string, number>();
    const together: string[][] = [];
    const waits: number[] = [];
    const log: string[] = [];
    const failed = new Map<string, string>();
    const processes = {
      pids: [],
      failed,
      fail: (what: string, error: Error) => failed.set(what, error.message),
      contender(name: string) {
        if (absent.includes(name)) return Promise.resolve(undefined);
        alive.set(name, now);
        return Promise.resolve({
          name,
          run({ inFlight: level, milliseconds }: Round) {
            if (name === failing) return Promise.reject(new Error(`${name}: 3 requests failed`));
            waits.push(now - alive.get(name)!);
            together.push([...alive.keys()]);
            log.push(`${name} ${level} ${milliseconds}`);
            alive.set(name, (now += milliseconds));
            return Promise.resolve({ failed: 0, cpu: costs[name] ?? 20, rate: 1e6 / (costs[name] ?? 20) });
          },
          stop: () => Promise.resolve(alive.delete(name)),
        });
      },
    };
    const interleaved = new Interleaved({ pids: [] }, 0, { since: () => 0 });
    const levels = [{ inFlight: 32, rounds: 7 }, { inFlight: 256, names: ['a', 'c'], rounds: 2 }];
    const run = (...groups: string[][]) => inFlight({ processes, interleaved }, groups, levels, { milliseconds: 150 });
    return { run, alive, together, waits, log, failed };
  }

  it('are alive one at a time, each with a yardstick, and stopped when all of their levels are measured', async () => {
    const { run, together, alive } = staged({ a: 40, b: 10, c: 30 });
    const found = await run(['a', 'b'], ['c']);
    expect(new Set(together.map((each) => each.join()))).toEqual(new Set([`${yardstickName},a,b`, `${yardstickName},c`]));
    expect(alive.size).toBe(0);
    expect(Object.keys(found[32]!).sort()).toEqual(['a', 'b', 'c', yardstickName].sort());
    expect(Object.keys(found[256]!).sort()).toEqual(['a', 'c', yardstickName].sort());
    expect(found[32]!.a!.cpu).toEqual({ median: 40, min: 40, max: 40, ratios: Array(7).fill(2) });
    // Of both groups.
    expect(found[32]![yardstickName]!.cpu.ratios).toHaveLength(14);
  });

  it('have nobody wait for so long that it is cold when its turn comes, however long another takes to be warm', async () => {
    const { run, waits } = staged({ slow: 800, slower: 2000 });
    await run(['slow', 'slower', 'a', 'b']);
    // Half as long as undici keeps a connection that nobody uses.
    expect(Math.max(...waits)).toBeLessThan(2000);
  });

  it('are not compared with one of themselves, where the yardstick cannot be started', async () => {
    const { run, failed } = staged({}, undefined, [yardstickName]);
    const found = await run(['a', 'b']);
    expect(found[32]).toEqual({});
    expect([...failed]).toEqual([['a, b', `${yardstickName}, with which others are compared, could not be started`]]);
  });

  it('are all there', () => {
    for (const name of Object.keys(contenders)) expect(existsSync(new URL(`../../bench/contenders/${name}.mjs`, import.meta.url)), name).toBe(true);
  });

  it('take turns back and forth', async () => {
    const { run, log } = staged({});
    await run(['a', 'b']);
    const turns = log.filter((each) => each.endsWith('32 150')).map((each) => each.split(' ')[0]);
    // The first of each is for its connections.
    expect(turns.slice(3, 11)).toEqual([yardstickName, 'a', 'b', yardstickName, yardstickName, 'b', 'a', yardstickName]);
  });

  it('of which one fails are named, and the others are measured', async () => {
    const { run, failed, alive } = staged({}, 'b');
    const found = await run(['a', 'b'], ['c']);
    expect([...failed]).toEqual([['a, b', 'b: 3 requests failed']]);
    expect(Object.keys(found[32]!).sort()).toEqual(['c', yardstickName].sort());
    expect(alive.size).toBe(0);
  });
});

describe('the table of goals', () => {
  const ratio = (median: number) => ({ cpu: { median: 1, min: 1, max: 1, ratios: [median] } });

  it('says of a goal that is missed what others measured in the same run', () => {
    const missed = goalTable({ inFlight: { 32: { [yardstickName]: ratio(1), 'mesh-request-sampled': ratio(1.9), 'undici-sdk-1': ratio(1.63), 'undici-context': ratio(1.1) } } });
    expect(missed).toMatch(/metrics on, 1 % of traces.* 1\.90 \| \*\*missed\*\*: .*by hand costs 1\.63; with its context manager .* 1\.10 \|/);
    expect(goalTable({ inFlight: { 32: { [yardstickName]: ratio(1), 'mesh-request-sampled': ratio(1.1), 'undici-sdk-1': ratio(1.63) } } })).toContain('÷ undici `request` | ≤ 1.2 | 1.10 | kept |');
  });
});

describe('a run that is disturbed', () => {
  /** Each run has the next figure: it takes that many microseconds, with that much foreign load. */
  function runs(loads: readonly number[]) {
    let run = -1;
    let looked = -1;
    // It is looked before each run and after it.
    const load: Load = { since: () => (++looked % 2 === 0 ? 0 : loads[looked >> 1]!) };
    const yardstick: Contender = { name: 'yardstick', run: () => Promise.resolve({ cpu: 10 }) };
    const contender: Contender = { name: 'contender', run: () => Promise.resolve({ cpu: 100 + ++run }) };
    const interleaved = new Interleaved({ pids: [] }, 1000, load);
    return { made: () => run + 1, interleaved, table: () => interleaved.run({ yardstick, contenders: [contender], rounds: 1, round: {} }) };
  }

  it('is made again, and the calm one counts', async () => {
    const { made, interleaved, table } = runs([0.9, 0.1]);
    expect((await table()).get('contender')).toEqual({ results: [{ cpu: 101 }], ratios: [{ cpu: 10.1 }] });
    expect(made()).toBe(2);
    expect(saidOf(new Map(), interleaved.disturbance)).toContain('1 runs were repeated because of foreign load, none that counts was disturbed');
  });

  it('three times has its least disturbed run count, and that is said', async () => {
    const { made, interleaved, table } = runs([0.9, 0.4, 0.7]);
    expect((await table()).get('contender')!.results).toEqual([{ cpu: 101 }]);
    expect(made()).toBe(3);
    expect(interleaved.disturbance).toBe('2 runs were repeated because of foreign load, 1 of 1 that count were disturbed all the same (up to 0.4 processors busy with something else)');
  });

  it('is not made again where nothing else ran', async () => {
    const { made, interleaved, table } = runs([0.1]);
    await table();
    expect(made()).toBe(1);
    expect(interleaved.disturbance).toBe('no run was repeated, none that counts was disturbed');
  });

  it('is seen by what the kernel says: a process that is not ours and never rests', async () => {
    const [theirs, ours] = [0, 1].map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    try {
      const load = foreignLoad(() => [process.pid, ours!.pid!]);
      let most = 0;
      await eventually(() => (most = Math.max(most, load.since())), (share) => share > 0.2, 10_000);
      const alone = foreignLoad(() => [process.pid, ours!.pid!, theirs!.pid!]);
      const both = foreignLoad(() => [process.pid]);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(alone.since()).toBeLessThan(both.since());
    } finally {
      for (const each of [theirs, ours]) each!.kill();
    }
  });
});
