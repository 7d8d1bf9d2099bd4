/**
 * `routes` of a service: the shape. What it means is in routes.ts, what it may not say together in route-problems.ts.
 */
import type * as z from 'zod';
import { defaultHoldOn, defaultMirror } from '../core/route.ts';
import { parseAddress } from './address.ts';
import { versionName } from './discovery.ts';
import type { Kind } from './knob.ts';
import { flag, given, integer, knob, list, mapping, needed, number, oneOf, share, text, token } from './knob.ts';
import { compileRegex, regexExpected } from './regex.ts';
import { zod } from './zod.ts';

const mostRoutes = 1000;
const mostMatches = 64;
const mostSteps = 100;
const mostMirrors = 8;
const heaviest = 1_000_000;

const routeName = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,126}[A-Za-z0-9])?$/;
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)$/;

/** `knobs` are those of a service that a route may set; `time` makes durations of the form that the document has. */
export function serviceRoutes<Knobs extends z.core.$ZodLooseShape>(knobs: Knobs, time: (least: number, most: number) => Kind<number, string | number>, method: Kind<string, string>) {
  const hour = 3_600_000;
  const percent = number(0, 100);
  const weights = record(versionName, 'version', integer(0, heaviest), 'What each version gets, in relation to the sum of all.').refine((to) => Object.keys(to).length > 0, { error: () => 'a mapping from versions to weights, at least 1' }).meta({ minProperties: 1, description: 'What each version gets, in relation to the sum of all.' });

  const headers = mapping({
    set: record(token, 'header', headerValue(), 'Headers by name, in the place of those that were there.').optional(),
    add: record(token, 'header', headerValue(), 'Headers by name, beside those that were there.').optional(),
    remove: given(list(text((value) => token.test(value), 'header name', token.source), 0), 'Names of headers that are taken away.'),
  });

  const mirror = mapping({
    to: given(text((value) => versionName.test(value), 'name of a version', versionName.source), 'Version that gets the copies. With `service`, a version of that.'),
    service: given(text((value) => value.length > 0, 'name of a service'), 'Another service of the policy. Left out: this one.'),
    percent: knob(percent, defaultMirror.percent, 'Share of the calls, in percent, that is copied.'),
    maxInFlight: knob(integer(1, 10_000), defaultMirror.maxInFlight, 'Copies under way at one time; beyond, none is made.'),
  });

  const route = mapping({
    name: needed(text((value) => routeName.test(value), 'route name: letters, digits, "-", "_" and ".", a letter or digit first and last', routeName.source), 'Its name in events, traces and `explain`; each once in a service.'),
    match: zod()
      .array(
        mapping({
          path: mapping({
            exact: given(path(), 'This path alone.'),
            prefix: given(path(), 'This path and what is below it: `/a` is no prefix of `/ab`.'),
            regex: given(pattern(), 'The whole path, without its query, matches.'),
          }, 'The path; one of these.').optional(),
          method: given(method, 'HTTP method.'),
          headers: record(token, 'header', fieldMatch(), 'Headers by name.').optional(),
          query: record(/^[^]{1,256}$/, 'query parameter', fieldMatch(), 'Query parameters by name, both decoded.').optional(),
          cookies: record(token, 'cookie', fieldMatch(), 'Cookies by name.').optional(),
        }),
        { error: () => 'a list of matches, each a mapping of path, method, headers, query, cookies' },
      )
      .min(1, { error: () => 'at least 1 match, or no key match' })
      .max(mostMatches, { error: () => `at most ${mostMatches} matches` })
      .meta({ description: 'Which calls: one of these holds. A text may be given as it is, or as `{ exact }`, `{ prefix }`, `{ regex }` or `{ present }`. Left out: every call.' })
      .optional(),
    to: weights.optional(),
    sticky: mapping(
      {
        header: given(text((value) => token.test(value), 'header name', token.source), 'The value of this header names the user …'),
        cookie: given(text((value) => token.test(value), 'cookie name', token.source), '… or of this cookie …'),
        hashKey: given(flag(), '… or `hashKey` of the call’s options.'),
      },
      'Calls of one user go to one version; users move only as weights make them. Calls that name no user take turns.',
    ).optional(),
    fallback: knob(flag(), false, 'The share of a version without endpoints goes to the others.'),
    schedule: mapping(
      {
        start: needed(text((value) => instant.test(value) && !Number.isNaN(Date.parse(value)), 'instant with its offset, such as 2026-11-20T10:00:00Z', instant.source), 'Until then `to` holds.'),
        steps: zod()
          .array(mapping({ for: given(time(1000, 24 * 24 * hour), 'How long this step lasts. Left out in the last one, which lasts.'), to: weights }), { error: () => 'a list of steps, each a mapping of for, to' })
          .min(1, { error: () => 'at least 1 step' })
          .max(mostSteps, { error: () => `at most ${mostSteps} steps` })
          .meta({ description: 'Weights one after the other.' }),
        holdOn: mapping(
          {
            version: needed(text((value) => versionName.test(value), 'name of a version', versionName.source), 'Whose success rate is judged, by what this client itself has seen.'),
            successRateBelow: needed(share(), 'The schedule is stopped when less than this share of the version’s attempts succeeded …'),
            window: knob(time(1000, hour), defaultHoldOn.window, '… in this last while …'),
            minRequests: knob(integer(1, 1_000_000), defaultHoldOn.minRequests, '… and there were at least this many.'),
            action: knob(oneOf('hold', 'rollback'), defaultHoldOn.action, '`hold`: it stays at its step; `rollback`: the version gets nothing any more. Until the policy says another schedule.'),
            mode: knob(oneOf('enforce', 'observe'), defaultHoldOn.mode, '`observe`: decide and report, do not act.'),
          },
          'When to stop.',
        ).optional(),
      },
      'Weights that change by the time of day.',
    ).optional(),
    mirror: zod()
      .union([mirror, zod().array(mirror).min(1).max(mostMirrors)], { error: () => `a mapping of to, service, percent, maxInFlight, or a list of 1–${mostMirrors} of them` })
      .meta({ description: 'Copies of calls go there, too, and nobody waits for their answers.' })
      .optional(),
    fault: mapping(
      {
        delay: mapping({ percent: needed(percent, 'Share of the attempts, in percent, that wait …'), duration: needed(time(1, hour), '… this long before they are sent.') }, 'Slowness.').optional(),
        abort: mapping(
          {
            percent: needed(percent, 'Share of the attempts, in percent, that are not sent, and answered …'),
            status: given(integer(200, 599), '… with this status …'),
            reset: given(flag(), '… or as though the connection had been reset.'),
          },
          'Failure.',
        ).optional(),
        allowHeader: knob(flag(), false, 'Callers may ask for faults, with the header `x-inmesh-fault`.'),
      },
      'What goes wrong on purpose, below retries and the circuit.',
    ).optional(),
    rewrite: mapping(
      {
        prefix: given(path(), 'In the place of the prefix that matched.'),
        path: given(path(), 'In the place of the whole path. The query stays.'),
        host: given(text((value) => parseAddress(value) !== undefined, 'host, with or without :port', '^[^/\\s]+$'), 'The Host header. Where the call goes does not depend on it.'),
      },
      'What is sent in the place of what was asked.',
    ).optional(),
    requestHeaders: headers.meta({ description: 'Changes of the request’s headers: set, then add, then remove.' }).optional(),
    responseHeaders: headers.meta({ description: 'Changes of the answer’s headers: set, then add, then remove.' }).optional(),
    ...knobs,
  });

  return zod()
    .array(route, { error: () => 'a list of routes' })
    .max(mostRoutes, { error: () => `at most ${mostRoutes} routes` })
    .meta({ description: 'What some of the calls do otherwise. The most specific match wins, then the order.' })
    .optional();
}

