/**
 * The live page in a real browser, over a client with real traffic. `UPDATE_DOCS=1` writes the pictures of docs/admin.md.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Admin } from '../../src/admin/admin.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Onlooking } from '../../src/core/onlooker.ts';
import { observedMesh, observedService } from '../admin/observed.ts';
import { startServer } from '../support/http-server.ts';
import { needs, program } from '../support/needs.ts';
import { openShop, type Shop } from '../support/shop.ts';

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));

needs('chromium').describe('the live page in Chromium', () => {
  let browser: Browser;
  const shops: Shop[] = [];

  beforeAll(async () => {
    // The sandbox needs rights that a container has not; what is loaded here is ours.
    browser = await chromium.launch({ executablePath: program('chromium'), args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
  });

  async function open(trades: Parameters<typeof openShop>[0], options: Parameters<typeof openShop>[1] = {}): Promise<Shop> {
    const shop = await openShop(trades, options);
    shops.push(shop);
    return shop;
  }

  /** What the browser complains of: errors, refused resources, violations of the page's own rules. */
  async function look(at: Shop | string, more: Parameters<Browser['newPage']>[0] = {}): Promise<{ page: Page; complaints: string[] }> {
    const url = typeof at === 'string' ? at : (await at.mesh.admin({ port: 0 })).url;
    const page = await browser.newPage({ viewport: { width: 1440, height: 1000 }, colorScheme: 'light', ...more });
    const complaints: string[] = [];
    page.on('console', (message) => void complaints.push(message.text()));
    page.on('pageerror', (error) => void complaints.push(String(error)));
    page.on('requestfailed', (request) => void complaints.push(`${request.url()} ${request.failure()?.errorText}`));
    await page.addInitScript("document.addEventListener('securitypolicyviolation', (event) => console.error('violated: ' + event.violatedDirective + ' ' + event.blockedURI))");
    await page.goto(url);
    return { page, complaints };
  }

  async function closeAll(page: Page): Promise<void> {
    await page.close();
    for (const shop of shops.splice(0)) await shop.close();
  }

  it('renders, updates itself, and shows an ejection as it happens', async () => {
    const roundRobin = { balancer: { type: 'round-robin' } } as const;
    const shop = await open({
      details: { endpoints: 4, rate: 24, takes: 6 },
      inventory: { endpoints: 8, rate: 14, takes: 12 },
      payments: { endpoints: 3, rate: 8, takes: 30, knobs: { concurrency: { max: 64, queue: 64 }, retry: 'off' } },
      ratings: { endpoints: 6, rate: 40, takes: 9, knobs: roundRobin },
      reviews: { endpoints: 12, rate: 60, takes: 18, knobs: roundRobin },
      search: { endpoints: 40, rate: 30, takes: 25 },
    });
    const { page, complaints } = await look(shop);
    const services = page.locator('#service-rows tr');
    await soon(async () => expect(await services.count()).toBe(6), 10_000);
    expect(await page.title()).toBe('productpage · inmesh');
    expect(await page.locator('#connection').textContent()).toBe('live');
    const reviews = services.filter({ hasText: 'reviews' });
    await soon(async () => expect(Number(await reviews.locator('td').first().textContent())).toBeGreaterThan(5), 10_000);
    expect(await reviews.locator('td').nth(1).textContent()).toBe('100 %');
    expect(await page.locator('#graph .node.other').count()).toBe(6);

    await reviews.getByRole('button', { name: 'reviews' }).click();
    const endpoint = page.locator('#endpoint-rows tr').filter({ hasText: shop.endpoint('reviews', 5) });
    await soon(async () => expect(await endpoint.locator('.pill').textContent()).toBe('available'), 5_000);
    shop.behave('reviews', 5, { status: 503, takes: 1 });
    await soon(async () => expect(await endpoint.locator('.pill').textContent()).toMatch(/^ejected|^trial/), 40_000);
    expect(await endpoint.locator('.why').textContent()).toMatch(/success rate \d+ %, that of the others/);
    await soon(async () => expect(await page.locator('#events').textContent()).toContain(`endpoint.ejected reviews ${shop.endpoint('reviews', 5)}`), 5_000);

    for (let number = 1; number <= 3; number += 1) shop.behave('payments', number, { status: 500, takes: 3 });
    const circuit = services.filter({ hasText: 'payments' }).locator('td').nth(6);
    await soon(async () => expect(await circuit.textContent()).toMatch(/^open/), 20_000);
    if (process.env['UPDATE_DOCS'] === '1') await pictures(page);

    shop.behave('reviews', 5, {});
    await soon(async () => expect(await endpoint.locator('.pill').textContent()).toBe('available'), 40_000);
    expect(complaints).toEqual([]);
    await closeAll(page);
  }, 120_000);

  async function pictures(page: Page): Promise<void> {
    mkdirSync(images, { recursive: true });
    await page.setViewportSize({ width: 1440, height: 1300 });
    await page.waitForTimeout(15_000);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${images}admin-${colorScheme}.png` });
    }
    await page.emulateMedia({ colorScheme: 'light' });
  }

  it('shows a thousand endpoints, fifty at a time, and finds the one that is asked for', async () => {
    const shop = await open({ search: { endpoints: 1000, rate: 200, takes: 3, knobs: { subset: 'off', balancer: { type: 'round-robin' } } } });
    const { page, complaints } = await look(shop);
    const rows = page.locator('#endpoint-rows tr');
    await soon(async () => expect(await page.locator('#range').textContent()).toBe('1–50 of 1,000'), 20_000);
    expect(await rows.count()).toBe(50);
    await page.getByRole('button', { name: 'Next' }).click();
    await soon(async () => expect(await page.locator('#range').textContent()).toBe('51–100 of 1,000'), 5_000);
    await page.getByLabel('Filter').fill(shop.endpoint('search', 777));
    await soon(async () => expect(await rows.count()).toBe(1), 5_000);
    expect(await rows.first().locator('th').textContent()).toBe(shop.endpoint('search', 777));
    expect(complaints).toEqual([]);
    await closeAll(page);
  }, 60_000);

  it('takes no name for markup', async () => {
    const hostile = '<img src=x onerror=alert(1)>';
    const [service] = [observedService(hostile, { states: ['ejected'], source: hostile })];
    const endpoints = service.endpoints.map((endpoint) => ({ ...endpoint, endpoint: hostile, zone: hostile, ejection: { until: Date.now(), ejections: 1, why: hostile } }));
    const onlooking = new Onlooking(systemClock);
    const mesh = { ...observedMesh({ services: [{ ...service, endpoints }] }), service: hostile, instance: hostile };
    const admin = new Admin({ clock: systemClock, onlooking, inspect: () => mesh, policyText: () => '', phase: () => 'open' });
    const server = await startServer((request, response) => admin.handle(request, response));
    const { page, complaints } = await look(`${server.origin}/`);
    onlooking.happened('discovery.failed', { service: hostile, source: hostile, error: new Error(hostile), age: undefined });
    await soon(async () => expect(await page.locator('#events').textContent()).toContain(hostile), 10_000);
    await soon(async () => expect(await page.locator('#service-rows th button').textContent()).toBe(hostile), 10_000);
    expect(await page.locator('img').count()).toBe(0);
    await page.locator('#service-rows th button').click();
    await soon(async () => expect(await page.locator('#endpoints-title').textContent()).toBe(`Endpoints of ${hostile}`), 5_000);
    // Nor would the browser, if the page did.
    expect(await page.evaluate("(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch (error) { return error.name; } })()")).toBe('TypeError');
    expect(complaints.filter((complaint) => !/trusted-types|TrustedHTML|require-trusted/i.test(complaint))).toEqual([]);
    await closeAll(page);
    admin.close();
    await server.close();
  }, 60_000);

  it.each(['light', 'dark'] as const)('can be used by the keyboard and read in %s', async (colorScheme) => {
    const shop = await open({ details: { endpoints: 2, rate: 5, takes: 2 }, reviews: { endpoints: 2, rate: 5, takes: 2 } });
    const { page, complaints } = await look(shop, { colorScheme, reducedMotion: 'reduce' });
    await soon(async () => expect(await page.locator('#service-rows tr').count()).toBe(2), 10_000);
    await page.getByRole('button', { name: 'reviews' }).focus();
    await page.keyboard.press('Enter');
    await soon(async () => expect(await page.locator('#endpoints-title').textContent()).toBe('Endpoints of reviews'), 5_000);
    expect(await page.locator('[aria-current=true]').textContent()).toBe('reviews');
    await page.getByRole('columnheader', { name: 'Latency' }).getByRole('button').focus();
    await page.keyboard.press('Enter');
    await soon(async () => expect(await page.getByRole('columnheader', { name: 'Latency' }).getAttribute('aria-sort')).toBe('descending'), 5_000);
    expect(await page.locator('th:not([scope])').count()).toBe(0);
    expect(await page.locator('.flow').first().isVisible()).toBe(false);
    const pale = await page.evaluate<[string, number][]>(contrasts);
    // WCAG AA, of every colour that text has on every ground that it stands on.
    expect(pale.filter(([, ratio]) => ratio < 4.5)).toEqual([]);
    expect(pale.length).toBeGreaterThan(8);
    expect(complaints).toEqual([]);
    await closeAll(page);
  }, 60_000);
});

function soon(check: () => Promise<void>, timeout: number): Promise<void> {
  return vi.waitFor(check, { timeout, interval: 50 });
}

/** Runs in the page. */
const contrasts = `(() => {
  const probe = document.createElement('i');
  document.body.append(probe);
  const rgb = (name) => { probe.style.color = 'var(--' + name + ')'; return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number); };
  const light = (name) => { const [r, g, b] = rgb(name).map((each) => { const c = each / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (one, other) => { const [low, high] = [light(one), light(other)].sort((a, b) => a - b); return (high + 0.05) / (low + 0.05); };
  const pairs = [['ink', 'panel'], ['ink', 'ground'], ['ink', 'soft'], ['muted', 'panel'], ['muted', 'ground'], ['muted', 'soft'], ['muted', 'idle-soft'], ['accent', 'panel'], ['good', 'good-soft'], ['warn', 'warn-soft'], ['bad', 'bad-soft'], ['good', 'soft'], ['warn', 'soft'], ['bad', 'soft'], ['panel', 'accent']];
  return pairs.map(([one, other]) => [one + ' on ' + other, ratio(one, other)]);
})()`;
