/**
 * Text for terminals. What came from elsewhere (a name, an error, a file) may carry control characters, with which a terminal can be told
 * to move its cursor, rename its window or hide what was written; or characters that nobody sees and that turn the order of the others
 * round. All of them are shown as what they are, and none is sent.
 */

/** Controls, formats (direction, zero width), separators of lines, halves of pairs, what is not assigned or private. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** JSON in ASCII alone: what JSON allows in a string is more than what a terminal should be sent. Ends with a line feed. */
export function printableJson(value: unknown): string {
  const ascii = JSON.stringify(value, undefined, 2).replace(/[^\n\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${ascii}\n`;
}
