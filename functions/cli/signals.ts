const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Resolves at the first SIGTERM or SIGINT. A second one ends the process at once, as the shell would show it. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let received = false;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (received) process.exit(signal === "SIGINT" ? 130 : 143);
        received = true;
        resolve(signal);
      });
    }
  });
}
