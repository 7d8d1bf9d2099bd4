import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { policyJsonSchema } from '../../src/config/json-schema.ts';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { defaultPolicy, defaultServicePolicy as core, defaultWindowBudget, onceSwitchedOn } from '../../src/core/policy.ts';
import { knobRows } from './knob-tables.ts';

type Node = Record<string, unknown>;
const schema = policyJsonSchema() as Node;

/** As much of JSON Schema 2020-12 as the schema uses; a keyword it does not know fails the test. */
function valid(node: Node, value: unknown): boolean {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  return Object.entries(node).every(([keyword, rule]) => {
    const map = value as Node;
    switch (keyword) {
      case '$schema': case 'title': case 'description': case 'default': case '$comment': return true;
      case 'type': return rule === 'object' ? isMap : rule === 'array' ? Array.isArray(value) : rule === 'null' ? value === null : rule === 'integer' ? Number.isInteger(value) : typeof value === rule;
      case 'properties': return !isMap || Object.entries(rule as Node).every(([key, child]) => map[key] === undefined || valid(child as Node, map[key]));
      case 'additionalProperties': {
        const rest = isMap ? Object.keys(map).filter((key) => !(key in ((node.properties ?? {}) as Node))) : [];
        return rule === false ? rest.length === 0 : rest.every((key) => valid(rule as Node, map[key]));
      }
      case 'propertyNames': return !isMap || Object.keys(map).every((key) => valid(rule as Node, key));
      case 'required': return !isMap || (rule as string[]).every((key) => key in map);
      case 'dependentRequired': return !isMap || Object.entries(rule as Record<string, string[]>).every(([key, needs]) => !(key in map) || needs.every((need) => need in map));
      case 'items': return !Array.isArray(value) || value.every((item) => valid(rule as Node, item));
      case 'minProperties': return !isMap || Object.keys(map).length >= (rule as number);
      case 'maxItems': return !Array.isArray(value) || value.length <= (rule as number);
      case 'minItems': return !Array.isArray(value) || value.length >= (rule as number);
      case 'uniqueItems': return !Array.isArray(value) || new Set(value).size === value.length;
      case 'anyOf': return (rule as Node[]).some((option) => valid(option, value));
      case 'not': return !valid(rule as Node, value);
      case 'enum': return (rule as unknown[]).includes(value);
      case 'const': return value === rule;
      case 'pattern': return typeof value !== 'string' || new RegExp(rule as string, 'u').test(value);
      case 'minimum': return typeof value !== 'number' || value >= (rule as number);
      case 'maximum': return typeof value !== 'number' || value <= (rule as number);
      default: throw new Error(`keyword ${keyword} is not known here`);
    }
  });
}

const inService = (knobs: string) => `version: 1\nservices:\n  a:\n    ${knobs}\n`;
const example = readFileSync(new URL('../../examples/policy.yaml', import.meta.url), 'utf8');

test('is JSON Schema 2020-12 and JSON', () => {
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});

test.each([
  example,
  'version: 1',
  'version: 1\nservices: { a: , b: {} }',
  inService('retry: off'),
  inService('balancer: peak-ewma'),
  inService('balancer: { type: predictive, memory: 4 }'),
  inService('balancer: { type: hash, header: x-user-id, boundedLoad: off }'),
  inService('balancer: { type: weighted, blackoutPeriod: 5s, errorUtilizationPenalty: 0.5 }'),
  inService('retry: { on: [503, 5xx], replayBodyUpTo: 1.5MiB, budget: { perSuccess: 12.5% } }'),
  inService('discovery: { dns: a.b, port: 80 }'),
  inService('discovery: { file: a.json, refresh: 1s }'),
  inService('discovery: { kubernetes: { service: a, namespace: shop, port: http } }'),
  inService('discovery: [{ kubernetes: { service: a, port: 9080 } }, { dns: a, port: 80 }]'),
  inService('versions: { v1: { discovery: { file: a } }, v2: { discovery: [{ file: a }, { srv: _a._tcp.b }] } }'),
  inService('routes: [{ name: a, match: [{ path: { prefix: /a }, headers: { x: y, z: { present: true } } }], deadline: 1s, retry: off, mirror: { service: a, percent: 5 } }]'),
  inService('routes: [{ name: a, fault: { abort: { percent: 0.5, reset: true } }, rewrite: { path: /b }, requestHeaders: { set: { a: b }, remove: [c] } }]'),
])('accepts what the policy file accepts (%#)', (text) => {
  expect(parsePolicy(text, 'policy.yaml', {})).toHaveProperty('policy');
  expect(valid(schema, parse(text))).toBe(true);
});

