// The command that shows the same flows: `tidegate observe --to-fqdn '*.example' --since 1h -f`.
// Commands are read by the server, whose reader is the command line's own.

import { ON, type Filter } from './filter.ts'
import { keyNamed } from './keys.ts'

export interface Search {
  readonly terms: readonly Filter[]
  readonly since?: string | null
  readonly until?: string | null
  readonly follow?: boolean
}

export function command({ terms, since, until, follow }: Search): string {
  const words = ['tidegate', 'observe']
  for (const { key, value, not } of terms) {
    if (not) words.push('--not')
    if (keyNamed(key)?.form === 'switch' && value === ON) words.push(`--${key}`)
    else words.push(option(key, value))
  }
  if (since) words.push(option('since', since))
  if (until) words.push(option('until', until))
  if (follow) words.push('-f')
  return words.join(' ')
}

/** Whether the text is a command line: it names a program, or starts with a long flag. */
export function isCommand(text: string): boolean {
  const word = text.split(/\s+/).find((word) => word !== '' && word !== '$' && word !== 'sudo') ?? ''
  return word.startsWith('--') || ['tidegate', 'hubble'].includes(word.slice(word.lastIndexOf('/') + 1))
}

/** A flag with its value, joined when the value looks like a flag. */
function option(name: string, value: string): string {
  return value.startsWith('-') ? quote(`--${name}=${value}`) : `--${name} ${quote(value)}`
}

/** In single quotes when a shell would change it without. */
function quote(word: string): string {
  return /^[A-Za-z0-9\-_./:,=@%+]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
