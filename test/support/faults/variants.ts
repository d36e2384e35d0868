/** A way to configure the job that the same fault is tried on. */
export interface Variant {
  /** Ends the test's name. */
  readonly name: string;
  readonly ordered: boolean;
  /** Subject template of the work queue. */
  readonly subject: string;
  /** Settings of the job. */
  readonly job: Readonly<Record<string, unknown>>;
}

export const UNORDERED: Variant = { name: "in any order", ordered: false, subject: "in.{sender}", job: {} };

const ORDERED: Variant = {
  name: "in order per key",
  ordered: true,
  subject: "in.{partition:4}.{sender}",
  // The owner of a partition that fell silent is succeeded within the test's time.
  job: { order: { lease: "3s" } },
};

export const VARIANTS: readonly Variant[] = [UNORDERED, ORDERED];
