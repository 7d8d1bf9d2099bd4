/**
 * HTTP dates (RFC 9110 §5.6.7): the one form that is written today, and the two that a recipient has to understand.
 *
 *     Sun, 06 Nov 1994 08:49:37 GMT       IMF-fixdate
 *     Sunday, 06-Nov-94 08:49:37 GMT      RFC 850, two digits of the year
 *     Sun Nov  6 08:49:37 1994            asctime
 *
 * `Date.parse` reads a great deal more ("6", "2026-01-01", other time zones), and rolls the 31st of February over into March.
 * From the network that is nonsense, and has to be told from a date.
 */
import type { Millis } from './clock.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const month = `(?<month>${MONTHS.join('|')})`;
const time = String.raw`(?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d):(?<second>[0-5]\d)`;
const FORMS = [
  new RegExp(String.raw`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) ${month} (?<year>\d{4}) ${time} GMT$`),
  new RegExp(String.raw`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-${month}-(?<shortYear>\d\d) ${time} GMT$`),
  new RegExp(String.raw`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (?<day>\d\d| \d) ${time} (?<year>\d{4})$`),
];

/** Longer than any date: what comes from outside is not searched through. */
const LONGEST = 40;

/** Milliseconds since the epoch; undefined for what is no HTTP date. `wall`, the time of day, tells the century of a two-digit year. */
export function parseHttpDate(text: string, wall: Millis): Millis | undefined {
  if (text.length > LONGEST) return undefined;
  for (const form of FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) return instant(parts, wall);
  }
  return undefined;
}

function instant(parts: Partial<Record<string, string>>, wall: Millis): Millis | undefined {
  const year = parts.year === undefined ? nearestYear(Number(parts.shortYear), wall) : Number(parts.year);
  const [day, monthIndex] = [Number(parts.day), MONTHS.indexOf(parts.month!)];
  const date = new Date(0);
  // Not Date.UTC, to which the year 50 is 1950.
  date.setUTCFullYear(year, monthIndex, day);
  if (date.getUTCMonth() !== monthIndex || date.getUTCDate() !== day) return undefined;
  return date.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second));
}

/** "More than 50 years in the future" is "the most recent year in the past that had the same last two digits". */
function nearestYear(lastTwo: number, wall: Millis): number {
  const present = new Date(wall).getUTCFullYear();
  const year = present - (present % 100) + lastTwo;
  return year > present + 50 ? year - 100 : year;
}
