/**
 * `allow` of a service: who may call it, for what. Judged by its server half; server/allow-list.ts has the meaning.
 */
import type { AllowRule } from '../core/inbound-policy.ts';
import { parseSpiffePattern } from '../core/spiffe-id.ts';
import { given, list, mapping, needed, text } from './knob.ts';
import type { Kind } from './knob.ts';
import { zod } from './zod.ts';

const mostRules = 1000;

export function allowRules(method: Kind<string, string>) {
  const id = text(
    (value) => value === '*' || !('problem' in parseSpiffePattern(value)),
    'SPIFFE ID such as spiffe://shop.example/ns/shop/sa/front, with * for one segment and ** for the rest, or "*" for anybody',
    '^(\\*|spiffe://.+)$',
  );
  const path = text((value) => /^\/[\x21-\x7e]{0,2047}$/.test(value) && !/\*(?!$)|[^/]\*$|\?|#/.test(value), 'path such as /orders, or /orders/* for all that is below it', '^/[!-~]*$');
  const rule = mapping({
    id: needed(id, 'Who: a SPIFFE ID, or a pattern of them; `*` is anybody, also who has no certificate.'),
    methods: given(list(method, 1), 'With which methods. Left out: all.'),
    paths: given(list(path, 1), 'Which paths, as they are sent; `/orders/*` is all that is below `/orders/`. Left out: all.'),
  });
  const expected = `${id.expected}; or a mapping of id, methods, paths`;
  return zod()
    .array(zod().union([id.schema.transform((who) => ({ id: who })), rule], { error: (issue) => (typeof issue.input === 'string' ? id.expected : expected) }), { error: () => `list of ${expected}` })
    .max(mostRules, { error: () => `at most ${mostRules} rules` })
    .meta({ description: 'Who may call this service; its server half (`inmesh/server`) turns everybody else away with 403. Left out: everybody may. An empty list: nobody.' })
    .optional();
}

export function allowed(rules: readonly { readonly id: string; readonly methods?: readonly string[] | undefined; readonly paths?: readonly string[] | undefined }[]): readonly AllowRule[] {
  return rules.map(({ id, methods, paths }) => ({ id, methods, paths }));
}
