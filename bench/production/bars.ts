import type { Protocol } from "./scene.ts";

/** What is measured, and what it is held against. */
export interface Bar {
  readonly what: string;
  readonly bar: string;
  /** go-choria's adapter is measured beside it. */
  readonly isCompared: boolean;
}

export const CPU_OVER_FLOOR = { v1: 1.3, v2: 1.2 };
export const SUSTAINED = { v1: 6_500, v2: 5_000 };
export const LATENCY_MS = { p50: 1.5, p99: 10 };
export const CPU_MS = { v1: 0.5, v2: 0.65 };

/** The bars that are compared; a line of the table is known by what it says of itself. */
export const sustainedBar = (protocol: Protocol): Bar => ({
  what: `${protocol}: signed registrations, sustained`,
  bar: `at least ${SUSTAINED[protocol]}/s, each stored with a PubAck`,
  isCompared: true,
});

export const floodBar = (protocol: Protocol): Bar => ({
  what: `${protocol}: sent = received + known gap, at full speed`,
  bar: "always",
  isCompared: true,
});

export const floodOrderBar = (protocol: Protocol): Bar => ({
  what: `${protocol}: order per sender, at full speed`,
  bar: "kept",
  isCompared: true,
});

export const latencyBar = (protocol: Protocol): Bar => ({
  what: `${protocol}: latency at 1,000/s, p50 / p99`,
  bar: `at most ${LATENCY_MS.p50} / ${LATENCY_MS.p99} ms`,
  isCompared: true,
});

export const cpuBar = (protocol: Protocol): Bar => ({
  what: `${protocol}: CPU a message at 1,000/s`,
  bar: `at most ${CPU_MS[protocol]} ms`,
  isCompared: true,
});

export const outageBar = (protocol: Protocol, awayMs: number): Bar => ({
  what: `${protocol}: JetStream away for ${awayMs / 1_000} s at 500/s`,
  bar: "0 lost",
  isCompared: true,
});

export const outageOrderBar = (protocol: Protocol): Bar => ({
  what: `${protocol}: order per sender across that outage`,
  bar: "kept",
  isCompared: true,
});
