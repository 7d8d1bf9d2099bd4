/**
 * The command line tool as it is built, in a process of its own.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { importsOf } from '../support/import-graph.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const cli = path('dist/cli/main.js');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function inmesh(...args: string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [cli, ...args], { timeout: 10_000, maxBuffer: 1e8 })) };
  } catch (error) {
    return error as Ended;
  }
}

describe('inmesh', () => {
  beforeAll(() => promisify(execFile)(process.execPath, [path('scripts/build-if-stale.mjs')]), 180_000);

  it('helps, in general and with each command, and has done so when it has', async () => {
    const general = await inmesh('--help');
    expect(general).toMatchObject({ code: 0, stderr: '' });
    const commands = [...general.stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name]) => name!).filter((name) => name !== 'inmesh');
    expect(commands).toEqual(['validate', 'diff', 'explain', 'resolve', 'import', 'init', 'graph', 'top', 'schema']);
    for (const command of commands) {
      for (const args of [['--help'], ['-h'], ['name', '--nonsense', '--help']]) {
        expect(await inmesh(command, ...args)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(`inmesh ${command}: `) as string });
      }
    }
    expect((await inmesh('-h')).stdout).toBe(general.stdout);
  }, 60_000);

  it('says its version', async () => {
    const { version } = JSON.parse(readFileSync(path('package.json'), 'utf8')) as { version: string };
    expect(await inmesh('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([
    [['reslove'], 'inmesh: unknown command reslove (did you mean resolve?)\nTry inmesh --help\n'],
    [['--verison'], 'inmesh: unknown option --verison (did you mean --version?)\nTry inmesh --help\n'],
    [[], 'inmesh: no command given\nTry inmesh --help\n'],
    [['resolve'], 'inmesh resolve: NAME is missing\nTry inmesh resolve --help\n'],
    [['resolve', 'a', '--jsno'], 'inmesh resolve: unknown option --jsno (did you mean --json?)\nTry inmesh resolve --help\n'],
    [['resolve', '--', '--help'], 'inmesh resolve: name: "--help" (expected: labels of 1 to 63 letters, digits, hyphens and underscores)\nTry inmesh resolve --help\n'],
    [['x\x1b[2J'], 'inmesh: unknown command x\\x1b[2J\nTry inmesh --help\n'],
  ])('%j is wrong usage, told apart from everything else by exit code 2', async (args, stderr) => {
    expect(await inmesh(...args)).toMatchObject({ code: 2, stdout: '', stderr });
  });

  it('loads with each command what that needs, and nothing else', () => {
    const packagesOf = (command: string): string[] => {
      const pieces = readdirSync(path('dist/cli'));
      const [piece] = pieces.filter((name) => name.startsWith(`${command}-`));
      const seen = new Set<string>();
      const visit = (file: string): string[] => {
        if (seen.has(file)) return [];
        seen.add(file);
        return importsOf(file, readFileSync(path(`dist/cli/${file}`), 'utf8')).flatMap((name) => (name.startsWith('./') ? visit(name.slice(2)) : name));
      };
      return [...new Set(visit(piece!).filter((name) => !isBuiltin(name)))].sort();
    };
    expect(importsOf('main.js', readFileSync(cli, 'utf8')).filter((name) => !name.startsWith('./') && !isBuiltin(name))).toEqual([]);
    for (const command of ['resolve', 'graph', 'top']) expect(packagesOf(command)).toEqual(['dns-packet']);
    // A policy is YAML, has a shape, and regular expressions that must compile.
    for (const command of ['validate', 'diff', 'explain', 'import', 'init', 'schema']) expect(packagesOf(command).filter((name) => !['re2js', 'yaml', 'zod'].includes(name))).toEqual([]);
  });

  it('has no colours where nobody sees them', async () => {
    const { code, stdout } = await inmesh('resolve', '10.0.0.1');
    expect(code).toBe(0);
    expect(stdout).toContain('10.0.0.1');
    expect(stdout).not.toContain('\x1b');
  });

  it('ends quietly when its reader has seen enough', async () => {
    const child = spawn(process.execPath, [cli, 'resolve', '10.0.0.1'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child, 'close');
    expect(stderr).toBe('');
  });
});
