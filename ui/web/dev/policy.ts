// The content security policy of the real server.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Scripts of our own and the one line in index.html that sets the theme. */
export function contentPolicy(): string {
  const page = readFileSync(new URL('../index.html', import.meta.url), 'utf8')
  const line = /<script>(.*?)<\/script>/s.exec(page)?.[1] ?? ''
  const hash = createHash('sha256').update(line).digest('base64')
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
