/** Text made fit for a header value, which is one line: at most `most` characters, controls become spaces. */
export function headerText(text: string, most: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header value must not hold
  return text.slice(0, most).replace(/[\u0000-\u001f\u007f]+/g, " ");
}
