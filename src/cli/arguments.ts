/**
 * Command line arguments, read by `node:util`'s parseArgs, with errors that say what was meant. An option that is not known is an error:
 * one that is quietly ignored is an option that somebody believes in.
 */
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { nearest } from '../config/suggest.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>>;

/** Called wrongly. The message is for people, and needs to be made printable. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Throws UsageError. */
export function parseArguments<const T extends Options>(args: readonly string[], options: T): Pick<Parsed<T>, 'values' | 'positionals'> {
  for (const { kind, ...token } of parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens) {
    if (kind !== 'option') continue;
    const { name, rawName, value } = token as { name: string; rawName: string; value: string | undefined };
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) throw new UsageError(`unknown option ${rawName}${didYouMean(name, Object.keys(options), '--')}`);
    if (option.type === 'string' && (value === undefined || value === '')) throw new UsageError(`${rawName} needs a value`);
    if (option.type === 'boolean' && value !== undefined) throw new UsageError(`${rawName} takes no value`);
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** ` (did you mean --json?)`, or nothing. */
export function didYouMean(word: string, known: readonly string[], prefix = ''): string {
  const near = nearest(word, known);
  return near === undefined ? '' : ` (did you mean ${prefix}${near}?)`;
}
