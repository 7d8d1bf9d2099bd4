/**
 * The child's end of the line to `processes.mjs`. A child does what it is told and never outlives its parent: when the
 * line breaks, for whatever reason, it ends.
 */

/** Ctrl-C goes to the whole group of processes; who ends when is the parent's decision. */
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.on('uncaughtException', (error) => giveUp(error));

export function tell(message) {
  if (process.connected) process.send(message, () => {});
}

/** Calls the handler named as the order's `type`; an order is a plain object. The first is `load`: read all code, do nothing yet. */
export function obey({ load = () => {}, ...others }) {
  const handlers = { ...others, load: async (order) => tell({ type: 'loaded', done: await load(order) }) };
  process.on('message', (order) => {
    Promise.resolve(handlers[order.type]?.(order)).catch(giveUp);
  });
}

function giveUp(error) {
  const line = explain(error);
  if (!process.connected) process.exit(1);
  process.send({ type: 'failed', message: line }, () => process.exit(1));
}

function explain(error) {
  const place = error.address === undefined ? '' : `${error.address}:${error.port}`;
  if (error.code === 'EADDRINUSE') return `${place} is taken by another process; choose another port with --port`;
  if (error.code === 'EADDRNOTAVAIL') return `this machine has no address ${error.address}: the demo needs Linux, where all of 127.0.0.0/8 is local`;
  if (error.code === 'EACCES') return `not allowed to listen on ${place}; choose a port above 1023 with --port`;
  if (error.code === 'ERR_MODULE_NOT_FOUND') return `${error.message.split(' imported from')[0]}; run npm ci and npm run build first (npm run demo builds by itself)`;
  return error.stack ?? String(error);
}