test('leaves alone what the environment will fill in', () => {
  for (const knobs of ['deadline: ${D}', 'retry: { maxRetries: "${N:-2}" }', 'telemetry: { spans: "${S}" }', 'propagate: { trace: "${T}" }', 'discovery: { srv: "_http._tcp.${A}.svc" }', 'discovery: { kubernetes: { service: "${S}", port: "${P}" } }']) {
    expect(valid(schema, parse(inService(knobs))), knobs).toBe(true);
  }
});

test.each([
  'version: 2', 'services: {}', 'version: 1\nhedge: off', 'version: 1\nservices: { A: }', 'version: 1\ndefaults: { hosts: [a] }',
  ...['deadline: 30', 'deadline: 30sec', 'retry: on', 'retry: { maxRetries: 11 }', 'retry: { maxRetries: two }', 'retry: { bakoff: {} }', 'retry: { on: [] }', 'retry: { on: [4xx] }', 'retry: { methods: [get] }',
    'retry: { budget: { perSuccess: 20 } }', 'balancer: fastest', 'balancer: { memory: 65 }', 'discovery: { dns: a }', 'discovery: { port: 80 }', 'discovery: { srv: a, dns: b, port: 80 }', 'hosts: []', 'hosts: ["http://a"]',
    'discovery: { file: a, srv: b }', 'discovery: { file: "" }', 'discovery: { file: a, kubernetes: { service: a, port: 1 } }', 'discovery: { kubernetes: { service: a } }', 'discovery: { kubernetes: { service: A, port: 1 } }',
    'discovery: { kubernetes: { service: a, port: 0 } }', 'discovery: { kubernetes: { service: a, port: ends- } }', 'discovery: { kubernetes: { service: a, port: under_score } }',
    'discovery: []', 'discovery: [{ file: a }]', 'discovery: [{ file: a }, {}]', 'discovery: [{ file: a }, { file: a, refresh: 1s }]', 'discovery: [{ file: a }, [{ file: a }, { file: b }]]', 'discovery: [{ file: a }, { dns: a }]',
    'versions: {}', 'versions: { V1: { discovery: { file: a } } }', 'versions: { v1: }', 'versions: { v1: {} }', 'versions: { v1: { discovery: {} } }', 'versions: { v1: { discovery: { file: a, refresh: 1s } } }',
    'discovery: { endpoints: [a] }', 'routes: { name: a }', 'routes: [{}]', 'routes: [{ name: a, match: [] }]', 'routes: [{ name: a, match: [{ path: { prefix: a } }] }]', 'routes: [{ name: a, to: {} }]', 'routes: [{ name: a, to: { v1: -1 } }]',
    'routes: [{ name: a, subset: off }]', 'routes: [{ name: a, mirror: { percent: 101 } }]', 'routes: [{ name: a, fault: { abort: { status: 503 } } }]', 'telemetry: { spans: all }', 'retry: { on: [503, 503] }'].map(inService),
])('refuses what the policy file refuses (%#)', (text) => {
  expect(parsePolicy(text, 'policy.yaml', {})).toHaveProperty('invalid');
  expect(valid(schema, parse(text))).toBe(false);
});

/** Core's values, and those of what it has switched off. */
function switchedOn(knobs: object, on: object): object {
  const both = { ...knobs } as Node;
  for (const [key, value] of Object.entries(on)) both[key] = typeof both[key] === 'object' ? switchedOn(both[key] as object, value as object) : value;
  return both;
}

test('describes every key, and gives every knob its default from core, as it is written', () => {
  const all = switchedOn(core, onceSwitchedOn);
  const rows = knobRows();
  const defaults = new Map(rows.map(({ path, standard }) => [path, standard]));
  const paths = (knobs: object, above: string): string[] =>
    Object.entries(knobs).flatMap(([key, value]) => (typeof value === 'object' && !Array.isArray(value) ? paths(value as object, `${above}${key}.`) : [`${above}${key}`]));
  expect(rows.filter(({ path, standard }) => !path.startsWith('services') && standard !== undefined).map(({ path }) => path).sort()).toEqual(
    [...paths(all, 'defaults.'), ...paths(defaultPolicy.egress, 'egress.'), ...paths(defaultWindowBudget, 'defaults.retry.budget.'), 'unknownHosts'].sort(),
  );
  for (const row of rows) expect(row.meaning, row.path).toMatch(/[.…]$/);
  // What is written as default is read as core's value.
  const document: Node = {};
  for (const [path, standard] of defaults) {
    // Of a budget's two shapes only one can be written at a time.
    if (!path.startsWith('defaults.') || paths(defaultWindowBudget, 'defaults.retry.budget.').includes(path)) continue;
    const keys = path.split('.').slice(1);
    const last = keys.pop() as string;
    let node = document;
    for (const key of keys) node = (node[key] ??= {}) as Node;
    if (standard !== undefined) node[last] = standard;
  }
  const parsed = parsePolicy(JSON.stringify({ version: 1, defaults: document }), 'policy.yaml', {});
  expect(parsed).toMatchObject({ policy: { defaults: all } });
});
