const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** One Ctrl-C may come twice: from the terminal to the whole process group, and from npm, which passes its own on. */
const SAME_SIGNAL_MS = 500;

/** Resolves at the first SIGTERM or SIGINT. A later one ends the process at once, as the shell would show it. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | null = null;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        firstAt ??= performance.now();
        if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(signal === "SIGINT" ? 130 : 143);
        resolve(signal);
      });
    }
  });
}

/** SIGHUP as "read again". One that comes before anybody listens is kept; one after the end is ignored. */
export class HangUp {
  #isPending = false;
  #act: () => void = () => {
    this.#isPending = true;
  };

  constructor() {
    process.on("SIGHUP", () => this.#act());
  }

  listen(act: () => void): void {
    this.#act = act;
    if (this.#isPending) act();
  }

  ignore(): void {
    this.#act = () => {};
  }
}
