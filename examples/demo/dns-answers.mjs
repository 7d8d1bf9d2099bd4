/**
 * What CoreDNS would answer, as a function of the cluster: headless services as DNS names them (kubernetes/dns
 * specification 1.1.0), with the details of CoreDNS' `kubernetes` plugin that clients notice:
 *
 *     _http._tcp.reviews.default.svc.cluster.local  SRV  0 ⌊100/N⌋ port 127-0-81-1.reviews.default.svc.cluster.local, with glue
 *     reviews.default.svc.cluster.local             A    one per endpoint, in another order each time
 *     127-0-81-1.reviews.default.svc.cluster.local  A    one endpoint
 *
 * TTL 5 · a service without endpoints is NXDOMAIN, exactly as one that never was · NXDOMAIN and NODATA bring the SOA · what
 * does not fit is cut off at the end (glue first) and TC is set.
 */
import dnsPacket from 'dns-packet';

/**
 * @typedef {{ name: string, namespace: string, port: number, addresses: string[] }} HeadlessService its one port is named `http`
 * @typedef {{ type: string, name: string, ttl?: number, data?: any }} Record
 */

const DOMAIN = 'cluster.local';
const TTL = 5;
const OUR_UDP_SIZE = 1232;
const LARGEST_TCP = 65535;
const SMALLEST_UDP = 512;
const rcode = { NOERROR: 0, FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };

/**
 * @param {Buffer} query one message
 * @param {readonly HeadlessService[]} services
 * @param {{ overTcp: boolean, serial: number }} how
 * @returns {Buffer | undefined} nothing where there is nobody to answer
 */
export function answer(query, services, { overTcp, serial }) {
  const id = query.length >= 12 ? query.readUInt16BE(0) : undefined;
  const isResponse = id === undefined || (query.readUInt16BE(2) & 0x8000) !== 0;
  if (isResponse) return undefined;
  let asked;
  try {
    asked = dnsPacket.decode(query);
  } catch {
    return dnsPacket.encode({ type: 'response', id, flags: rcode.FORMERR });
  }
  const edns = asked.additionals?.find((record) => record.type === 'OPT');
  const limit = overTcp ? LARGEST_TCP : Math.max(SMALLEST_UDP, edns?.udpPayloadSize ?? 0);
  const reply = (code, answers = [], authorities = [], glue = []) =>
    fit({ id, asked, edns, code, answers, authorities, glue }, limit);

  if (asked.opcode !== 'QUERY') return reply(rcode.NOTIMP);
  const question = asked.questions?.[0];
  if (asked.questions?.length !== 1 || question === undefined) return reply(rcode.FORMERR);
  const name = question.name.toLowerCase();
  if (name !== DOMAIN && !name.endsWith(`.${DOMAIN}`)) return reply(rcode.REFUSED);

  const records = recordsOf(name, services);
  if (records === undefined) return reply(rcode.NXDOMAIN, [], [soa(serial)]);
  const answers = records.answers.filter((record) => record.type === question.type).map((record) => ({ ...record, name: question.name }));
  if (answers.length === 0) return reply(rcode.NOERROR, [], [soa(serial)]);
  return reply(rcode.NOERROR, answers, [], records.glue);
}

/** @returns {{ answers: Record[], glue: Record[] } | undefined} undefined where the name does not exist */
function recordsOf(name, services) {
  if (name === DOMAIN) return { answers: [], glue: [] };
  for (const { name: service, namespace, port, addresses } of services) {
    if (addresses.length === 0) continue;
    const suffix = `${service}.${namespace}.svc.${DOMAIN}`;
    const a = addresses.map((address) => ({ type: 'A', name: `${dashed(address)}.${suffix}`, ttl: TTL, data: address }));
    if (name === suffix) return { answers: shuffled(a), glue: [] };
    if (name === `_http._tcp.${suffix}`) {
      const weight = Math.max(1, Math.floor(100 / addresses.length));
      const srv = a.map(({ name: target }) => ({ type: 'SRV', name, ttl: TTL, data: { priority: 0, weight, port, target } }));
      return { answers: srv, glue: shuffled(a) };
    }
    const one = a.find((record) => record.name === name);
    if (one !== undefined) return { answers: [one], glue: [] };
  }
  return undefined;
}

/** The whole message, or as much as fits: what is lost is lost from the end, so glue goes before answers. */
function fit({ id, asked, edns, code, answers, authorities, glue }, limit) {
  const opt = edns === undefined ? [] : [{ type: 'OPT', name: '.', udpPayloadSize: OUR_UDP_SIZE, flags: 0, options: [] }];
  const recursionDesired = asked.flag_rd ? dnsPacket.RECURSION_DESIRED : 0;
  const encode = (kept, truncated) =>
    dnsPacket.encode({
      type: 'response',
      id,
      flags: dnsPacket.AUTHORITATIVE_ANSWER | recursionDesired | (truncated ? dnsPacket.TRUNCATED_RESPONSE : 0) | code,
      questions: asked.questions,
      answers: answers.slice(0, kept),
      authorities,
      additionals: [...glue.slice(0, Math.max(0, kept - answers.length)), ...opt],
    });

  const all = answers.length + glue.length;
  const whole = encode(all, false);
  if (whole.length <= limit) return whole;
  let [fits, tooMany] = [0, all];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (encode(middle, true).length <= limit) fits = middle;
    else tooMany = middle;
  }
  return encode(fits, true);
}

function soa(serial) {
  const data = { mname: `ns.dns.${DOMAIN}`, rname: `hostmaster.${DOMAIN}`, serial, refresh: 7200, retry: 1800, expire: 86400, minimum: TTL };
  return { type: 'SOA', name: DOMAIN, ttl: TTL, data };
}

function dashed(address) {
  return address.replaceAll('.', '-');
}

function shuffled(records) {
  const copy = [...records];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
