/**
 * The name of the form that `/snapshot.json` has. Fields may be added to it; a form in which one means something else has another name.
 */
export const SNAPSHOT_FORMAT = 'inmesh/snapshot@1';
