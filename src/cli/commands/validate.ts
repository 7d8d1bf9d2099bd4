/**
 * `inmesh validate`: says everything that is wrong with a policy, with lines, before it ships.
 */
import { systemClock } from '../../core/clock.ts';
import { findingText, judgePath, judgeTogether, type Finding, type Judgement } from '../../config/judgement.ts';
import { didYouMean, parseArguments, UsageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Page } from '../page.ts';
import { printable, printableJson } from '../printable.ts';

const FORMATS = ['text', 'json', 'github'] as const;

const options = {
  strict: { type: 'boolean' },
  together: { type: 'boolean' },
  json: { type: 'boolean' },
  format: { type: 'string' },
  env: { type: 'string', short: 'e', multiple: true },
  quiet: { type: 'boolean', short: 'q' },
  help: { type: 'boolean', short: 'h' },
} as const;

const help = `inmesh validate: says everything that is wrong with a policy, before it ships

Usage
  inmesh validate FILE… [--strict] [--together] [--env NAME=VALUE]… [--json | --format text|json|github]

FILE
  a policy file; a folder, whose *.yaml together are one policy; or a Kubernetes manifest, of which each
  policy in a ConfigMap is judged, with the lines of the manifest

Options
      --strict         what is merely suspicious is an error, too
      --together       all FILEs are one policy, merged in their order
  -e, --env NAME=VALUE sets a variable that the policy refers to as \${NAME}; more than once for several
      --json           the same as --format json
      --format FORMAT  text: FILE:LINE:COLUMN: error: …, as compilers write it; json: one document (docs/cli.md);
                       github: annotations, which is what happens by itself where GITHUB_ACTIONS is set
  -q, --quiet          say nothing of what is right
  -h, --help           this text

Exit codes
  0  valid
  1  not valid
  2  called wrongly
`;

interface ValidateArguments {
  readonly paths: readonly string[];
  readonly strict: boolean;
  readonly together: boolean;
  readonly quiet: boolean;
  readonly format: (typeof FORMATS)[number];
  readonly env: NodeJS.ProcessEnv;
}

export const validate: Command = {
  help,
  async run(args, terminal) {
    const { paths, strict, together, quiet, format, env } = validateArguments(args, process.env);
    const wall = systemClock.wall();
    const judged = (together ? judgeTogether(paths, env, wall) : paths.flatMap((path) => judgePath(path, env, wall))).map((judgement) => (strict ? strictly(judgement) : judgement));
    const valid = judged.every(({ findings }) => findings.every(({ severity }) => severity !== 'error'));
    terminal.write(format === 'json' ? jsonOf(judged, valid) : format === 'github' ? annotations(judged) : pageOf(judged, quiet, terminal.colours));
    return valid ? 0 : 1;
  },
};

/** Throws UsageError. */
export function validateArguments(args: readonly string[], environment: NodeJS.ProcessEnv): ValidateArguments {
  const { values, positionals: paths } = parseArguments(args, options);
  if (paths.length === 0) throw new UsageError('FILE is missing');
  const format = FORMATS.find((each) => each === (values.format ?? (values.json === true ? 'json' : environment['GITHUB_ACTIONS'] === 'true' ? 'github' : 'text')));
  if (format === undefined) throw new UsageError(`--format: ${values.format} (expected: ${FORMATS.join(', ')})${didYouMean(values.format ?? '', FORMATS)}`);
  const env: NodeJS.ProcessEnv = { ...environment };
  for (const assignment of values.env ?? []) {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(assignment) ?? [];
    if (name === undefined) throw new UsageError(`--env: ${assignment} (expected: NAME=VALUE)`);
    env[name] = value;
  }
  return { paths, strict: values.strict === true, together: values.together === true, quiet: values.quiet === true, format, env };
}

function strictly(judgement: Judgement): Judgement {
  return { ...judgement, findings: judgement.findings.map((finding) => ({ ...finding, severity: 'error' as const })) };
}

function pageOf(judged: readonly Judgement[], quiet: boolean, colours: boolean): string {
  const page = new Page(colours);
  for (const { source, kind, findings } of judged) {
    for (const finding of findings) page.line({ text: findingText(finding), style: finding.severity === 'error' ? 'red' : 'yellow' });
    if (quiet || findings.some(({ severity }) => severity === 'error')) continue;
    page.line(kind === 'manifest' ? { text: `${source}: no policy in it`, style: 'dim' } : { text: `${source}: valid`, style: 'green' });
  }
  return page.toString();
}

function jsonOf(judged: readonly Judgement[], valid: boolean): string {
  const findingOf = ({ severity, problem }: Finding) => {
    const { source, position, path, found, expected, suggestion } = problem;
    return { severity, file: position?.file ?? source, line: position?.line, column: position?.column, path, found, expected, suggestion };
  };
  return printableJson({ valid, judged: judged.map(({ source, kind, findings }) => ({ source, kind, findings: findings.map(findingOf) })) });
}

/** Workflow commands of GitHub Actions: `::error file=…,line=…,col=…::message`. */
function annotations(judged: readonly Judgement[]): string {
  const lines = judged.flatMap(({ findings }) => findings.map((finding) => {
    const { position, source } = finding.problem;
    const place = position === undefined ? `file=${property(source)}` : `file=${property(position.file ?? source)},line=${position.line},col=${position.column}`;
    return `::${finding.severity} ${place},title=inmesh::${data(findingText(finding))}\n`;
  }));
  return lines.join('');
}

/** As actions/toolkit escapes them (command.ts). */
function data(text: string): string {
  return printable(text).replaceAll('%', '%25');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
