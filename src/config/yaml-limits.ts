/**
 * What a text may cost before it is parsed. The parser composes by recursion, so a few kilobytes of `[` overflow the stack
 * (some Node versions then abort the process), and a megabyte of small pieces takes seconds. Its lexer is cheap and runs piece by piece:
 * it goes first, and stops the rest.
 *
 * Depth is bounded by what makes depth: open brackets in flow style; in block style the indentation of a line, since every
 * level stands further right than the one around it, and the indicators on one line (`- - ? -`).
 */
import { yaml } from './yaml.ts';

const mostLexemes = 60_000; // about 1,800 services of four lines
const mostFlowDepth = 24;
const mostIndentation = 64;
const mostIndicatorsOnLine = 8;
/** Names end at 253 characters; this leaves room for a default in `${…}`. */
const longestText = 4096;

export interface LimitExceeded {
  readonly offset: number;
  readonly found: string;
  readonly expected: string;
}

/** The lexemes of a text that may be parsed, or the reason why not. */
export function lexWithinLimits(text: string): readonly string[] | LimitExceeded {
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control !== null) return { offset: control.index, found: `control character ${JSON.stringify(control[0])}`, expected: 'YAML text' };

  const { CST, Lexer } = yaml();
  const lexemes: string[] = [];
  const line = new LineShape();
  let offset = 0;
  let flowDepth = 0;
  let afterScalarMark = false;
  for (const lexeme of new Lexer().lex(text)) {
    const stop = (found: string, expected: string): LimitExceeded => ({ offset, found, expected });
    // A plain or block scalar is announced by a mark of its own; what follows the mark is text and looks like anything.
    const type: string | null = afterScalarMark ? 'text' : CST.tokenType(lexeme);
    afterScalarMark = type === 'scalar';
    if (lexemes.push(lexeme) > mostLexemes) return stop('too much', `a policy of at most ${mostLexemes} words and signs`);
    if (type !== 'comment' && type !== 'newline' && type !== 'space' && lexeme.length > longestText) {
      return stop(`text of ${lexeme.length} characters`, `at most ${longestText}`);
    }
    if (type === 'tag') return stop(`tag ${JSON.stringify(lexeme.slice(0, 40))}`, 'no tags: types follow from the values');
    if (type === 'directive-line') return stop('a directive', 'no directives: a policy is YAML 1.2');
    if (type === 'flow-map-start' || type === 'flow-seq-start') flowDepth += 1;
    if (type === 'flow-map-end' || type === 'flow-seq-end') flowDepth = Math.max(0, flowDepth - 1);
    if (flowDepth > mostFlowDepth || (flowDepth === 0 && line.tooDeep(type, lexeme))) return stop('nested too deeply', `at most ${mostFlowDepth} levels`);
    // Marks stand for nothing in the text.
    if (!isMark(type)) offset += lexeme.length;
  }
  return lexemes;
}

class LineShape {
  #indicators = 0;
  #started = false;

  tooDeep(type: string | null, lexeme: string): boolean {
    if (type === 'newline') {
      this.#indicators = 0;
      this.#started = false;
      return false;
    }
    const indentation = type === 'space' && !this.#started ? lexeme.length : 0;
    this.#started = true;
    if (type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind') this.#indicators += 1;
    return indentation > mostIndentation || this.#indicators > mostIndicatorsOnLine;
  }
}

/** The lexer's own signs: byte order mark, document start, flow error end, scalar ahead. */
function isMark(type: string | null): boolean {
  return type === 'byte-order-mark' || type === 'doc-mode' || type === 'flow-error-end' || type === 'scalar';
}
