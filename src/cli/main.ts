#!/usr/bin/env node
/**
 * inmesh on the command line: a table of commands, and the way to them. Everything that a command needs is loaded with it alone, so
 * `inmesh resolve` starts without an HTTP client, a schema checker or OpenTelemetry.
 */
import { readFileSync } from 'node:fs';
import { UsageError, didYouMean, parseArguments } from './arguments.ts';
import type { Command, ExitCode, Terminal } from './command.ts';
import { printable } from './printable.ts';

interface Listed {
  /** One line, for `inmesh --help`. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const commands: ReadonlyMap<string, Listed> = new Map<string, Listed>([
  ['validate', { summary: 'say everything that is wrong with a policy, before it ships', load: async () => (await import('./commands/validate.ts')).validate }],
  ['diff', { summary: 'say what changes from one policy to another, by meaning', load: async () => (await import('./commands/diff.ts')).diff }],
  ['explain', { summary: 'say what the policy does with a request, and why', load: async () => (await import('./commands/explain.ts')).explain }],
  ['resolve', { summary: 'look a name up as the client does, and show everything on the way', load: async () => (await import('./commands/resolve.ts')).resolve }],
  ['import', { summary: 'make a policy of Istio’s or the Gateway API’s objects', load: async () => (await import('./commands/import.ts')).importCommand }],
  ['init', { summary: 'write a policy file to begin with', load: async () => (await import('./commands/init.ts')).init }],
  ['graph', { summary: 'say who calls whom and how that goes, from the snapshots of many processes', load: async () => (await import('./commands/graph.ts')).graph }],
  ['top', { summary: 'the same as it is now, again and again', load: async () => (await import('./commands/top.ts')).top }],
  ['schema', { summary: 'print the policy file’s JSON Schema', load: async () => (await import('./commands/schema.ts')).schema }],
]);

const help = `inmesh: checks policies, and looks at what the mesh's client sees

Usage
  inmesh <command> [arguments]

Commands
${[...commands].map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

Options
  --help     this text; inmesh <command> --help for that of a command
  --version  the version of inmesh

Exit codes
  0  found, or valid
  1  nothing found, not valid, or failed
  2  called wrongly
`;

async function main(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [first, ...rest] = args;
  const listed = commands.get(first ?? '');
  if (listed !== undefined) {
    const command = await listed.load();
    if (!asksForHelp(rest)) return command.run(rest, terminal);
    terminal.write(command.help);
    return 0;
  }
  if (first !== undefined && !first.startsWith('-')) throw new UsageError(`unknown command ${first}${didYouMean(first, [...commands.keys()])}`);
  const { values } = parseArguments(args, { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } });
  if (values.version === true) {
    terminal.write(`${version()}\n`);
    return 0;
  }
  if (values.help !== true) throw new UsageError('no command given');
  terminal.write(help);
  return 0;
}

/** Somebody who asks for help gets it, whatever else they typed. */
function asksForHelp(args: readonly string[]): boolean {
  const options = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  return options.includes('--help') || options.includes('-h');
}

/** This file is built into `dist/cli`. */
function version(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

// `inmesh resolve … | head` closes the pipe when it has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const [, , ...given] = process.argv;
const terminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
  // Of a stream that is no terminal there is nothing to ask; of one that is, this knows NO_COLOR, TERM and FORCE_COLOR.
  colours: process.stdout.isTTY === true && process.stdout.hasColors(),
  rows: process.stdout.isTTY === true ? process.stdout.rows : undefined,
};
try {
  process.exitCode = await main(given, terminal);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  const command = commands.has(given[0] ?? '') ? ` ${given[0]}` : '';
  terminal.complain(`inmesh${command}: ${printable(error.message)}\nTry inmesh${command} --help\n`);
  process.exitCode = 2;
}
