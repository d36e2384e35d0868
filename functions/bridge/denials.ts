import { grantFor } from "../../shared/choria/broker-grants.ts";
import { keptConnection } from "../../shared/config/names.ts";
import { quarantineSpec, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Denial } from "../../shared/jetstream/connect.ts";
import { ACKS } from "../../shared/jetstream/connection-health.ts";
import { subjectCovers } from "../../shared/subjects/overlap.ts";

/** What the configuration has to say of a subject that a server refuses. */
export class Denials {
  readonly #config: Config;
  readonly #published: readonly { readonly connection: string; readonly filter: string }[];

  constructor(config: Config) {
    this.#config = config;
    this.#published = publishedOf(config);
  }

  /** The refused subject as it is configured: a stream is refused once, not once for each sender in its subjects. */
  asConfigured(connection: string, { operation, subject }: Denial): Denial {
    if (operation === "subscription") return { operation, subject };
    const filters = [
      ...this.#published.filter((each) => each.connection === connection).map(({ filter }) => filter),
      ACKS,
    ];
    return { operation, subject: filters.find((filter) => subjectCovers(filter, subject)) ?? subject };
  }

  /** One line with what mends it. */
  text(connection: string, denial: Denial): string {
    const what = denial.operation === "publish" ? "publish to" : "subscribe to";
    const hasChoriaToken = this.#config.connections[connection]?.choria !== undefined;
    const hint = hasChoriaToken ? grantFor(denial) : "allow it in the server's permissions";
    return `may not ${what} "${denial.subject}"; ${hint}`;
  }
}

function publishedOf(config: Config): readonly { readonly connection: string; readonly filter: string }[] {
  const streams = Object.entries(config.streams).flatMap(([name, { connection }]) =>
    streamSpec(config, name).subjects.map((filter) => ({ connection, filter })),
  );
  const quarantine = keptConnection(config, "quarantine");
  if (quarantine === null) return streams;
  return [...streams, ...quarantineSpec(config).subjects.map((filter) => ({ connection: quarantine, filter }))];
}
