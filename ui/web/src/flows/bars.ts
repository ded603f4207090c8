// A stacked histogram as outlines, one per outcome.

import type { Bucket, Outcome } from '../api/types.ts'
import { OUTCOMES, total } from '../state/buckets.ts'

/** Pixels that even one flow among thousands is drawn with: a drop is never invisible. */
const LEAST = 1.5

/** Path data by outcome for bars in a box of these pixels. */
export function outlines(buckets: readonly Bucket[], width: number, height: number): Record<Outcome, string> {
  const paths: Record<Outcome, string> = { forwarded: '', translated: '', audit: '', error: '', dropped: '' }
  const most = Math.max(1, ...buckets.map(total))
  buckets.forEach((bucket, at) => {
    const left = Math.round((at * width) / buckets.length)
    const right = Math.round(((at + 1) * width) / buckets.length)
    const wide = Math.max(1, right - left - (right - left > 3 ? 1 : 0))
    let foot = height
    for (const outcome of OUTCOMES) {
      const count = bucket[outcome]
      if (count === 0) continue
      const tall = Math.min(foot, Math.max(LEAST, (count / most) * (height - 3)))
      paths[outcome] += `M${left} ${foot.toFixed(1)}v${(-tall).toFixed(1)}h${wide}v${tall.toFixed(1)}z`
      foot -= tall
    }
  })
  return paths
}

export interface Placed<T> {
  readonly item: T
  readonly x: number
  readonly width: number
  /** Where its label begins; null: there is no room for it. */
  readonly label: number | null
}

/** Puts a label to the right of each mark, or to its left, where it meets neither the edge nor another label. */
export function placeLabels<T>(
  marks: readonly { item: T; x: number; width: number; text: string }[],
  width: number,
): Placed<T>[] {
  const PER_CHAR = 6
  let taken = 0
  return marks
    .toSorted((a, b) => a.x - b.x)
    .map(({ item, x, width: wide, text }) => {
      const length = text.length * PER_CHAR
      const right = x + wide + 6
      const left = x - 6 - length
      const label = right >= taken && right + length <= width ? right : left >= taken ? left : null
      if (label !== null) taken = Math.max(label + length, x + wide) + 8
      return { item, x, width: wide, label }
    })
}
