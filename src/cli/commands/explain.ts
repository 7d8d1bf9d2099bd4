/**
 * `inmesh explain`: what the policy does with a request, and why. Nothing is sent, and no name is looked up.
 */
import { knobOrigins, placeOf } from '../../config/knob-origins.ts';
import { loadPolicy, type LoadedPolicy } from '../../config/load-policy.ts';
import { MeshError } from '../../core/errors.ts';
import { systemRandom } from '../../core/random.ts';
import { systemClock, type Clock } from '../../core/clock.ts';
import { explain as explainBy, plannedShares, type ExplainedRequest } from '../../routing/explain.ts';
import { explanationText } from '../../routing/explanation-text.ts';
import { parseArguments, UsageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { printable, printableJson } from '../printable.ts';

const options = {
  request: { type: 'string', short: 'X' },
  header: { type: 'string', short: 'H', multiple: true },
  'hash-key': { type: 'string' },
  policy: { type: 'string', multiple: true },
  at: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const help = `inmesh explain: what the policy does with a request, and why

Usage
  inmesh explain URL [-X METHOD] [-H 'name: value']… [--hash-key KEY] [--policy FILE]… [--at TIME] [--json]

Which service, which route and why not the others, which version with which probability, every knob with the line that it
comes from. Nothing is sent, and no name is looked up.

Options
  -X, --request METHOD  default: GET
  -H, --header HEADER   more than once for several
      --hash-key KEY    as in the call's options
      --policy FILE     a file or folder; more than once for several, later ones win. Default: as a client finds it
      --at TIME         at which time, for schedules: 2026-11-20T10:15:00Z. Default: now
      --json            one JSON document
  -h, --help            this text

Exit codes
  0  explained
  1  the policy is not valid, or the mesh would not make the call
  2  called wrongly
`;

export const explain: Command = {
  help,
  async run(args, terminal) {
    const { request, wall, policy, json } = explainArguments(args);
    let loaded: LoadedPolicy;
    try {
      loaded = loadPolicy(policy, process.env);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      terminal.complain(`${error.message.split('\n').map(printable).join('\n')}\n`);
      return 1;
    }
    const { written } = loaded;
    const clock: Clock = { ...systemClock, wall: () => wall };
    const explanation = explainBy(request, {
      policy: loaded.policy, source: loaded.source, wall,
      knobs: (knobs, service, route) => knobOrigins(knobs, service, route, written),
      placeOf: (service, route) => placeOf(['services', service, 'routes', route], written),
      shares: (service, route, { headers, hashKey }) => plannedShares({ service, route, clock, random: systemRandom }, { headers }, hashKey),
    });
    terminal.write(json ? printableJson(explanation) : explanationText(explanation).split('\n').map(printable).join('\n'));
    return explanation.service === undefined ? 1 : 0;
  },
};

function explainArguments(args: readonly string[]): { request: ExplainedRequest; wall: number; policy: readonly string[] | undefined; json: boolean } {
  const { values, positionals } = parseArguments(args, options);
  const [text, ...others] = positionals;
  if (text === undefined || others.length > 0) throw new UsageError(`one URL is needed (found: ${positionals.join(' ') || 'none'})`);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new UsageError(`${text} is no http: or https: URL`);
  const headers = (values.header ?? []).flatMap((header) => {
    const colon = header.indexOf(':');
    if (colon < 1) throw new UsageError(`-H ${header} (expected: 'name: value')`);
    return [header.slice(0, colon).trim(), header.slice(colon + 1).trim()];
  });
  const wall = values.at === undefined ? systemClock.wall() : Date.parse(values.at);
  if (Number.isNaN(wall)) throw new UsageError(`--at ${values.at} (expected: a time such as 2026-11-20T10:15:00Z)`);
  return { request: { url: new URL(text), method: values.request ?? 'GET', headers, hashKey: values['hash-key'] }, wall, policy: values.policy, json: values.json === true };
}
