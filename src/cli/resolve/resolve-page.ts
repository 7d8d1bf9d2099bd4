/**
 * The report as a page, read from top to bottom: who is asked, what was asked and came, what it makes, what was left out, what a client
 * does with it, and what to make of it all.
 */
import { defaultServicePolicy } from '../../core/policy.ts';
import { count, milliseconds, seconds } from '../numbers.ts';
import { Page } from '../page.ts';
import type { Piece, Style } from '../page.ts';
import type { AttemptReport, ClientReport, EndpointReport, Note, ResolveReport, ServersReport } from './report.ts';

/** Rows shown of a long list, unless all are asked for. */
const FEW = 20;
/** Questions shown: look-ups of targets may be many. */
const FEW_QUESTIONS = 10;
const INDENT = '  ';
/** The client's, where no policy says otherwise. */
const knobs = defaultServicePolicy.discovery;

export function resolvePage(report: ResolveReport, options: { readonly colours: boolean; readonly all: boolean }): string {
  const page = new Page(options.colours);
  const limit = options.all ? Infinity : FEW;
  page.line({ text: report.name, style: 'bold' });
  page.blank();
  servers(page, report);
  questions(page, report.attempts, options.all ? Infinity : FEW_QUESTIONS);
  endpoints(page, report, limit);
  section(page, 'dropped', report.dropped, limit, ({ record, reason, times }) => [record, times > 1 ? `× ${times}` : '', { text: reason, style: 'yellow' }]);
  page.line(heading('a client'));
  page.line(`${INDENT}${deed(report)}`);
  page.line(`${INDENT}${nextLook(report.client)}`);
  if (report.notes.length > 0) {
    page.blank();
    for (const { level, text } of report.notes) page.line({ text: `${level}:`, style: styles[level] }, text);
  }
  return page.toString();
}

const styles: Readonly<Record<Note['level'], Style>> = { warning: 'yellow', note: 'cyan', hint: 'green' };

function heading(text: string): Piece {
  return { text, style: 'bold' };
}

function servers(page: Page, { servers: report, candidates, mode, attempts }: ResolveReport): void {
  const rows: Piece[][] = [['servers', `${report.nameservers.join(', ')}`, { text: `(${origin(report)})`, style: 'dim' }]];
  if (mode !== 'srv' && attempts.length > 0) {
    const said = `(ndots ${report.ndots}${report.options.map((option) => `, ${option}`).join('')}${report.from === 'option' ? `, from ${report.path}` : ''})`;
    rows.push(['search', report.search.length === 0 ? 'no domains' : report.search.join(' '), { text: said, style: 'dim' }]);
    if (candidates.length > 1) rows.push(['tries', candidates.join(', then ')]);
  }
  page.table(rows.map(([label, ...rest]) => [{ text: label as string, style: 'bold' }, ...rest]), '');
  page.blank();
}

function origin({ from, path, problem, environment }: ServersReport): string {
  switch (from) {
    case 'option':
      return '--server';
    case 'resolv.conf':
      return [path, ...environment].join(', ');
    case 'system':
      return `${path} ${problem ?? ''}; Node was told so, or it is this machine`;
  }
}

