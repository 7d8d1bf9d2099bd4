/** A terminal that remembers what it was told. */
import type { Command, ExitCode, Terminal } from '../../src/cli/command.ts';

export interface Told {
  readonly code: ExitCode;
  readonly out: string;
  readonly complaints: string;
}

export async function ran(command: Command, args: readonly string[], colours = false): Promise<Told> {
  let [out, complaints] = ['', ''];
  const terminal: Terminal = { write: (text) => void (out += text), complain: (text) => void (complaints += text), colours };
  const code = await command.run(args, terminal);
  return { code, out, complaints };
}
