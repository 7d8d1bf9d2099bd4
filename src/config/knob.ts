/**
 * The kinds of values that knobs have. Each says how it is written, what it becomes, and, in the words of an error message,
 * what is expected; JSON Schema and docs say the same words. The default is shown as its writer would write it, taken from
 * core/policy.ts; it is *not* filled in here, since a service inherits before the defaults do.
 */
import type * as z from 'zod';
import type { Millis } from '../core/clock.ts';
import { parseAddress } from './address.ts';
import { durationPattern, formatDuration, parseDuration } from './duration.ts';
import { formatRate, parseRate, ratePattern } from './rate.ts';
import { formatShare, parseShare, sharePattern } from './share.ts';
import { formatSize, parseSize, sizePattern } from './size.ts';
import { zod } from './zod.ts';

/** How a value is checked, and how a value of core is written in the file. */
export interface Kind<Out, In> {
  readonly schema: z.ZodType<Out, In>;
  readonly expected: string;
  write(value: Out): unknown;
}

/** The JSON Schema keyword that carries a knob's expectation, for docs. */
export const expectedKeyword = '$comment';
/** Carries the default until json-schema.ts renames it: zod drops `default` wherever a text is parsed into something else. */
export const defaultKeyword = 'x-default';

/** A key of the file: may be left out, then the value is inherited, in the end from `inherited`. */
export function knob<Out, In>(kind: Kind<Out, In>, inherited: NoInfer<Out>, meaning: string) {
  return kind.schema.meta({ description: meaning, [defaultKeyword]: kind.write(inherited), [expectedKeyword]: kind.expected }).optional();
}

/** A key that has nothing to inherit. */
export function given<Out, In>(kind: Kind<Out, In>, meaning: string) {
  return needed(kind, meaning).optional();
}

/** A key that may not be left out. */
export function needed<Out, In>(kind: Kind<Out, In>, meaning: string) {
  return kind.schema.meta({ description: meaning, [expectedKeyword]: kind.expected });
}

/** A mapping with these keys and no others. */
export function mapping<Shape extends z.core.$ZodLooseShape>(shape: Shape, meaning?: string) {
  const keys = Object.keys(shape).join(', ');
  // For an unknown key the message is the list of known ones, from which the suggestion is made.
  const schema = zod().strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? keys : mappingExpected(shape)) });
  return meaning === undefined ? schema : schema.meta({ description: meaning });
}

/** A mechanism's mapping, or `off`. */
export function switchable<Shape extends z.core.$ZodLooseShape>(shape: Shape, meaning: string) {
  const expected = `off, or ${mappingExpected(shape)}`;
  return zod().union([zod().literal('off'), mapping(shape)], { error: () => expected }).meta({ description: meaning }).optional();
}

function mappingExpected(shape: z.core.$ZodLooseShape): string {
  return `a mapping of ${Object.keys(shape).join(', ')}`;
}

/** What is wrong with a text is found by parsing it; nothing is checked twice. */
function written<Out, In>(input: z.ZodType<In, In>, parse: (value: In) => Out | undefined, expected: string, pattern: string | undefined): z.ZodType<Out, In> {
  const schema = input.transform((value, context): Out => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: 'custom', message: expected, input: value });
    return zod().NEVER;
  });
  return pattern === undefined ? schema : schema.meta({ pattern });
}

