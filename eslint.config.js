import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const time = 'time is injected (Clock of core/clock.ts), so that everything that decides runs in virtual time in the tests';
const chance = 'chance is injected (Random of core/random.ts), so that tests and simulations can repeat it';
const globalTime = ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'performance'];

export default defineConfig(
  { ignores: ['dist/', 'schema/', 'coverage/', '.cache/', '**/node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unnecessary-condition': 'off', // noUncheckedIndexedAccess is the stricter half; the rest fights defensive code at the network's edge
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/require-await': 'off', // an async function without await turns a throw into a rejection, which is often the point
      '@typescript-eslint/no-non-null-assertion': 'off', // typed arrays and ring buffers under noUncheckedIndexedAccess; a branch for the impossible cannot be tested
      '@typescript-eslint/no-empty-function': 'off', // a listener that does nothing on purpose
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true, allowRethrowing: true }], // what came from elsewhere is passed on as it came
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }], // as above
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-console': 'error',
      'no-eval': 'error',
      'no-new-func': 'error',
      'no-throw-literal': 'off', // replaced by the type-aware only-throw-error
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/core/clock.ts', 'src/core/random.ts', 'src/admin/page/**'], // the page runs in a browser, whose time it is
    rules: {
      'no-restricted-globals': ['error', ...globalTime.map((name) => ({ name, message: time }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: time },
        { object: 'process', property: 'hrtime', message: time },
        ...globalTime.map((property) => ({ object: 'globalThis', property, message: time })),
        { object: 'Math', property: 'random', message: chance },
      ],
      'no-restricted-syntax': ['error', { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: time }],
      'no-restricted-imports': [
        'error',
        {
          paths: ['timers', 'node:timers', 'timers/promises', 'node:timers/promises', 'perf_hooks', 'node:perf_hooks'].map((name) => ({ name, message: time })),
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    rules: {
      'no-console': 'off', // they speak to a person
      '@typescript-eslint/unbound-method': 'off', // expect(object.method) hands a method over without calling it
      '@typescript-eslint/no-base-to-string': 'off', // as above: what a test prints wrongly, it fails on
      '@typescript-eslint/no-unsafe-assignment': 'off', // answers of res.json() and of fakes are any; the assertion on them is the check
      '@typescript-eslint/no-unsafe-member-access': 'off', // as above
      '@typescript-eslint/no-unsafe-argument': 'off', // as above
      '@typescript-eslint/no-unsafe-call': 'off', // as above
      '@typescript-eslint/no-unsafe-return': 'off', // as above
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.base],
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
);
