import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { endpointKey } from '../../src/core/endpoint.ts';
import { FileSource } from '../../src/discovery/file-source.ts';

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'inmesh-'));
  closing.push(() => rmSync(path, { recursive: true }));
  return path;
}

function sourceOf(text: string): FileSource {
  const path = join(folder(), 'endpoints.json');
  writeFileSync(path, text);
  return new FileSource(path);
}

describe('a file of endpoints', () => {
  it('lists addresses with ports, or objects', async () => {
    const answer = await sourceOf('["10.0.0.1:80", "[::1]:81", {"host": "10.0.0.2", "port": 82, "weight": 2, "priority": 1}, "10.0.0.1:80"]').resolve();
    expect(answer.endpoints.map(endpointKey)).toEqual(['10.0.0.1:80', '[::1]:81', '10.0.0.2:82']);
    expect(answer.endpoints[2]).toMatchObject({ weight: 2, priority: 1 });
    expect((await sourceOf('{"endpoints": ["10.0.0.1:80"]}').resolve()).endpoints).toHaveLength(1);
    expect(await sourceOf('[]').resolve()).toMatchObject({ endpoints: [], emptyForSure: true });
  });

  it.each([
    '', '[', '{}', 'null', '7', '["10.0.0.1"]', '["reviews:80"]', '["10.0.0.1:0"]', '["10.0.0.1:70000"]', '["0.0.0.0:80"]', '[null]', '[[]]', '[{}]',
    '[{"host":"10.0.0.1","port":"80"}]', '[{"host":"10.0.0.1","port":80,"weight":0}]', '[{"host":"10.0.0.1","port":80,"priority":-1}]', '[{"host":"10.0.0.1","port":80,"weight":1e999}]',
    JSON.stringify('x'.repeat(2 ** 20)),
  ])('that says %.40j is an error that names the file', async (text) => {
    await expect(sourceOf(text).resolve()).rejects.toThrow(/endpoints\.json: /);
  });

  it('that is not there is an error', async () => {
    await expect(new FileSource('/nowhere/endpoints.json').resolve()).rejects.toThrow(/ENOENT/);
  });

  it('of a ConfigMap is followed through every swap of its symlink', async () => {
    const volume = folder();
    const write = (generation: number): void => {
      mkdirSync(join(volume, `..${generation}`));
      writeFileSync(join(volume, `..${generation}`, 'endpoints.json'), `["10.0.0.${generation}:80"]`);
      symlinkSync(`..${generation}`, join(volume, '..data_tmp'));
      renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
      if (generation === 1) symlinkSync('..data/endpoints.json', join(volume, 'endpoints.json'));
      else rmSync(join(volume, `..${generation - 1}`), { recursive: true });
    };
    write(1);
    const source = new FileSource(join(volume, 'endpoints.json'));
    for (const generation of [1, 2, 3, 4]) {
      if (generation > 1) write(generation);
      expect((await source.resolve()).endpoints.map(endpointKey)).toEqual([`10.0.0.${generation}:80`]);
    }
    unlinkSync(join(volume, '..data'));
    await expect(source.resolve()).rejects.toThrow();
  });
});
