/** Builds bench/balancer-parts.ts, which Node 20 cannot import, as tsup.config.ts builds the package. Returns where it is. */
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

export async function balancerParts() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const outDir = `${root}.cache/build`;
  const esbuildOptions = (options) => void (options.minifySyntax = true);
  await build({ config: false, entry: { balancer: `${root}bench/balancer-parts.ts` }, outDir, format: ['esm'], target: 'node20', silent: true, esbuildOptions });
  return `${outDir}/balancer.js`;
}
