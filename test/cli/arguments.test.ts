import { describe, expect, it } from 'vitest';
import { UsageError, parseArguments } from '../../src/cli/arguments.ts';

const options = { server: { type: 'string', short: 's', multiple: true }, json: { type: 'boolean' } } as const;

function complaint(...args: string[]): string {
  try {
    parseArguments(args, options);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'none';
}

describe('arguments', () => {
  it('are options and names in any order', () => {
    expect(parseArguments(['a', '--server=x', '--json', '-s', 'y', '--', '--b'], options)).toMatchObject({ values: { server: ['x', 'y'], json: true }, positionals: ['a', '--b'] });
  });

  it('that nobody knows are errors, which say what may have been meant', () => {
    expect(complaint('--jsno')).toBe('unknown option --jsno (did you mean --json?)');
    expect(complaint('--sever', 'x')).toBe('unknown option --sever (did you mean --server?)');
    expect(complaint('--frobnicate')).toBe('unknown option --frobnicate');
    expect(complaint('-x')).toMatch(/^unknown option -x/);
    expect(complaint('--constructor')).toBe('unknown option --constructor');
  });

  it('that lack a value, or have one too many, are errors', () => {
    expect(complaint('a', '--server')).toBe('--server needs a value');
    expect(complaint('a', '--server=')).toBe('--server needs a value');
    expect(complaint('--json=yes')).toBe('--json takes no value');
    expect(complaint('--server', '--json')).toMatch(/--server/);
    expect(complaint('--json', 'a')).toBe('none');
  });
});
