/**
 * What a process does when it is told to go (Kubernetes sends SIGTERM): drains, does what else is to be done, and then goes in the way of the signal, so
 * that whoever started it sees why it ended. A second signal is not waited with.
 */
export function onSignals(signals: readonly NodeJS.Signals[], leave: () => Promise<unknown>): () => void {
  const forget = (): void => {
    for (const signal of signals) process.removeListener(signal, told);
  };
  const told = (signal: NodeJS.Signals): void => {
    // From here on the next one does what it does where nobody listens.
    forget();
    const go = (): void => void process.kill(process.pid, signal);
    leave().then(go, (error: unknown) => {
      process.emitWarning(`leaving on ${signal}: ${error instanceof Error ? error.message : String(error)}`, 'InmeshWarning');
      go();
    });
  };
  for (const signal of signals) process.on(signal, told);
  return forget;
}
