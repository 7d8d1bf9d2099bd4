/**
 * The service graph: this process, and whom it calls. The width of an edge is how many calls it carries (by the logarithm, or one service would
 * hide the others), its colour how many of them succeed. The table below says the same in words.
 */
import { drawn, Keyed, mark, say } from './dom.ts';
import * as format from './format.ts';
import { successTone, type KnownService, type Model, type Tone } from './model.ts';

const MOST = 10;
const WIDTH = 760;
const NODE = { width: 300, height: 46, gap: 12 };
const HERE = { width: 170, height: 58 };

interface Place {
  readonly name: string;
  readonly y: number;
  readonly service: KnownService;
  readonly tone: Tone;
  readonly endpoints: string;
}

interface NodeView {
  readonly root: SVGGElement;
  readonly name: SVGTextElement;
  readonly facts: SVGTextElement;
  readonly more: SVGTextElement;
}

interface EdgeView {
  readonly root: SVGGElement;
  readonly line: SVGPathElement;
  readonly flow: SVGPathElement;
}

export class Graph {
  readonly #svg = drawn('svg', { role: 'img' });
  readonly #more: HTMLElement;
  readonly #here = { root: drawn('g', { class: 'node here' }), name: drawn('text', { x: '16', y: '26' }), sub: drawn('text', { x: '16', y: '44', class: 'sub' }) };
  readonly #nodes: Keyed<Place, NodeView>;
  readonly #edges: Keyed<Place & { readonly from: number }, EdgeView>;
  #selected = '';

  constructor(parent: HTMLElement, more: HTMLElement, select: (service: string) => void) {
    const [edges, nodes] = [drawn('g'), drawn('g')];
    this.#more = more;
    this.#here.root.append(drawn('rect', { width: String(HERE.width), height: String(HERE.height), rx: '10' }), this.#here.name, this.#here.sub);
    this.#svg.append(edges, nodes, this.#here.root);
    parent.append(this.#svg);
    this.#nodes = new Keyed<Place, NodeView>(nodes, ({ name }) => this.#node(name, select), (view, place) => this.#showNode(view, place));
    this.#edges = new Keyed<Place & { readonly from: number }, EdgeView>(edges, edge, showEdge);
  }

  show(model: Model, selected: string): void {
    this.#selected = selected;
    const busiest = [...model.services].sort(([, one], [, other]) => other.facts.rate - one.facts.rate).slice(0, MOST);
    // Where they were, whatever their rates are by now.
    const shown = busiest.sort(([one], [other]) => (one < other ? -1 : 1));
    const height = Math.max(HERE.height + 40, shown.length * (NODE.height + NODE.gap) + NODE.gap);
    const places = shown.map(([name, service], index): Place => {
      const groups = model.groupsOf(name);
      const counts = groups.map(({ id }) => model.countsOf(id)).reduce((sum, each) => ({ all: sum.all + each.all, available: sum.available + each.available }), { all: 0, available: 0 });
      const open = groups.some(({ circuit, circuitEnforced }) => circuit === 'open' && circuitEnforced);
      const tone = open || (counts.all > 0 && counts.available === 0) ? 'bad' : counts.available < counts.all && successTone(service.facts.success) === 'good' ? 'warn' : successTone(service.facts.success);
      return { name, service, tone, y: NODE.gap + index * (NODE.height + NODE.gap), endpoints: `${counts.available} of ${counts.all}${open ? ' · circuit open' : ''}` };
    });
    mark(this.#svg, 'viewBox', `0 0 ${WIDTH} ${height}`);
    mark(this.#svg, 'aria-label', `${model.head?.service ?? 'This process'} calls ${shown.map(([name]) => name).join(', ') || 'nobody yet'}`);
    const top = (height - HERE.height) / 2;
    mark(this.#here.root, 'transform', `translate(0 ${top})`);
    say(this.#here.name, short(model.head?.service ?? '', 18));
    say(this.#here.sub, `${format.rate(model.totals().rate)} calls/s`);
    this.#nodes.show(places.map((place) => [place.name, place]));
    this.#edges.show(places.map((place) => [place.name, { ...place, from: top + HERE.height / 2 }]));
    const others = model.services.size - shown.length;
    this.#more.hidden = others === 0;
    say(this.#more, `The ${shown.length} that are called most; ${others} more are in the table.`);
  }

  #node(name: string, select: (service: string) => void): NodeView {
    const [title, facts, more] = [drawn('text', { x: '18', y: '19' }), drawn('text', { x: '18', y: '36', class: 'sub' }), drawn('text', { x: String(NODE.width - 12), y: '19', class: 'sub', 'text-anchor': 'end' })];
    const box = { height: String(NODE.height), rx: '9' };
    const root = drawn('g', { class: 'node other' }, drawn('rect', { ...box, width: String(NODE.width) }), drawn('rect', { x: '6', y: '9', width: '4', height: String(NODE.height - 18), rx: '2', class: 'edge-mark' }), title, facts, more);
    root.addEventListener('click', () => select(name));
    return { root, name: title, facts, more };
  }

  #showNode({ root, name, facts, more }: NodeView, place: Place): void {
    const { rate, success, p99 } = place.service.facts;
    mark(root, 'transform', `translate(${WIDTH - NODE.width - 1} ${place.y})`);
    mark(root, 'data-tone', place.tone);
    mark(root, 'class', place.name === this.#selected ? 'node other selected' : 'node other');
    say(name, short(place.name, 26));
    say(facts, `${format.rate(rate)}/s · ${format.share(success)} · p99 ${format.milliseconds(p99)}`);
    say(more, place.endpoints);
  }
}

function edge(): EdgeView {
  const [line, flow] = [drawn('path', { class: 'edge' }), drawn('path', { class: 'flow' })];
  return { root: drawn('g', {}, line, flow), line, flow };
}

function showEdge({ line, flow }: EdgeView, { service, y, from, tone }: Place & { readonly from: number }): void {
  const [x1, x2, y2] = [HERE.width, WIDTH - NODE.width - 1, y + NODE.height / 2];
  const bend = (x2 - x1) / 2;
  const path = `M${x1} ${from}C${x1 + bend} ${from} ${x2 - bend} ${y2} ${x2} ${y2}`;
  const { rate } = service.facts;
  mark(line, 'd', path);
  mark(flow, 'd', path);
  mark(line, 'data-tone', rate === 0 ? 'idle' : tone);
  mark(line, 'stroke-width', (1.2 + 1.7 * Math.log10(1 + rate)).toFixed(1));
  mark(flow, 'class', rate === 0 ? 'flow' : rate > 50 ? 'flow on fast' : 'flow on');
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

