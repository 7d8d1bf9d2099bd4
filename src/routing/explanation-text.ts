/**
 * An explanation for people. The texts of the request are as they were given: whoever prints them makes them printable.
 */
import type { ExplainedCandidate, Explanation } from '../core/explanation.ts';

export function explanationText(explanation: Explanation): string {
  const { request, at, service, why, route, others, versions, deadline, retry, candidates = [], knobs } = explanation;
  const lines = [`${request.method} ${request.url}  at ${at}`, '', `service   ${service ?? 'none'}: ${why}`];
  if (service === undefined) return `${lines.join('\n')}\n`;
  if (route === undefined) lines.push('route     none matches: the service as a whole');
  else {
    lines.push(`route     ${route.name}: ${route.match}${route.from === undefined ? '' : `  (${route.from})`}`);
    if (route.step !== undefined) lines.push(`schedule  ${route.step === 0 ? 'has not started' : `step ${route.step}`}${route.stopped === undefined ? '' : `, ${route.stopped}`}`);
    if (route.sent !== undefined) lines.push(`sent as   ${route.sent.path}${route.sent.host === undefined ? '' : ` with Host ${route.sent.host}`}`);
    for (const mirror of route.mirrors) lines.push(`mirror    ${mirror}`);
    if (route.fault) lines.push('fault     may be injected');
  }
  for (const { name, probability } of versions) lines.push(`version   ${name}  ${percent(probability)}${route?.sticky === true ? ', for this user' : ''}`);
  if (route !== undefined && versions.length === 0) lines.push(route.toVersions ? 'version   none: every weight is 0, and the call fails with NO_ENDPOINTS' : 'version   none: the service as a whole');
  lines.push(`deadline  ${deadline ?? 0} ms`, `retries   ${retry}`);
  if (others.length > 0) lines.push('', 'not', ...others.map(({ route: name, match, because }) => `  ${name}  (${match}): ${because}`));
  if (candidates.length > 0) {
    lines.push('', 'endpoints', ...candidates.map(candidateText));
  }
  if (knobs.length > 0) {
    const width = Math.max(...knobs.map(({ knob }) => knob.length));
    lines.push('', 'knobs', ...knobs.map(({ knob, value, from }) => `  ${knob.padEnd(width)}  ${value}  ${from}`));
  }
  return `${lines.join('\n')}\n`;
}

function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100}%`;
}

function candidateText({ version, endpoint, zone, cost, part, state, load, pending }: ExplainedCandidate): string {
  const parts = [version, endpoint, state, `load ${load.toPrecision(3)}`, `${pending} in flight`, zone, cost === undefined ? undefined : `costs ${cost} times as much`, part === undefined ? undefined : `new: ${percent(part)} of its share`];
  return `  ${parts.filter((each) => each !== undefined).join('  ')}`;
}
