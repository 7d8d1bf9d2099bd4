/** Collects all garbage now, so that what is left of the heap is what is kept. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
export const collect = runInNewContext('gc') as () => void;
