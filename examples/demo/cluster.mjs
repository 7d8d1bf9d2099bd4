/**
 * The cluster: one name server, and for each of the two sides the same replicas, each a process with an address of its
 * own. Whatever is done to a replica is done to its twin at the same instant.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export const sides = ['inmesh', 'plain'];

const NAME_SERVER = '127.0.0.1';
const namespaces = { inmesh: 'default', plain: 'plain' };
const networks = { inmesh: { reviews: '127.0.81', ratings: '127.0.82' }, plain: { reviews: '127.0.91', ratings: '127.0.92' } };
const atFirst = ['ratings-1', 'ratings-2', 'reviews-1', 'reviews-2', 'reviews-3'];

export class Cluster {
  #processes;
  #port;
  #noticeAfter;
  #grace;
  #dns;
  #inDns = new Set();
  /** `inmesh reviews-4` → Child that waits to become that replica */
  #prepared = new Map();
  /** `inmesh reviews-1` → Child */
  #replicas = new Map();
  #onMessage;

  /**
   * @param {import('./processes.mjs').Processes} processes
   * @param {{ port: number, noticeAfter: number, grace: number, onMessage: (side: string, name: string, message: any) => void }} options
   *   `noticeAfter`: ms until a dead replica leaves DNS; `grace`: ms for which a removed one still serves
   */
  constructor(processes, { port, noticeAfter, grace, onMessage }) {
    this.#processes = processes;
    this.#port = port;
    this.#noticeAfter = noticeAfter;
    this.#grace = grace;
    this.#onMessage = onMessage;
  }

  /**
   * Everything up, ratings before the reviews that call them, and then the two clients.
   * @param {string[]} later replicas that will be added while the load runs
   */
  async start(later) {
    await this.startDns();
    await this.add(atFirst.filter((name) => name.startsWith('ratings')));
    await this.add(atFirst.filter((name) => name.startsWith('reviews')));
    await Promise.all(later.flatMap((name) => sides.map((side) => this.#prepareReplica(side, name))));
    const pages = await Promise.all(
      sides.map((side) => this.#processes.start(`productpage (${side})`, './productpage.mjs', this.#outbound(side), this.#listener(side, 'productpage'))),
    );
    return pages;
  }

  async startDns() {
    const services = this.#services();
    this.#dns = await this.#processes.start('dns', './dns-server.mjs', { host: NAME_SERVER, port: this.#port + 1, services });
    this.#publish();
  }

  stopDns() {
    this.#dns.kill();
    this.#dns = undefined;
  }

  /** New replicas: in DNS as soon as they are ready. */
  async add(names) {
    await Promise.all(names.flatMap((name) => sides.map((side) => this.#startReplica(side, name))));
    for (const name of names) this.#inDns.add(name);
    this.#publish();
  }

  /** kill -9; DNS knows a moment later. */
  async kill(name) {
    this.#each(name, (child) => child.kill());
    await sleep(this.#noticeAfter);
    this.#inDns.delete(name);
    this.#publish();
  }

  /** As Kubernetes ends a pod: out of DNS and told to stop, at once; it serves on for a while, then it is gone. */
  remove(name) {
    this.#inDns.delete(name);
    this.#publish();
    this.#each(name, (child) => {
      child.mayEnd();
      child.tell({ type: 'drain', grace: this.#grace });
    });
  }

  /** @param {{ slowness?: number, status?: number }} fault all left out: well again */
  fault(name, { slowness = 1, status = 200 }) {
    this.#each(name, (child) => child.tell({ type: 'fault', slowness, status }));
  }

  /** `127.0.81.2:19080` → `reviews-2`. */
  nameOf(endpoint) {
    for (const side of sides) {
      for (const [role, network] of Object.entries(networks[side])) {
        if (endpoint.startsWith(`${network}.`)) return `${role}-${endpoint.slice(network.length + 1).split(':')[0]}`;
      }
    }
    return endpoint;
  }

  async #startReplica(side, name) {
    const key = `${side} ${name}`;
    if (!this.#prepared.has(key)) await this.#prepareReplica(side, name);
    const child = this.#prepared.get(key);
    this.#prepared.delete(key);
    child.tell({ type: 'start', ...this.#replicaOrder(side, name) });
    await child.ready;
    this.#replicas.set(key, child);
  }

  async #prepareReplica(side, name) {
    const order = this.#replicaOrder(side, name);
    const child = await this.#processes.prepare(`${name} (${side})`, './service.mjs', order, this.#listener(side, name));
    this.#prepared.set(`${side} ${name}`, child);
  }

  #replicaOrder(side, name) {
    return { role: roleOf(name), name, host: address(side, name), ...this.#outbound(side) };
  }

  #outbound(side) {
    return { side, port: this.#port, nameserver: `${NAME_SERVER}:${this.#port + 1}` };
  }

  #listener(side, name) {
    return (message) => this.#onMessage(side, name, message);
  }

  #each(name, act) {
    for (const side of sides) act(this.#replicas.get(`${side} ${name}`));
  }

  #publish() {
    this.#dns?.tell({ type: 'services', services: this.#services() });
  }

  #services() {
    return sides.flatMap((side) =>
      Object.keys(networks[side]).map((role) => ({
        name: role,
        namespace: namespaces[side],
        port: this.#port,
        addresses: [...this.#inDns].filter((name) => name.startsWith(`${role}-`)).map((name) => address(side, name)),
      })),
    );
  }
}

function address(side, name) {
  return `${networks[side][roleOf(name)]}.${name.split('-')[1]}`;
}

function roleOf(name) {
  return name.split('-')[0];
}
