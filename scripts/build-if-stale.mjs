/**
 * Builds `dist` unless it is newer than everything that it is made of. One process at a time: test files that want the built
 * package may ask together.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = join(root, '.cache', 'building');
/** A build takes seconds; a lock this old is a leftover. */
const LOCK_LASTS = 180_000;

mkdirSync(join(root, '.cache'), { recursive: true });
while (!locked()) await new Promise((resolve) => setTimeout(resolve, 200));
try {
  if (stale()) process.exitCode = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] }).status ?? 1;
} finally {
  rmdirSync(lock);
}

function locked() {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > LOCK_LASTS) rmdirSync(lock);
    return false;
  }
}

function stale() {
  const last = join(root, 'dist', 'policy.schema.json');
  if (!existsSync(last)) return true;
  const built = statSync(last).mtimeMs;
  const sources = readdirSync(join(root, 'src'), { recursive: true }).map((name) => join(root, 'src', name));
  return [...sources, join(root, 'package.json'), join(root, 'tsup.config.ts')].some((source) => statSync(source).mtimeMs > built);
}
