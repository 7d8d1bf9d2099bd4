/**
 * `describe` for tests that talk to a real server: skipped, loudly and by name, where its programs are missing; in CI they
 * fail instead. What a server consists of, and which Debian packages bring it, is in scripts/servers.json.
 *
 *     needs('knot').describe('replicas by dynamic update', () => { … spawn(program('knotd'), …) … });
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';
import servers from '../../scripts/servers.json' with { type: 'json' };

export type ServerName = keyof typeof servers;

/** Debian keeps servers where only root's PATH looks. */
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter((folder) => folder !== '');

function find(name: string): string | undefined {
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Full path of a program that `needs` has found. */
export function program(name: string): string {
  const path = find(name);
  if (path === undefined) throw new Error(`${name}: not installed (expected: a program of scripts/servers.json; npm test installs them where it may)`);
  return path;
}

export function needs(...names: readonly ServerName[]): { describe(title: string, tests: () => void): void } {
  const missing = names.filter((name) => !servers[name].programs.every((each) => find(each) !== undefined));
  return {
    describe(title, tests) {
      if (missing.length === 0) return void describe(title, tests);
      const packages = missing.flatMap((name) => servers[name].packages).join(' ');
      if (process.env['CI'] === 'true') {
        describe(title, () => {
          it(`has its servers (apt-get install ${packages})`, () => {
            throw new Error(`missing: ${missing.join(', ')}`);
          });
        });
        return;
      }
      describe.skip(`${title} (needs: apt-get install ${packages})`, tests);
    },
  };
}
