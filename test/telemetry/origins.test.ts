import { expect, it } from 'vitest';
import { forgetOrigin, ignoreRequestHook, rememberOrigin } from '../../src/telemetry/origins.ts';

it('ignores requests to endpoints of ours, and no others', () => {
  rememberOrigin('http://10.0.0.1:8080');
  expect(ignoreRequestHook({ origin: 'http://10.0.0.1:8080' })).toBe(true);
  expect(ignoreRequestHook({ origin: new URL('http://10.0.0.1:8080') })).toBe(true);
  expect(ignoreRequestHook({ origin: 'http://10.0.0.1:8081' })).toBe(false);
  expect(ignoreRequestHook({ origin: 'https://10.0.0.1:8080' })).toBe(false);
  expect(ignoreRequestHook({})).toBe(false);
  forgetOrigin('http://10.0.0.1:8080');
});

it('knows an origin by the name that undici gives it, without the scheme’s own port', () => {
  rememberOrigin('http://10.0.0.1:80');
  expect(ignoreRequestHook({ origin: 'http://10.0.0.1' })).toBe(true);
  forgetOrigin('http://10.0.0.1:80');
});

it('forgets an origin when the last pool that connects to it is gone', () => {
  rememberOrigin('http://[fd00::1]:8080');
  rememberOrigin('http://[fd00::1]:8080');
  forgetOrigin('http://[fd00::1]:8080');
  expect(ignoreRequestHook({ origin: 'http://[fd00::1]:8080' })).toBe(true);
  forgetOrigin('http://[fd00::1]:8080');
  expect(ignoreRequestHook({ origin: 'http://[fd00::1]:8080' })).toBe(false);
  forgetOrigin('http://[fd00::1]:8080');
});

it('shares its knowledge with another copy of this package', async () => {
  rememberOrigin('http://10.0.0.2:8080');
  const another: string = '../../src/telemetry/origins.ts?copy';
  const copy = (await import(another)) as typeof import('../../src/telemetry/origins.ts');
  expect(copy.ignoreRequestHook).not.toBe(ignoreRequestHook);
  expect(copy.ignoreRequestHook({ origin: 'http://10.0.0.2:8080' })).toBe(true);
  copy.forgetOrigin('http://10.0.0.2:8080');
  expect(ignoreRequestHook({ origin: 'http://10.0.0.2:8080' })).toBe(false);
});