function questions(page: Page, attempts: readonly AttemptReport[], limit: number): void {
  if (attempts.length === 0) {
    page.line(heading('asked'), 'nobody');
    page.blank();
    return;
  }
  const groups = new Map<string, AttemptReport[]>();
  for (const attempt of attempts) {
    const key = `${attempt.question.type} ${attempt.question.name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [attempt]);
    else group.push(attempt);
  }
  const shown = [...groups].slice(0, limit);
  for (const [question, group] of shown) {
    page.line(heading('asked'), question);
    page.table(group.map((attempt, index) => attemptRow(attempt, group[index + 1])), INDENT);
  }
  if (groups.size > shown.length) page.line(`… and ${groups.size - shown.length} more questions (--all shows them)`);
  page.blank();
}

function attemptRow(attempt: AttemptReport, next: AttemptReport | undefined): Piece[] {
  const { transport, server, duration, bytes, rcode } = attempt;
  return [
    transport.toUpperCase(), server,
    { text: duration === null ? '–' : milliseconds(duration), right: true },
    { text: bytes === null ? '–' : `${count(bytes)} B`, right: true },
    { text: rcode ?? (attempt.outcome === 'malformed' ? 'malformed' : attempt.outcome === 'failed' ? 'failed' : 'silence'), style: rcode === 'NOERROR' ? 'green' : rcode === 'NXDOMAIN' ? 'yellow' : 'red' },
    { text: attempt.truncated ? 'TC' : '', style: 'yellow' },
    remark(attempt, next),
  ];
}

function remark(attempt: AttemptReport, next: AttemptReport | undefined): string {
  const parts: string[] = [];
  if (attempt.error !== null) parts.push(attempt.error);
  if (attempt.outcome === 'unanswered') parts.push(`no answer, sent at ${milliseconds(attempt.sentAt)}`);
  if (attempt.truncated) parts.push(attempt.transport === 'udp' ? 'cut, not looked into: over TCP then' : 'cut even so');
  const { answer, authority, additional } = attempt.records;
  const contents = [inSection(answer, ''), inSection(additional, ' additional'), Object.keys(answer).length === 0 ? inSection(authority, ' authority') : ''].filter((text) => text !== '');
  if (contents.length > 0) parts.push(contents.join(' + '));
  else if (attempt.rcode === 'NOERROR' && !attempt.truncated) parts.push('no records');
  if (attempt.unread > 0) parts.push(`${attempt.unread} of other types or classes, not read`);
  if (attempt.ttl !== null) parts.push(`TTL ${attempt.ttl.min === attempt.ttl.max ? '' : `${attempt.ttl.min} to `}${attempt.ttl.max} s`);
  if (attempt.discarded > 0) parts.push(`${attempt.discarded} other datagrams ignored`);
  if (attempt.edns && next?.edns === false && next.server === attempt.server) parts.push('again without EDNS');
  return parts.join(', ');
}

function inSection(counts: Readonly<Record<string, number>>, name: string): string {
  return Object.entries(counts).map(([type, number]) => `${count(number)} ${type}${name}`).join(' + ');
}

function endpoints(page: Page, report: ResolveReport, limit: number): void {
  const { endpoints: all } = report;
  if (all.length === 0) {
    page.line(heading('endpoints'), { text: 'none', style: 'red' });
    page.blank();
    return;
  }
  const sources = new Map<EndpointReport['from'], number>();
  for (const { from } of all) sources.set(from, (sources.get(from) ?? 0) + 1);
  const summary = [...sources].map(([from, number]) => `${count(number)} from ${phrases[from]}`).join(', ');
  const header = ['address', 'priority', 'weight', 'TTL', 'address from', 'target'].map((text, column) => ({ text, style: 'dim' as const, right: column > 0 && column < 4 }));
  section(page, `endpoints ${count(all.length)}`, all, limit, endpointRow, header, report.endpoints.length > 1 ? `(${summary})` : '');
}

function endpointRow({ host, port, priority, weight, ttl, from, target }: EndpointReport): Piece[] {
  const address = port === null ? host : host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const numbers = [String(priority), String(weight), ttl === null ? '–' : `${ttl} s`];
  return [{ text: address, style: 'green' }, ...numbers.map((text) => ({ text, right: true })), from, target];
}

const phrases: Readonly<Record<EndpointReport['from'], string>> = {
  'glue': 'glue', 'dashed name': 'dashed names', 'look-up': 'look-ups of their own', 'answer': 'the answer', 'hosts file': 'the hosts file', 'the name itself': 'the name itself',
};

function section<T>(page: Page, title: string, all: readonly T[], limit: number, row: (each: T) => Piece[], header?: readonly Piece[], remarks = ''): void {
  if (all.length === 0) return;
  page.line(heading(title), { text: remarks, style: 'dim' });
  const rows = all.slice(0, limit).map(row);
  page.table(header === undefined ? rows : [header, ...rows], INDENT);
  if (all.length > rows.length) page.line(`${INDENT}… and ${count(all.length - rows.length)} more (--all shows them)`);
  page.blank();
}

function deed({ client, endpoints: found, mode, error }: ResolveReport): string {
  const these = found.length === 1 ? 'this endpoint' : `these ${count(found.length)} endpoints`;
  const port = mode === 'srv' ? '' : ', with the port of its policy or of the request';
  switch (client.does) {
    case 'uses':
      return `uses ${these}${port}, and no others: the answer is complete`;
    case 'adds':
      return `adds ${these} to what it has${port}, and removes none: the answer is not complete`;
    case 'believes-empty':
      return 'has no endpoints from now on, and fails calls with NO_ENDPOINTS: the answer says so itself';
    case 'doubts-empty':
      return `keeps the endpoints that it has until ${knobs.confirmEmpty.answers} such answers in a row over ${seconds(knobs.confirmEmpty.over)}; one that has none fails calls with NO_ENDPOINTS`;
    case 'keeps':
      return `keeps the endpoints that it has, for ${knobs.maxStale / 3_600_000} h; one that has none fails calls with DISCOVERY_FAILED: ${error ?? ''}`;
  }
}

function nextLook({ next, ttl, bytes, does }: ClientReport): string {
  if (next === null) return 'never asks again';
  if (does === 'keeps') return `asks again after ${seconds(next.min)} to ${seconds(next.max)}, then ever more slowly, up to 30 s`;
  const grounds = [ttl === null ? 'no TTL' : `TTL ${ttl} s`, `refresh ${seconds(knobs.refresh)}`, bytes > 0 ? `${count(bytes)} B received` : ''].filter((text) => text !== '');
  return `asks again after ${seconds(next.min)} to ${seconds(next.max)} (${grounds.join(', ')}), sooner when an endpoint fails`;
}
