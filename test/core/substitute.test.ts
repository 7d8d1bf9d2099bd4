import { Response as UndiciResponse } from 'undici';
import { describe, expect, it } from 'vitest';
import { contentOf, isSubstitute, lastingContentOf } from '../../src/core/substitute.ts';
import type { LocalContent } from '../../src/core/local-reply.ts';
import type { Substitute } from '../../src/core/call.ts';

async function text({ body }: LocalContent): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('what stands in for a reply', () => {
  it('is a Response of any fetch, or a body', async () => {
    for (const response of [Response.json([1], { status: 203 }), UndiciResponse.json([1], { status: 203 }) as unknown as Response]) {
      expect(isSubstitute(response)).toBe(true);
      const content = contentOf(response);
      expect(content).toMatchObject({ status: 203, headers: [['content-type', 'application/json']] });
      expect(await text(content)).toBe('[1]');
    }
    expect(contentOf('none')).toMatchObject({ status: 200, headers: [['content-type', 'text/plain;charset=UTF-8']] });
    expect(await text(contentOf('ünïcode'))).toBe('ünïcode');
    expect(await text(contentOf(new Uint8Array([104, 105])))).toBe('hi');
    expect(await text(contentOf(new Response(null, { status: 204 })))).toBe('');
  });

  it.each([[undefined], [null], [7], [{}], [{ status: 200 }], [[]], [Response.error()], [Promise.resolve('x')]])('is nothing else: %o', (value) => {
    expect(isSubstitute(value)).toBe(false);
  });

  it('is never said to be compressed or of some length: what fetch gives has been decoded', () => {
    const cached = new Response('text', { headers: { 'content-encoding': 'gzip', 'content-length': '99', connection: 'close', etag: '"1"' } });
    expect(contentOf(cached).headers.map(([name]) => name)).toEqual(['content-type', 'etag']);
  });

  it('keeps cookies apart', () => {
    const response = new Response(null, { headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] });
    expect(contentOf(response).headers).toEqual([['set-cookie', 'a=1'], ['set-cookie', 'b=2']]);
  });

  it('as a value stands in any number of times, is read once, and stays readable for who gave it', async () => {
    let pulls = 0;
    const stream = new ReadableStream({
      pull(controller) {
        pulls += 1;
        controller.enqueue(Buffer.from('cached'));
        controller.close();
      },
    });
    const response = new Response(stream, { status: 203 });
    for (let time = 0; time < 3; time += 1) expect(await text(await lastingContentOf(response))).toBe('cached');
    expect(pulls).toBe(1);
    expect(await response.text()).toBe('cached');
    expect(await text(await lastingContentOf('text' satisfies Substitute))).toBe('text');
  });

  it('whose body was read before says so', async () => {
    const response = new Response('x');
    await response.text();
    await expect(lastingContentOf(response)).rejects.toThrow(TypeError);
  });
});
