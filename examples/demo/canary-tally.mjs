/**
 * Who was answered by which version, and whether that is what the schedule says.
 *
 * Calls without a user take turns: of any calls in a row less than one is off. Users are placed by the hash of their names, so how many of
 * n are on v2 is off as n draws of a coin are: √(p (1 − p) / n) is the standard deviation of their share, and 0 % and 100 % are exact.
 */

/** Standard deviations: chance alone goes beyond once in some 16,000 times. */
const USERS_OFF = 4;
/** A share is judged by so many calls, at least. */
const ENOUGH = 20;
/** A call that begins this near to a step's end (ms) may be of the next one; it says nothing of either. */
const EDGE = 100;

/** @typedef {{ at: number, user: string | undefined, version: string | undefined, failed: boolean, problem: string | undefined }} Call `at`: ms since the epoch; `user` undefined: none named */

export class Tally {
  /** @type {Call[]} as they began */
  calls = [];

  /** Who was on v2 in `[from, until)`. */
  between(from, until) {
    const within = this.calls.filter(({ at, version }) => at >= from && at < until && version !== undefined);
    return {
      anonymous: share(within.filter(({ user }) => user === undefined)),
      users: share([...new Map(within.filter(isSticky).map((call) => [call.user, call])).values()]),
      jason: share(within.filter(isJason)),
    };
  }

  /** A step without what is next to its ends. */
  step({ from, until }) {
    return this.between(from + EDGE, until - EDGE);
  }

  /** The versions that answered each user until then, one after the other: `v1 v2` moved once. */
  paths(until = Infinity) {
    const paths = new Map();
    for (const call of this.calls) {
      if (!isSticky(call) || call.version === undefined || call.at > until) continue;
      const path = paths.get(call.user) ?? [];
      if (path.at(-1) !== call.version) path.push(call.version);
      paths.set(call.user, path);
    }
    return [...paths.values()].map((path) => path.join(' '));
  }
}

/** @typedef {{ ok: boolean, text: string }} Finding */

/** @returns {Finding[]} of a rollout in which nothing goes wrong */
export function rolloutFindings(tally, steps) {
  const shares = steps.map((step) => ({ expected: step.v2 / 100, ...tally.step(step) }));
  const enough = shares.every(({ anonymous, users }) => anonymous.total >= ENOUGH && users.total >= ENOUGH);
  const turnsOff = Math.max(...shares.map(({ expected, anonymous }) => Math.abs(anonymous.v2 - expected * anonymous.total)));
  const usersOff = Math.max(...shares.map(({ expected, users }) => deviations(users, expected)));
  const paths = tally.paths();
  const moved = paths.filter((path) => path === 'v1 v2').length;
  const astray = paths.filter((path) => path !== 'v1 v2' && path !== 'v2').length;
  const jason = share(tally.calls.filter(isJason));
  const strayed = tally.calls.filter((call) => isJason(call) && call.version === 'v1').length;
  const failed = tally.calls.filter((call) => call.failed);
  return [
    { ok: enough && turnsOff < 1, text: `calls without a user: off by ${turnsOff.toFixed(1)} calls at most (allowed at each step: less than 1)` },
    { ok: enough && usersOff <= USERS_OFF, text: `users: off by ${usersOff.toFixed(1)} standard deviations at most (allowed at each step: ${USERS_OFF})` },
    { ok: moved > 0 && astray === 0, text: `${moved} of ${paths.length} users seen moving from v1 to v2, ${astray} more than once, back or not at all` },
    { ok: jason.v2 > 0 && strayed === 0, text: `jason: ${jason.v2} calls on v2, ${strayed} on v1` },
    { ok: failed.length === 0, text: `${failed.length} of ${tally.calls.length} calls failed${failed.length === 0 ? '' : `, the first with ${failed[0].problem}`}` },
  ];
}

/**
 * @param {number} brokenAt when v2 began to fail
 * @param {{ at: number, step: number, successRate: number, requests: number } | undefined} rolledBack
 * @returns {Finding[]} of one in which v2 goes bad at its second step
 */
export function rollbackFindings(tally, brokenAt, rolledBack) {
  if (rolledBack === undefined) return [{ ok: false, text: 'v2 failed and was not rolled back' }];
  const others = tally.calls.filter((call) => !isJason(call));
  const after = others.filter(({ at }) => at > rolledBack.at);
  const good = after.filter(({ version, failed }) => version === 'v1' && !failed).length;
  const hurt = others.filter(({ at, failed }) => failed && at <= rolledBack.at).length;
  const back = tally.paths().filter((path) => path.endsWith('v2 v1')).length;
  const early = tally.paths(rolledBack.at).filter((path) => path.includes('v2 v1')).length;
  const jason = tally.calls.filter(isJason);
  const strayed = jason.filter(({ version }) => version === 'v1').length;
  const { step, requests } = rolledBack;
  return [
    { ok: step === 2 && rolledBack.at >= brokenAt, text: `v2 rolled back ${((rolledBack.at - brokenAt) / 1000).toFixed(1)} s after it began to fail, at step ${step}, when ${(100 * rolledBack.successRate).toFixed(0)} % of ${requests} attempts succeeded` },
    { ok: after.length >= ENOUGH && good === after.length, text: `after that, v1 answered ${good} of ${after.length} calls; before it, ${hurt} failed` },
    { ok: back > 0 && early === 0, text: `${back} users came back to v1, ${early} of them before the rollback` },
    { ok: jason.length > 0 && strayed === 0, text: `jason: ${strayed} of ${jason.length} calls on v1` },
  ];
}

function deviations({ total, v2 }, expected) {
  const off = Math.abs(v2 / total - expected);
  return off === 0 ? 0 : off / Math.sqrt((expected * (1 - expected)) / total);
}

function share(calls) {
  return { total: calls.length, v2: calls.filter(({ version }) => version === 'v2').length };
}

function isJason({ user }) {
  return user === 'jason';
}

/** Names a user that the schedule places; jason has a route of his own. */
function isSticky({ user }) {
  return user !== undefined && user !== 'jason';
}
