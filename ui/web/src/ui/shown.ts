// Names come from the network. Characters that are not seen, or that turn the text around them,
// are shown by number, so that a name cannot pass for another.

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const EACH_UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

export function shown(text: string): string {
  if (!UNSEEN.test(text)) return text
  return text.replace(EACH_UNSEEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}
