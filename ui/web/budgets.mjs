// Fails when what a reader has to fetch is larger than it may be, or a bundled font has no licence.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const dist = new URL('dist/', import.meta.url)
const read = (path) => readFileSync(new URL(path, dist))
const page = read('index.html').toString()
const assets = readdirSync(new URL('assets/', dist)).map((name) => `assets/${name}`)
const first = assets.filter((path) => page.includes(path))

const gzipped = (paths) => paths.reduce((sum, path) => sum + gzipSync(read(path), { level: 9 }).length, 0)
const plain = (paths) => paths.reduce((sum, path) => sum + read(path).length, 0)
const ending = (paths, end) => paths.filter((path) => path.endsWith(end))
const later = ending(assets, '.js').filter((path) => !first.includes(path))

/** What, how large it is, and how large it may be, in bytes. */
const sizes = [
  ['first-load JS, gz', gzipped(ending(first, '.js')), 60_000],
  ['CSS, gz', gzipped(ending(assets, '.css')), 15_000],
  ['fonts', plain(ending(assets, '.woff2')), 100_000],
  ...later.map((path) => [path.replace(/^assets\/|-[\w-]{8}\.js$/g, ''), gzipped([path]), 20_000]),
]
const faults = sizes.filter(([, size, most]) => size > most).map(([what]) => `${what} is too large`)

for (const font of ending(assets, '.woff2')) {
  const family = /assets\/(.+?)-latin/.exec(font)?.[1]
  if (!existsSync(new URL(`licenses/${family}.txt`, dist))) faults.push(`${font} has no licence in public/licenses`)
}
if (first.length < 3) faults.push('index.html names no scripts: what was measured?')

for (const [what, size, most] of sizes) console.log(`${what.padEnd(20)} ${(size / 1000).toFixed(1).padStart(6)} of ${most / 1000} kB`)
for (const fault of faults) console.error(fault)
process.exit(faults.length === 0 ? 0 : 1)
