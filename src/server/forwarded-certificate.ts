/**
 * Envoy's `x-forwarded-client-cert`:
 *
 *     By=spiffe://td/ns/a/sa/proxy;Hash=468e…;Subject="CN=a, O=\"x;y\"";URI=spiffe://td/ns/b/sa/caller,By=…
 *
 * Elements by commas, each proxy adding its own at the end; in one, keys and values by semicolons, a value in quotes where it has any of `,;="`.
 * One URI makes an identity; of none, or of two, there is none.
 */

/** As long a header as anybody reads; it is made by a proxy out of what a stranger has sent. */
const LONGEST = 16 * 1024;

/** The URI of the last element; undefined where it has not exactly one. */
export function lastForwardedUri(header: string): string | undefined {
  if (header === '' || header.length > LONGEST) return undefined;
  const element = parted(header, ',')?.at(-1);
  if (element === undefined) return undefined;
  const uris = parted(element, ';')?.map((pair) => /^\s*URI=(.*)$/is.exec(pair)?.[1]?.trim()).filter((uri) => uri !== undefined && uri !== '') ?? [];
  return uris.length === 1 ? unquoted(uris[0]!) : undefined;
}

/** At the separators that are not in quotes; undefined where a quote is left open. */
function parted(text: string, separator: ',' | ';'): string[] | undefined {
  const parts: string[] = [];
  let [from, quoted] = [0, false];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return quoted ? undefined : parts;
}

function unquoted(value: string): string {
  return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}
