/** Names of simulated nodes, and the pattern that lets them (and nobody else) register. */
export const NODE_PATTERN = "^node[0-9]{4,}\\.fleet\\.example$";

/** `node0001.fleet.example` for index 0. */
export function nodeIdentity(index: number): string {
  return `node${String(index + 1).padStart(4, "0")}.fleet.example`;
}
