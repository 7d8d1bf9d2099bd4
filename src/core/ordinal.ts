/**
 * Ordinal: the number that a StatefulSet gives each of its pods, as its name says it: `reviews-3`. It stays when the pod is replaced
 * and gets another address, and the numbers of a set are 0, 1, 2 … without gaps.
 *
 * Nobody says of a name that it is of a StatefulSet, so what else ends in a number must not be taken for one:
 *   `reviews-7d9c6b5f4-24568`  a pod of a Deployment: five characters by chance, in one of 500 names all digits
 *   `ip-10-0-0-1`, `10-0-0-1`  a node, or an endpoint without a name, named for its address
 */

/** Four digits at most: no StatefulSet is larger, and a Deployment's suffix is five characters. Kubernetes writes no leading zeros. */
const numbered = /^((?=[-a-z0-9]*[a-z])[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)-(0|[1-9]\d{0,3})$/;
const address = /(?:^|-)\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}$/;

/** The number of a pod, and the name of the set it is of; undefined where the name has none. Of a DNS name, its first label counts. */
export function ordinalOf(name: string): { readonly set: string; readonly index: number } | undefined {
  const label = name.toLowerCase().split('.', 1)[0]!;
  const match = address.test(label) ? null : numbered.exec(label);
  return match === null ? undefined : { set: match[1]!, index: Number(match[2]) };
}
