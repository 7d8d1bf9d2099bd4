/**
 * Path tree: which of many exact paths and prefixes a path has, in one walk along it (a radix tree; Donald Morrison's PATRICIA, 1968).
 *
 *     /rev ─┬─ iews ── /top          exact: /reviews/top      prefix: /reviews, "" (all)
 *           └─ ocations
 *
 * A prefix ends where a segment does: `/rev` is none of `/reviews`. Each prefix knows the next shorter one that it begins with, so that
 * whoever finds the longest has them all, longest first, and nothing is allocated on the way.
 */
const SLASH = 47;

export interface Branch<Value> {
  /** What stands at a prefix. */
  readonly value: Value;
  /** The next shorter prefix. */
  above: Branch<Value> | undefined;
}

interface Node<Value> {
  /** What the way here adds to that of the node before. */
  label: string;
  readonly children: Map<number, Node<Value>>;
  exact: Value | undefined;
  prefix: Branch<Value> | undefined;
}

export class PathTree<Value> {
  readonly #root: Node<Value> = node('');
  /** Of the path looked for last: what stands at exactly it, … */
  exact: Value | undefined;
  /** … and at the longest of its prefixes. */
  longest: Branch<Value> | undefined;

  /** The prefix '' is that of everything, even of what is no path; no other ends in a slash. */
  constructor(exact: ReadonlyMap<string, Value>, prefixes: ReadonlyMap<string, Value>) {
    for (const [path, value] of exact) this.#at(path).exact = value;
    const branches = new Map<string, Branch<Value>>();
    for (const [prefix, value] of prefixes) {
      const branch: Branch<Value> = { value, above: undefined };
      this.#at(prefix).prefix = branch;
      branches.set(prefix, branch);
    }
    for (const [prefix, branch] of branches) branch.above = nextShorter(prefix, branches);
  }

  /** Looks for the first `end` characters of a text; the answer is in `exact` and `longest` until the next one. */
  find(text: string, end: number): void {
    let at = this.#root;
    let depth = 0;
    this.longest = at.prefix;
    this.exact = undefined;
    for (;;) {
      if (at.prefix !== undefined && (depth === end || text.charCodeAt(depth) === SLASH)) this.longest = at.prefix;
      if (depth === end) {
        this.exact = at.exact;
        return;
      }
      const next = at.children.get(text.charCodeAt(depth));
      if (next === undefined || depth + next.label.length > end || !text.startsWith(next.label, depth)) return;
      depth += next.label.length;
      at = next;
    }
  }

  /** The node of this path, made where there was none. */
  #at(path: string): Node<Value> {
    let at = this.#root;
    let depth = 0;
    while (depth < path.length) {
      const next = at.children.get(path.charCodeAt(depth));
      if (next === undefined) {
        const leaf = node<Value>(path.slice(depth));
        at.children.set(path.charCodeAt(depth), leaf);
        return leaf;
      }
      const same = sameLength(next.label, path, depth);
      depth += same;
      at = same === next.label.length ? next : split(at, next, same);
    }
    return at;
  }
}

/** As far as segments end. */
function nextShorter<Value>(prefix: string, branches: ReadonlyMap<string, Branch<Value>>): Branch<Value> | undefined {
  let shorter = prefix;
  while (shorter !== '') {
    shorter = shorter.slice(0, Math.max(0, shorter.lastIndexOf('/')));
    const branch = branches.get(shorter);
    if (branch !== undefined) return branch;
  }
  return undefined;
}

function node<Value>(label: string): Node<Value> {
  return { label, children: new Map(), exact: undefined, prefix: undefined };
}

/** How much of the label the text has at this place. */
function sameLength(label: string, text: string, from: number): number {
  let same = 0;
  while (same < label.length && label.charCodeAt(same) === text.charCodeAt(from + same)) same += 1;
  return same;
}

function split<Value>(parent: Node<Value>, child: Node<Value>, length: number): Node<Value> {
  const middle = node<Value>(child.label.slice(0, length));
  parent.children.set(middle.label.charCodeAt(0), middle);
  child.label = child.label.slice(length);
  middle.children.set(child.label.charCodeAt(0), child);
  return middle;
}
