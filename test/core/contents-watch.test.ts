import { expect, test } from 'vitest';
import { ContentsWatch } from '../../src/core/contents-watch.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** Files that hold what the test says, and a watch on them that begins with `one`. */
function watched() {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const files = { contents: 'one', looks: 0, stir: (): void => {}, deaf: false };
  const watch = new ContentsWatch('one', {
    clock,
    look: async () => {
      files.looks += 1;
      return files.contents;
    },
    listen: (stirred) => {
      files.stir = stirred;
      return () => void (files.deaf = true);
    },
    changed: (contents) => void seen.push(contents),
  });
  return { clock, files, seen, watch };
}

test('nothing is said while nothing changes', async () => {
  const { clock, files, seen } = watched();
  await clock.advance(60_000);
  expect(files.looks).toBe(12);
  expect(seen).toEqual([]);
});

test('a change that nobody announced is found by the poll, and told once', async () => {
  const { clock, files, seen } = watched();
  files.contents = 'two';
  await clock.advance(4_999);
  expect(seen).toEqual([]);
  await clock.advance(201);
  expect(seen).toEqual(['two']);
  await clock.advance(60_000);
  expect(seen).toEqual(['two']);
});

test('a change that the folder announces is told within half a second', async () => {
  const { clock, files, seen } = watched();
  files.contents = 'two';
  files.stir();
  await clock.advance(450);
  expect(seen).toEqual(['two']);
});

test('three changes in a row are three changes', async () => {
  const { clock, files, seen } = watched();
  for (const contents of ['two', 'three', 'four']) {
    files.contents = contents;
    files.stir();
    await clock.advance(500);
  }
  expect(seen).toEqual(['two', 'three', 'four']);
});

test('a file that is still being written is not believed', async () => {
  const { clock, files, seen } = watched();
  for (const part of ['t', 'tw', 'two', 'two!']) {
    files.contents = part;
    files.stir();
    await clock.advance(201);
  }
  expect(seen).toEqual([]);
  await clock.advance(201);
  expect(seen).toEqual(['two!']);
});

test('what turns back before it was believed has not changed', async () => {
  const { clock, files, seen } = watched();
  files.contents = 'two';
  files.stir();
  await clock.advance(250);
  files.contents = 'one';
  await clock.advance(20_000);
  expect(seen).toEqual([]);
});

test('what turns back afterwards is told as well', async () => {
  const { clock, files, seen } = watched();
  files.contents = 'unreadable: ENOENT';
  await clock.advance(6_000);
  files.contents = 'one';
  await clock.advance(6_000);
  expect(seen).toEqual(['unreadable: ENOENT', 'one']);
});

test('a folder that never rests is looked at all the same, no more than five times a second', async () => {
  const { clock, files } = watched();
  for (let at = 0; at < 10_000; at += 50) {
    files.stir();
    await clock.advance(50);
  }
  expect(files.looks).toBeLessThanOrEqual(50);
  expect(files.looks).toBeGreaterThan(30);
});

test('closed, it looks, listens and waits no more', async () => {
  const { clock, files, seen, watch } = watched();
  files.contents = 'two';
  watch.close();
  files.stir();
  await clock.advance(60_000);
  expect({ looks: files.looks, deaf: files.deaf, seen, timers: clock.timers }).toEqual({ looks: 0, deaf: true, seen: [], timers: 0 });
});
