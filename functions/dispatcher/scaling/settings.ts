/** What scaling is held to; times in milliseconds. */
export interface ScaleSettings {
  readonly maxInvocations: number;
  readonly minIntervalMs: number;
  readonly rampUpMs: number;
  readonly coolDownMs: number;
  readonly maxCoolDownMs: number;
  readonly targetAgeMs: number;
}

/** The pause after `times` pauses in a row, milliseconds. */
export function doubled({ coolDownMs, maxCoolDownMs }: ScaleSettings, times: number): number {
  return Math.min(maxCoolDownMs, coolDownMs * 2 ** times);
}
