import { defineConfig } from 'tsup';

/** What V8 keeps in a byte for each character; it keeps all of a file in two where one character of it is another. */
const beyondLatin1 = /[^\0-\xff]/g;

/**
 * A process keeps the text of what it runs. esbuild escapes such characters in code, and leaves them in the comments that it keeps: ten of them made the package
 * take 1.8 MB more of each process.
 */
const latin1 = {
  name: 'latin-1',
  renderChunk(code: string, { path }: { readonly path: string }) {
    const written = code.replace(/^\s*(?:\/\*\*|\*|\/\/).*$/gm, (comment) => comment.replace(beyondLatin1, '?'));
    const [left] = beyondLatin1.exec(written) ?? [];
    if (left !== undefined) throw new Error(`${path}: ${left} is beyond Latin-1 (expected: escaped, as in '\\u2026')`);
    return { code: written };
  },
};

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
    plugins: [latin1],
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
