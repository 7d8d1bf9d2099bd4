/**
 * How long it takes, in a process that has done nothing else, to import a package (`undici`, `inmesh`), or to import inmesh and make a client of a
 * policy (`file`: its path; `none`: the built-in defaults).
 */
const [, , what, file] = process.argv;
const ignore = () => {};
const logger = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
const begun = performance.now();
if (what === 'undici') await import('undici');
else {
  const { createMeshClient } = await import('inmesh');
  if (what !== 'inmesh') createMeshClient({ ...(what === 'file' && { policy: file }), logger, watch: false });
}
process.send({ milliseconds: performance.now() - begun });
process.disconnect();
