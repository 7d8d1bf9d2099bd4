/**
 * A page for people to read: headings, lines, and tables whose columns align. Each piece of text is made printable here, after which
 * colours are put around it, so that nothing that came from elsewhere reaches the terminal as a command.
 */
import { styleText } from 'node:util';
import { printable } from './printable.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Cell {
  readonly text: string;
  readonly style?: Style | undefined;
  /** Numbers stand under each other by their last digit. */
  readonly right?: boolean;
}

/** A string is a cell without style. */
export type Piece = Cell | string;

const GAP = '  ';

export class Page {
  readonly #colours: boolean;
  #text = '';

  constructor(colours: boolean) {
    this.#colours = colours;
  }

  /** Its pieces, one space between them. */
  line(...pieces: readonly Piece[]): void {
    this.#text += `${pieces.map((piece) => this.#styled(cellOf(piece), 0)).join(' ').trimEnd()}\n`;
  }

  blank(): void {
    this.#text += '\n';
  }

  /** Rows may be of different lengths. */
  table(rows: readonly (readonly Piece[])[], indent: string): void {
    const widths: number[] = [];
    for (const row of rows) {
      for (const [column, piece] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, lengthOf(printable(cellOf(piece).text)));
    }
    for (const row of rows) {
      const cells = row.map((piece, column) => this.#styled(cellOf(piece), column === row.length - 1 && cellOf(piece).right !== true ? 0 : widths[column]!));
      this.#text += `${(indent + cells.join(GAP)).trimEnd()}\n`;
    }
  }

  toString(): string {
    return this.#text;
  }

  #styled(cell: Cell, width: number): string {
    const text = printable(cell.text);
    const padding = ' '.repeat(Math.max(0, width - lengthOf(text)));
    const styled = this.#colours && cell.style !== undefined && text !== '' ? styleText(cell.style, text, { validateStream: false }) : text;
    return cell.right === true ? padding + styled : styled + padding;
  }
}

function cellOf(piece: Piece): Cell {
  return typeof piece === 'string' ? { text: piece } : piece;
}

function lengthOf(text: string): number {
  return [...text].length;
}
