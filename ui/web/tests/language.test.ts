// The filter language against the vectors that the Rust side is held to as well.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BarError, parse, print } from '../src/query/bar.ts'
import { isCommand } from '../src/query/command.ts'
import { firstConflict } from '../src/query/conflicts.ts'
import type { Filter } from '../src/query/filter.ts'
import { KEYS, keyNamed, nearestKey } from '../src/query/keys.ts'
import { read, START, write } from '../src/state/url.ts'

interface Term {
  key: string
  value: string
  not?: boolean
}
interface Search {
  terms: Term[]
  since?: string
  until?: string
  follow?: boolean
}
interface Fault {
  kind: string
  nearest?: string
}
interface Vectors {
  keys: { name: string; value: string | null }[]
  cases: { name: string; search: Search; bar: string; command: string; url: string; error?: Fault }[]
  bars: { bar: string; terms?: Term[]; error?: Fault }[]
  commands: { command: string }[]
  urls: { url: string; search?: Search; error?: Fault & { key: string } }[]
}

const top = new URL('../../../../', import.meta.url)
const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, top), 'utf8'))
const vectors = json('tests/vectors/filter-language.json') as Vectors

const filters = (terms: readonly Term[]): Filter[] => terms.map(({ key, value, not = false }) => ({ key, value, not }))

test('every key of the language is known, with or without value, and no other', () => {
  const known = KEYS.map((key) => `${key.name} ${key.form === 'switch'}`)
  assert.deepEqual(known.toSorted(), vectors.keys.map((key) => `${key.name} ${key.value === null}`).toSorted())
})

test('every filter parameter of the interface is a known key', () => {
  const { paths } = json('ui/openapi.json') as { paths: Record<string, { get: { parameters: { name: string }[] } }> }
  const own = ['since', 'until', 'order', 'cursor', 'limit']
  const names = paths['/api/v1/flows']?.get.parameters.map((one) => one.name).filter((name) => !own.includes(name)) ?? []
  assert.ok(names.length > 40)
  assert.deepEqual(names.filter((name) => !keyNamed(name)), [])
})

for (const { name, search, bar, command: line, url, error } of vectors.cases) {
  test(`written forms: ${name}`, () => {
    const terms = filters(search.terms)
    assert.equal(print(terms), bar)
    assert.deepEqual(parse(bar), terms)
    assert.ok(isCommand(line) && !isCommand(bar))
    const ofTerms = url.split('&').filter((pair) => !/^(since|until|follow)=/.test(pair)).join('&')
    assert.equal(write({ ...START, filters: terms }).slice(1), ofTerms)
    const view = read(`?${url}`)
    assert.deepEqual(view.filters, terms)
    assert.equal(view.follow, search.follow ?? false)
    if (search.since) assert.deepEqual(view.range, { since: search.since, until: search.until ?? null })
    // What is in an exclusion is read by the server alone.
    const whole = terms.every((term) => term.key !== 'exclude')
    assert.equal(firstConflict(terms) !== null, whole && error?.kind === 'excluded')
  })
}

test('any filters are read from the bar and the url as they were written there', () => {
  const pieces = ['a', '/', ':', '!', '\\', '"', ' ', '\u00a0', '*', '&', '=', '%', '+', "'", 'é', 'to-port:53', '!verdict:DROPPED']
  let seed = 7
  const below = (bound: number) => (seed = (seed * 48271) % 2147483647) % bound
  const text = () => Array.from({ length: below(5) }, () => pieces[below(pieces.length)]).join('')
  const any = (): Filter => {
    const key = KEYS[below(KEYS.length)]
    assert.ok(key)
    return { key: key.name, value: key.form === 'switch' ? 'true' : text(), not: below(2) === 0 }
  }
  for (let run = 0; run < 2000; run++) {
    const written = Array.from({ length: below(5) }, any)
    assert.deepEqual(parse(print(written)), written)
    assert.deepEqual(read(write({ ...START, filters: written })).filters, written)
    const group: Filter = { key: 'exclude', value: print(written), not: false }
    assert.deepEqual(parse(print([group])), [group])
    assert.deepEqual(parse(parse(print([group]))[0]?.value ?? ''), written)
  }
})

for (const { bar, terms, error } of vectors.bars) {
  test(`bar: ${JSON.stringify(bar)}`, () => {
    if (terms) return assert.deepEqual(parse(bar), filters(terms))
    assert.throws(
      () => parse(bar),
      (thrown) => thrown instanceof BarError && thrown.kind === error?.kind && thrown.nearest === (error.nearest ?? null),
    )
  })
}

test('every command of the vectors is told from filters', () => {
  for (const { command } of vectors.commands) assert.ok(isCommand(command), command)
})

for (const { url, search, error } of vectors.urls) {
  test(`url: ${url}`, () => {
    const view = read(`?${url}`)
    if (search) assert.deepEqual(view.filters, filters(search.terms))
    // What is wrong stays, so that the reader sees it and the server says why.
    else assert.equal(view.filters[0]?.key, error?.key)
    if (error?.nearest) assert.equal(nearestKey(error.key), error.nearest)
  })
}
