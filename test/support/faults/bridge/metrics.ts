/** The samples of a `/metrics` page. */
export class Samples {
  readonly #lines: readonly string[];

  private constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  static async read(telemetryUrl: string): Promise<Samples> {
    const page = await (await fetch(`${telemetryUrl}/metrics`)).text();
    return new Samples(page.split("\n").filter((line) => !line.startsWith("#")));
  }

  /** The sum over every series of `choria_bridge_<name>` that has these labels; 0 when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return this.#lines
      .filter((line) => line.startsWith(`choria_bridge_${name}{`) || line.startsWith(`choria_bridge_${name} `))
      .filter((line) => wanted.every((pair) => line.includes(pair)))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  /** The values of one label of `choria_bridge_<name>`, with their sums. */
  by(name: string, label: string): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const line of this.#lines) {
      if (!line.startsWith(`choria_bridge_${name}{`)) continue;
      const value = new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1];
      if (value !== undefined) sums[value] = (sums[value] ?? 0) + Number(line.slice(line.lastIndexOf(" ") + 1));
    }
    return sums;
  }
}
