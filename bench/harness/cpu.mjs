/** What the kernel says of processors: whose time was spent, and how much of it was somebody else's. Linux; elsewhere nothing is known. */
import { readFileSync } from 'node:fs';

/** Of the clock in /proc: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK = 10_000;

/** Microseconds of CPU that a process has used, with all its threads. */
export function cpuOf(pid) {
  // The name, in parentheses, may have spaces.
  const [, rest] = /\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** Microseconds of all processors together: those that were used, by whomever, and those that the hypervisor gave to other machines. */
function machine() {
  const [, user, nice, system, , , irq, softirq, steal] = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))[0].split(/ +/).map(Number);
  return { used: (user + nice + system + irq + softirq) * TICK, stolen: steal * TICK };
}

/**
 * Watches for foreign load: `since()` gives the number of processors that others have kept busy since it was called last. `own`: processes
 * of ours, by pid.
 */
export function foreignLoad(own) {
  const look = () => {
    try {
      const ours = own().reduce((sum, pid) => sum + cpuOf(pid), 0);
      return { ours, ...machine(), at: performance.now() };
    } catch {
      return undefined;
    }
  };
  let last = look();
  return {
    since() {
      const [before, now] = [last, look()];
      last = now;
      if (before === undefined || now === undefined) return 0;
      const others = now.used - before.used - (now.ours - before.ours) + (now.stolen - before.stolen);
      return Math.max(0, others / 1000 / (now.at - before.at));
    },
  };
}
