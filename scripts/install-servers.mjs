/**
 * Brings the Debian servers that the integration tests talk to (scripts/servers.json) where they are missing and this machine
 * lets us: apt-get, and root or a sudo that asks nothing. Says nothing when there is nothing to do; never fails, since tests
 * that lack their server say so themselves. `INMESH_INSTALL=off` keeps its hands off the machine.
 *
 * Packages of servers start a system service when they are installed. Tests start their own, so `policy-rc.d` (Debian's way
 * of asking "may I?") says no while we install.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const POLICY = '/usr/sbin/policy-rc.d';
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter((folder) => folder !== '');

const servers = JSON.parse(readFileSync(new URL('./servers.json', import.meta.url), 'utf8'));
const packages = missing().flatMap((server) => server.packages);
if (packages.length > 0) install(packages);

function missing() {
  return Object.values(servers).filter((server) => !server.programs.every(isInstalled));
}

function isInstalled(program) {
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function install(names) {
  const what = `servers for the integration tests: ${names.join(' ')}`;
  if (process.env.INMESH_INSTALL === 'off') return console.warn(`Not installing ${what} (INMESH_INSTALL=off).`);
  if (!isInstalled('apt-get')) return console.warn(`Cannot install ${what} (no apt-get).`);
  const root = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (root.length > 0 && spawnSync('sudo', ['-n', 'true']).status !== 0) return console.warn(`Cannot install ${what} (not root, and sudo would ask).`);

  console.log(`Installing ${what}`);
  const run = (...command) => {
    const [program, ...args] = [...root, ...command];
    return spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  };
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) run('sh', '-c', `printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod 755 ${POLICY}`);
  try {
    const apt = (...args) => run('env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=120', ...args);
    const attempt = () => apt('install', '-y', '--no-install-recommends', ...names);
    let result = attempt();
    if (result.status !== 0) {
      // The usual reason: package lists that are absent or too old.
      apt('update');
      result = attempt();
    }
    if (result.status !== 0) console.warn(`Could not install them:\n${result.stdout}${result.stderr}`);
  } finally {
    if (ownPolicy) run('rm', '-f', POLICY);
  }
}
