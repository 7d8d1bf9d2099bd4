/** How long one import takes, in a process that has done nothing else. */
const [, , name] = process.argv;
const begun = performance.now();
await import(name);
process.send({ milliseconds: performance.now() - begun });
process.disconnect();
