import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serversReport } from '../../../src/cli/resolve/servers.ts';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'inmesh-cli-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, 'resolv.conf');
  writeFileSync(path, text);
  return path;
}

const pod = 'nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 use-vc\n';

it('says what the file says', () => {
  const path = file(pod);
  expect(serversReport([], path, {})).toEqual({
    from: 'resolv.conf', nameservers: ['10.96.0.10:53'], path, problem: null, search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5, options: ['use-vc'], environment: [],
  });
});

it('says what the environment changes in it', () => {
  expect(serversReport([], file(pod), { RES_OPTIONS: 'ndots:2', LOCALDOMAIN: 'a.test', HOME: '/' })).toMatchObject({ search: ['a.test'], ndots: 2, environment: ['RES_OPTIONS=ndots:2', 'LOCALDOMAIN=a.test'] });
});

it('asks those of the command line, and still searches as the file says', () => {
  expect(serversReport(['127.0.0.1:5353'], file(pod), {})).toMatchObject({ from: 'option', nameservers: ['127.0.0.1:5353'], ndots: 5 });
});

it('says why a file is of no use', () => {
  expect(serversReport([], join(folder, 'absent'), { RES_OPTIONS: 'ndots:2' })).toMatchObject({ from: 'system', problem: 'cannot be read (ENOENT)', ndots: 1, environment: [] });
  expect(serversReport([], file('search a.test\n'), {})).toMatchObject({ from: 'system', problem: 'names no nameserver', search: [] });
});
