/**
 * What it takes, in a process that has done nothing else, to import a package (`undici`, `inmesh`), or to import inmesh and make a client of a
 * policy (`file`: its path; `none`: the built-in defaults). In CPU time: nothing is waited for, and a machine that others use as well takes longer.
 */
const [, , what, file] = process.argv;
const ignore = () => {};
const logger = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
const begun = process.cpuUsage();
if (what === 'undici') await import('undici');
else {
  const { createMeshClient } = await import('inmesh');
  if (what !== 'inmesh') createMeshClient({ ...(what === 'file' && { policy: file }), logger, watch: false });
}
const { user, system } = process.cpuUsage(begun);
process.send({ milliseconds: (user + system) / 1000 });
process.disconnect();
