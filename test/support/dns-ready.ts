/**
 * Whether a nameserver on this port of 127.0.0.1 serves the zone by now; false after 50 ms of silence.
 */
import { createSocket } from 'node:dgram';
import { encode } from 'dns-packet';

export async function servesZone(port: number, origin: string, type: 'SOA' | 'A' = 'SOA'): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), 50);
      const settle = (answered: boolean): void => {
        clearTimeout(timer);
        if (answered) resolve(true);
        else setTimeout(() => resolve(false), 10);
      };
      socket.on('error', () => settle(false));
      // NOERROR with an answer: the zone is loaded.
      socket.on('message', (reply) => settle((reply.readUInt16BE(2) & 0xf) === 0 && reply.readUInt16BE(6) > 0));
      socket.connect(port, '127.0.0.1', () => socket.send(encode({ type: 'query', id: 1, questions: [{ name: origin, type }] })));
    });
  } finally {
    socket.close();
  }
}
