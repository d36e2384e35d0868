/** `npm run test:faults -- --long`: many more faults over many more messages, for hours when nobody waits. */
export const LONG = process.env.FAULTS === "long";
