// Command lines. The server reads and writes them, with the command line's own code.

/** Whether the text is a command line: it names a program, or starts with a long flag. */
export function isCommand(text: string): boolean {
  const word = text.split(/\s+/).find((word) => word !== '' && word !== '$' && word !== 'sudo') ?? ''
  return word.startsWith('--') || ['tidegate', 'hubble'].includes(word.slice(word.lastIndexOf('/') + 1))
}
