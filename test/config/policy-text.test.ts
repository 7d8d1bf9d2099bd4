import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadPolicy } from '../../src/config/load-policy.ts';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { policyText } from '../../src/config/policy-text.ts';

const inForce = { source: 'policy.yaml', hash: 'ab12', generation: 3, age: 60_000, valid: true };

const text = `version: 1
defaults:
  deadline: 2s
services:
  reviews:
    hosts: [reviews, "reviews.default:9080"]
    discovery: { srv: _http._tcp.reviews.default.svc.cluster.local }
    retry: { maxRetries: 1 }
    versions:
      v2: { discovery: { endpoints: ["10.0.0.2:80"] } }
    routes:
      - name: jason
        match: [{ path: { prefix: /reviews }, headers: { end-user: jason, authorization: "Bearer match-secret" }, cookies: { session: cookie-secret } }]
        to: { v2: 1 }
        requestHeaders: { set: { x-api-key: "\${KEY}", x-plain: set-secret }, add: { x-more: add-secret }, remove: [cookie] }
        responseHeaders: { set: { x-answer: answer-secret } }
`;

function shown(policy = text): string {
  const parsed = parsePolicy(policy, 'policy.yaml', { KEY: 'key-secret' });
  if ('invalid' in parsed) throw new Error(JSON.stringify(parsed.invalid.problems));
  return policyText({ policy: parsed.policy, source: 'policy.yaml', hash: 'ab12', warnings: [], written: parsed.source }, inForce);
}

describe('the policy in force as text', () => {
  it('says every knob, and where it was written', () => {
    const lines = shown().split('\n');
    expect(lines[0]).toContain('# The policy in force: generation 3, for 1m, from policy.yaml, sha256 ab12.');
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}deadline: 2s +# policy\.yaml:3:3$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {6}maxRetries: 1 +# policy\.yaml:8:14$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {4}attemptTimeout: 10s +# built-in$/));
  });

  it('shows no secret', () => {
    expect(shown()).not.toContain('secret');
    expect(shown()).toContain('end-user: jason');
    expect(shown()).toMatch(/x-api-key: "?\(hidden\)/);
  });

  it('is YAML, of what was said and what holds', () => {
    const data = parse(shown());
    expect(data.services.reviews).toMatchObject({ deadline: '2s', retry: { maxRetries: 1, methods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'] }, versions: { v2: { discovery: { endpoints: ['10.0.0.2:80'] } } } });
    expect(data.services.reviews.routes[0]).toMatchObject({ name: 'jason', to: { v2: 1 } });
    expect(data.defaults.outlier.ejection.jitter).toBe('20%');
  });

  it('says that its files hold another one, on one line, whatever that says', () => {
    const loaded = loadPolicy({ version: 1 }, {});
    const said = policyText(loaded, { ...inForce, valid: false, error: 'policy.yaml:2:1 services:\nnonsense' });
    expect(said).toContain('# What its files hold now was rejected: policy.yaml:2:1 services: nonsense\n');
    expect(() => parse(said)).not.toThrow();
  });
});
