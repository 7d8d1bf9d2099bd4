import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: { index: 'src/index.ts', server: 'src/server/index.ts', otel: 'src/otel/index.ts' },
    format: ['esm', 'cjs'],
    target: 'node20',
    // src/transport/undici.ts needs `import.meta.url`, which CommonJS lacks.
    shims: true,
    dts: true,
    sourcemap: true,
    // Puts numbers where they are only named. A bundle's names are variables, and each time the engine would have to look what is in them.
    esbuildOptions: (options) => void (options.minifySyntax = true),
    // All are built at the same time: what the next one writes stays.
    clean: ['!cli/**'],
  },
  {
    // The command line tool: each command in a piece of its own, so that it starts fast.
    entry: ['src/cli/main.ts'],
    format: ['esm'],
    target: 'node20',
    outDir: 'dist/cli',
    clean: true,
    silent: true,
  },
  {
    // Not shipped: what scripts/write-policy-schema.mjs runs, since Node 20 cannot import TypeScript.
    entry: ['src/config/json-schema.ts'],
    format: ['esm'],
    target: 'node20',
    outDir: '.cache/build',
    silent: true,
  },
]);
