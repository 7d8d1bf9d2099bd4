import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutcomeWindow } from '../../src/core/outcome-window.ts';

const WINDOW = 1000;

describe('the outcome window', () => {
  it('counts exactly', () => {
    const window = new OutcomeWindow();
    for (let at = 0; at < 500; at += 10) window.record(at % 30 === 0, at, WINDOW);
    expect([window.successes(500, WINDOW), window.failures(500, WINDOW)]).toEqual([33, 17]);
  });

  it('forgets what is older than the window, all of it after a long silence', () => {
    const window = new OutcomeWindow();
    for (let count = 0; count < 100; count += 1) window.record(true, count, WINDOW);
    expect(window.failures(899, WINDOW)).toBe(100);
    expect(window.failures(1100, WINDOW)).toBe(0);
    for (let count = 0; count < 100; count += 1) window.record(true, 2000, WINDOW);
    expect(window.failures(2000 + 3_600_000, WINDOW)).toBe(0);
  });

  it('says the same however often it is asked', () => {
    const window = new OutcomeWindow();
    window.record(true, 0, WINDOW);
    for (let at = 0; at < 900; at += 7) window.failures(at, WINDOW);
    expect(window.failures(899, WINDOW)).toBe(1);
  });

  it('keeps its counts when a reload changes its length', () => {
    const window = new OutcomeWindow();
    for (let count = 0; count < 5; count += 1) window.record(true, 100, WINDOW);
    expect(window.failures(100, 5 * WINDOW)).toBe(5);
    expect(window.failures(100 + 6 * WINDOW, 5 * WINDOW)).toBe(0);
  });

  it('never counts more than the window, nor less than nine tenths of it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 }), (gaps) => {
        const window = new OutcomeWindow();
        const times: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          window.record(true, now, WINDOW);
          times.push(now);
        }
        const counted = window.failures(now, WINDOW);
        const within = (length: number) => times.filter((time) => time > now - length).length;
        expect(counted).toBeLessThanOrEqual(within(WINDOW + 1));
        expect(counted).toBeGreaterThanOrEqual(within(WINDOW * 0.9));
      }),
    );
  });
});