function within<Value extends number>(value: Value | undefined, least: number, most: number): Value | undefined {
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

/** `bare`: a number without a unit is milliseconds (in TypeScript); otherwise it is an error (in YAML). */
export function duration(bare: boolean, least: Millis, most: Millis): Kind<Millis, string | number> {
  const expected = `duration ${formatDuration(least)}–${formatDuration(most)}, with its unit ms, s, m or h`;
  const error = { error: () => expected };
  const input = bare ? zod().union([zod().string(), zod().number()], error) : zod().string(error);
  const schema = written(input as z.ZodType<string | number, string | number>, (value) => within(parseDuration(value), least, most), expected, durationPattern);
  return { schema, expected, write: formatDuration };
}

export function share(): Kind<number, string> {
  const expected = 'share 0%–100%';
  return { schema: written(zod().string({ error: () => expected }), parseShare, expected, sharePattern), expected, write: formatShare };
}

export function size(least: number, most: number): Kind<number, string> {
  const expected = `size ${formatSize(least)}–${formatSize(most)}, with its unit B, KiB, MiB, KB or MB`;
  const schema = written(zod().string({ error: () => expected }), (text) => within(parseSize(text), least, most), expected, sizePattern);
  return { schema, expected, write: formatSize };
}

export function rate(): Kind<number, string> {
  const expected = 'rate such as 100/s, 6000/m or 10/h';
  return { schema: written(zod().string({ error: () => expected }), parseRate, expected, ratePattern), expected, write: formatRate };
}

export function integer(least: number, most: number): Kind<number, number> {
  const expected = `integer ${least}–${most}`;
  const error = { error: () => expected };
  return { schema: zod().int(error).min(least, error).max(most, error), expected, write: (value) => value };
}

export function number(least: number, most: number): Kind<number, number> {
  const expected = `number ${least}–${most}`;
  const error = { error: () => expected };
  return { schema: zod().number(error).min(least, error).max(most, error), expected, write: (value) => value };
}

export function flag(): Kind<boolean, boolean> {
  const expected = 'true or false';
  return { schema: zod().boolean({ error: () => expected }), expected, write: (value) => value };
}

export function oneOf<const Word extends string>(...words: readonly Word[]): Kind<Word, Word> {
  const expected = words.length === 1 ? (words[0] as string) : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return { schema: zod().enum(words, { error: () => expected }), expected, write: (value) => value };
}

/** The value, or `off`. */
export function orOff<Out, In>(kind: Kind<Out, In>): Kind<Out | 'off', In | 'off'> {
  const expected = `off, or ${kind.expected}`;
  return {
    schema: zod().union([zod().literal('off'), kind.schema], { error: () => expected }),
    expected,
    write: (value) => (value === 'off' ? value : kind.write(value)),
  };
}

/** Each item once, and at least `least` of them. */
export function list<Out extends string | number, In>(item: Kind<Out, In>, least: number): Kind<readonly Out[], In[]> {
  const expected = `list of ${item.expected}`;
  const error = { error: () => (least === 0 ? expected : `${expected}, at least ${least}`) };
  const schema = zod()
    .array(item.schema, error)
    .min(least, error)
    .superRefine((items, context) => {
      const seen = new Set<Out>();
      for (const [index, each] of items.entries()) {
        if (seen.has(each)) context.addIssue({ code: 'custom', path: [index], message: 'each once' });
        seen.add(each);
      }
    })
    .meta({ uniqueItems: true });
  return { schema, expected, write: (values) => values.map((value) => item.write(value)) };
}

/** What names of headers are made of (RFC 9110), and those of cookies. */
export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;

/** A text that `accepts` says yes to, as it is. */
export function text(accepts: (text: string) => boolean, expected: string, pattern?: string): Kind<string, string> {
  const schema = written(zod().string({ error: () => expected }), (value) => (accepts(value) ? value : undefined), expected, pattern);
  return { schema, expected, write: (value) => value };
}

/** `host:port` where the port must be given, or may be. */
export function address(port: 'needed' | 'optional'): Kind<string, string> {
  const expected = port === 'needed' ? 'address with port, such as 10.0.0.1:9080, [::1]:9080 or db-0:9080' : 'host name in DNS letters, or IP address, with or without :port';
  return text((value) => {
    const parsed = parseAddress(value);
    return parsed !== undefined && (port === 'optional' || parsed.port !== undefined);
  }, expected, port === 'needed' ? '^[^/\\s]+:\\d{1,5}$' : '^[^/\\s]+$');
}
