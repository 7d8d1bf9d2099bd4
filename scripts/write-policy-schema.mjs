/** Last step of the build: the policy file's JSON Schema, for editors and for `inmesh/policy.schema.json`. */
import { writeFileSync } from 'node:fs';
import { policyJsonSchema } from '../.cache/build/json-schema.js';

writeFileSync(new URL('../dist/policy.schema.json', import.meta.url), `${JSON.stringify(policyJsonSchema(), undefined, 2)}\n`);
