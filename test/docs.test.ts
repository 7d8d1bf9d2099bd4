/**
 * What operators look things up in lists exactly what exists: nothing missing, nothing left over.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { errorTable } from '../src/core/errors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Section {
  readonly title: string;
  readonly body: string;
}

function sectionsOf(markdown: string): { contents: string[]; sections: Section[] } {
  const [, ...parts] = markdown.split(/^## /m);
  const sections = parts.map((part) => ({ title: part.slice(0, part.indexOf('\n')), body: part.slice(part.indexOf('\n') + 1) }));
  const contents = sections.find((section) => section.title === 'Contents');
  return {
    contents: [...(contents?.body ?? '').matchAll(/^- \[(.+)\]\(#(.+)\)$/gm)].map(([, title, anchor]) => (anchor === anchorOf(title!) ? title! : `${title} → #${anchor}`)),
    sections: sections.filter((section) => section !== contents),
  };
}

/** As GitHub makes it. */
function anchorOf(title: string): string {
  return title.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-');
}

/** Names of the events and of their fields, off the type. */
function eventFields(file = 'src/core/events.ts', interfaceName = 'MeshEventMap'): Map<string, string[]> {
  const source = ts.createSourceFile('events.ts', read(file), ts.ScriptTarget.Latest);
  const map = source.statements.find((node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === interfaceName);
  const nameOf = (member: ts.TypeElement): string => (member.name !== undefined && (ts.isStringLiteral(member.name) || ts.isIdentifier(member.name)) ? member.name.text : '?');
  return new Map(
    (map?.members ?? []).map((member) => {
      const fields = ts.isPropertySignature(member) && member.type !== undefined && ts.isTypeLiteralNode(member.type) ? member.type.members.map(nameOf) : [];
      return [nameOf(member), fields];
    }),
  );
}

describe('docs/errors.md', () => {
  const { contents, sections } = sectionsOf(read('docs/errors.md'));
  const codes = Object.keys(errorTable);

  it('lists exactly the codes of the table, in its contents and in its body', () => {
    expect(codes.length).toBeGreaterThan(10);
    expect(contents).toEqual(codes);
    expect(sections.map((section) => section.title)).toEqual(codes);
  });

  it.each(Object.entries(errorTable))('%s means what the table says, and says what to do', (code, entry) => {
    const body = sections.find((section) => section.title === code)?.body ?? '';
    expect(body).toContain(`\n${entry.meaning}\n`);
    expect(body).toContain(`Fault: \`${entry.outcome}\`. May pass by itself: ${entry.transient ? 'yes' : 'no'}.`);
    expect(body).toMatch(/^What to do: \S.+/m);
  });
});

describe('docs/events.md', () => {
  const { contents, sections } = sectionsOf(read('docs/events.md'));
  const events = eventFields();

  it('lists exactly the events of MeshEventMap, in its contents and in its body', () => {
    expect(events.size).toBeGreaterThan(10);
    expect(contents).toEqual([...events.keys()]);
    expect(sections.map((section) => section.title)).toEqual([...events.keys()]);
  });

  it.each([...events])('%s lists its fields, and says what to do', (name, fields) => {
    const body = sections.find((section) => section.title === name)?.body ?? '';
    expect([...body.matchAll(/^- `(\w+)`: /gm)].map(([, field]) => field)).toEqual(fields);
    expect(body).toMatch(/^What to do: \S.+/m);
  });
});

describe('docs/server.md', () => {
  it('lists exactly the events of the server half, with their fields', () => {
    const rows = [...read('docs/server.md').matchAll(/^\| `([a-z.]+)` \| ((?:`\w+`(?:, )?)+) \|/gm)].map(([, name, fields]) => [name, [...fields!.matchAll(/\w+/g)].map(String)]);
    expect(new Map(rows as [string, string[]][])).toEqual(eventFields('src/server/events.ts', 'ServerEventMap'));
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('the repository', () => {
  it('names no registry and no path of the machine it was written on', () => {
    const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
    // Built from parts, so that this file may be searched as well. Addresses of projects in a lock file are no registries.
    const forbidden = new RegExp([`registry${'\\.'}npm`, `"resolved${'"'}: "http`, `(^|[\\s"'\`(=:])/(work|root|Users)${'/'}`, `/home${'/'}(?!node/)`, `/tmp${'/'}bash_jobs`].join('|'), 'm');
    const found = tracked.filter((path) => forbidden.test(read(path)));
    expect(tracked.length).toBeGreaterThan(10);
    expect(found).toEqual([]);
  });
});
