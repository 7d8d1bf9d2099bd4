/**
 * Words and figures for people.
 */
const colour = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const paint = (code) => (text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
export const style = { bold: paint(1), dim: paint(2), red: paint(31), green: paint(32), yellow: paint(33), cyan: paint(36) };

export const titles = { inmesh: 'inmesh', plain: 'plain undici' };

/** Rounded down: 99.996 % is not all of them. */
export function percent(share, digits = 2) {
  return share === undefined ? '–' : `${(Math.floor(share * 100 * 10 ** digits) / 10 ** digits).toFixed(digits)} %`;
}

export function millis(value) {
  if (value === undefined) return '–';
  return value < 100 ? `${value.toFixed(1)} ms` : `${count(value)} ms`;
}

export function count(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

export function seconds(value) {
  return `${value.toFixed(1).padStart(5)} s`;
}

/** One line about an event of inmesh, or nothing where it is only counted. */
export function eventText(name, event, nameOf) {
  const endpoint = event.endpoint === undefined ? '' : nameOf(event.endpoint);
  switch (name) {
    case 'endpoint.ejected':
      return `ejects ${endpoint} for ${(event.duration / 1000).toFixed(1)} s (${
        event.reason === 'unreachable' ? 'no connection' : `it succeeds at ${percent(event.successRate, 0)}, the others at ${percent(event.fleetSuccessRate, 0)}`
      })`;
    case 'endpoint.returned':
      return `takes ${endpoint} back`;
    case 'endpoint.ejection.limited':
      return `would eject ${endpoint}, but too few would remain`;
    case 'endpoints.changed':
      return `now sees ${event.total} ${event.service}: ${[...event.added.map((key) => `+${nameOf(key)}`), ...event.removed.map((key) => `−${nameOf(key)}`)].join(' ')}`;
    case 'discovery.failed':
      return `has no answer from DNS and goes on with what it knows of ${event.service}`;
    case 'balancer.panic':
      return `${event.active ? 'has too few good' : 'has enough good'} ${event.service} (${event.ejected} of ${event.total} ejected)`;
    case 'circuit.opened':
      return `opens its circuit to ${event.service} (${percent(event.failureRate, 0)} of ${event.requests} failed)`;
    case 'circuit.half-opened':
      return `tries ${event.service} with one call at a time`;
    case 'circuit.closed':
      return `closes its circuit to ${event.service}`;
    default:
      return undefined;
  }
}
