/**
 * Command: one verb of `inmesh`, in a file of its own, listed in main.ts.
 */

/** Where a command speaks. Both take text as it is to appear: a command makes it printable itself. */
export interface Terminal {
  /** What was asked for. */
  write(text: string): void;
  /** What went wrong, apart from it. */
  complain(text: string): void;
  readonly colours: boolean;
  /** Of its screen; undefined where it is a pipe or a file, and nothing can be written over. */
  readonly rows?: number | undefined;
}

/** 0: done, and found what was looked for · 1: not found, or failed · 2: called wrongly. */
export type ExitCode = 0 | 1 | 2;

export interface Command {
  /** For `inmesh <command> --help`. */
  readonly help: string;
  /** Without the command's own name. Rejects with UsageError where the arguments are wrong. */
  run(args: readonly string[], terminal: Terminal): Promise<ExitCode>;
}
