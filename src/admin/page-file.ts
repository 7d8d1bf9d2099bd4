/**
 * The live page as one file: no other is loaded, from here or elsewhere, so it works mounted anywhere and without the Internet. Its style and its
 * script are allowed by their hashes; nothing else is, and no text that is given to the script can become markup (Trusted Types, and it never
 * writes any).
 */
import { createHash } from 'node:crypto';
import { html, script, style } from './page-text.ts';

export const page = {
  html: html.replace('/* style */', () => style).replace('/* script */', () => script),
  securityPolicy: [
    "default-src 'none'", `style-src ${hash(style)}`, `script-src ${hash(script)}`, "connect-src 'self'", 'img-src data:',
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; '),
};

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
