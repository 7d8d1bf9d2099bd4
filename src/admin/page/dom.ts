/**
 * The few things that this page does with the document. Text is only ever text: there is no way here to make markup of it.
 */
const SVG = 'http://www.w3.org/2000/svg';

type Child = Node | string | undefined;

export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element #${id}`);
  return element as Kind;
}

export function element<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, attributes: Readonly<Record<string, string>> = {}, ...children: readonly Child[]): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  return filled(made, attributes, children);
}

export function drawn<Tag extends keyof SVGElementTagNameMap>(tag: Tag, attributes: Readonly<Record<string, string>> = {}, ...children: readonly Child[]): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(SVG, tag);
  return filled(made, attributes, children);
}

function filled<Made extends Element>(made: Made, attributes: Readonly<Record<string, string>>, children: readonly Child[]): Made {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Only where it differs, so that nothing is laid out anew for nothing, and a selection of text stays. */
export function say(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node: Element, name: string, value: string | undefined): void {
  if (value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Children of `parent`, one for each item and in their order: made once, and kept as long as their item is there. */
export class Keyed<Item, View extends { readonly root: Element }> {
  readonly #parent: Element;
  readonly #make: (item: Item, key: string) => View;
  readonly #update: (view: View, item: Item) => void;
  #views = new Map<string, View>();

  constructor(parent: Element, make: (item: Item, key: string) => View, update: (view: View, item: Item) => void) {
    this.#parent = parent;
    this.#make = make;
    this.#update = update;
  }

  show(items: readonly (readonly [key: string, item: Item])[]): void {
    const before = this.#views;
    this.#views = new Map();
    let place = this.#parent.firstElementChild;
    for (const [key, item] of items) {
      const view = before.get(key) ?? this.#make(item, key);
      before.delete(key);
      this.#views.set(key, view);
      this.#update(view, item);
      if (view.root === place) place = place.nextElementSibling;
      else this.#parent.insertBefore(view.root, place);
    }
    for (const { root } of before.values()) root.remove();
  }
}
