/**
 * A name server for one small cluster, UDP and TCP on one port: a process that is told over IPC what there is.
 *
 *     { type: 'start', host, port, services }   listens, then says { type: 'ready', port }; port 0 picks a free one
 *     { type: 'services', services }            what there is from now on, all of it, then says { type: 'updated' }
 *
 * It forgets nothing slowly: killed, it is gone; started again, it has to be told again, as CoreDNS by the API server.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { answer } from './dns-answers.mjs';
import { obey, tell } from './child.mjs';

const TCP_IDLE = 10_000;

let services = [];
let serial = 0;

obey({
  async start({ host, port, services: known }) {
    update(known);
    const tcp = createServer(overTcp).listen(port, host);
    await once(tcp, 'listening');
    const bound = tcp.address().port;
    const udp = createSocket('udp4');
    udp.on('message', (query, from) => {
      const reply = answer(query, services, { overTcp: false, serial });
      if (reply !== undefined) udp.send(reply, from.port, from.address, () => {});
    });
    udp.bind(bound, host);
    await once(udp, 'listening');
    tell({ type: 'ready', port: bound });
  },
  services({ services: known }) {
    update(known);
    tell({ type: 'updated' });
  },
});

function update(known) {
  services = known;
  serial = Math.max(serial + 1, Math.floor(Date.now() / 1000));
}

/** Messages behind their length in two bytes (RFC 1035 §4.2.2), any number per connection. */
function overTcp(socket) {
  let received = Buffer.alloc(0);
  socket.setTimeout(TCP_IDLE, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const reply = answer(received.subarray(2, end), services, { overTcp: true, serial });
      received = received.subarray(end);
      if (reply === undefined) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      socket.write(Buffer.concat([length, reply]));
    }
  });
}
