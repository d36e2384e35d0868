import { grantFor } from "../../../shared/choria/broker-grants.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { maySubscribe } from "../../../shared/jetstream/subscribe.ts";
import type { CommandConnections } from "../command-connections.ts";
import { examined, fail, type Line, ok, warn } from "./line.ts";

type IngestConfig = Config["ingest"][string];

/** Whether each ingest that subscribes may do so, and what it would receive is of a collective that is accepted. */
export async function examineIngests(
  config: Config,
  connections: CommandConnections,
  reachable: ReadonlySet<string>,
): Promise<readonly Line[]> {
  const lines = Object.entries(config.ingest).map(async ([name, ingest]) => {
    const about = `ingest ${name}`;
    const asked = ingest.from === "core" && reachable.has(ingest.connection);
    const subscription = asked
      ? await examined(about, async () => [await subscriptionLine(about, config, ingest, connections)])
      : [];
    return [...subscription, ...collectiveLines(about, config, ingest)];
  });
  return (await Promise.all(lines)).flat();
}

async function subscriptionLine(
  about: string,
  config: Config,
  { connection, subject }: IngestConfig,
  connections: CommandConnections,
): Promise<Line> {
  if (await maySubscribe(await connections.open(connection), subject))
    return ok(about, `may subscribe to "${subject}"`);
  const hasChoriaToken = config.connections[connection]?.choria !== undefined;
  const todo = hasChoriaToken
    ? grantFor({ operation: "subscription", subject })
    : "allow it in the server's permissions; on a Choria broker, plugin.choria.network.client_hosts takes it from certificates";
  return fail(about, `connection ${connection} may not subscribe to "${subject}"`, todo);
}

/** Subjects of the fleet begin with the collective: `<collective>.broadcast.agent.<agent>`. */
function collectiveLines(about: string, { trust }: Config, { subject }: IngestConfig): readonly Line[] {
  const collective = /^([^*>]+)\.(?:broadcast|reply|node)\./.exec(subject)?.[1];
  if (collective === undefined || trust.collectives.includes(collective)) return [];
  const text = `"${subject}" is of collective ${collective}, which trust.collectives does not name: all of it is refused`;
  return [warn(about, text, `add ${collective} to trust.collectives, or mend the subject`)];
}