function fieldMatch() {
  const expected = 'text, or a mapping of one of exact, prefix, regex, present';
  const anything = text(() => true, 'text');
  const longer = mapping({
    exact: given(anything, 'It is this.'),
    prefix: given(anything, 'It begins with this.'),
    regex: given(pattern(), 'The whole of it matches.'),
    present: given(flag(), 'It is there, or not.'),
  });
  return { schema: zod().union([zod().string(), longer], { error: () => expected }), expected, write: (value: unknown) => value };
}

/** A mapping from names to values of one kind. */
function record<Out, In>(name: RegExp, what: string, value: Pick<Kind<Out, In>, 'schema' | 'expected'>, meaning: string) {
  const expected = `a mapping from ${what} names to ${value.expected}`;
  return zod().record(zod().string().regex(name, { error: () => `${what} name` }), value.schema, { error: () => expected }).meta({ description: meaning });
}

function pattern(): Kind<string, string> {
  return text((value) => compileRegex(value) !== undefined, regexExpected);
}

function path(): Kind<string, string> {
  return text(
    (value) => value.startsWith('/') && value.length <= 4096 && !/[?#\s\\]|\/\.\.?(?:\/|$)/.test(value),
    'path that begins with /, without query, "." and ".."',
    '^/[^?#\\s]*$',
  );
}

function headerValue(): Kind<string, string> {
  return text((value) => value.length <= 4096 && /^[\t\x20-\x7e\x80-\xff]*$/.test(value), 'header value, in one line');
}
