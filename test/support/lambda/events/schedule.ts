import { ACCOUNT } from "../api/address.ts";

/** What an EventBridge rule with a schedule sends (EventBridge guide, "Scheduled Event"). */
export function scheduledEvent(rule: string, id: string, region: string, now: Date): object {
  return {
    version: "0",
    id,
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: ACCOUNT,
    time: now.toISOString().replace(/\.\d+Z$/, "Z"),
    region,
    resources: [`arn:aws:events:${region}:${ACCOUNT}:rule/${rule}`],
    detail: {},
  };
}
