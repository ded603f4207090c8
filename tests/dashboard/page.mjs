// A browser before the dashboard: what every journey begins with, and what it may never see.
//
// Whatever the console says, an error in the page, and a request to anywhere else are faults. The
// exceptions are in `ABSENCE`, and hold only between the end of a part and its return.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const packages = createRequire(new URL('../../ui/web/package.json', import.meta.url))
const { chromium } = packages('playwright-core')

/** How long a condition may take on a machine that has much to do, in milliseconds. */
const PATIENCE = 60_000
/** Between two looks at a condition. */
const PACE = 100
/** A page that talks to nothing but its server, in a browser that does not either. */
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

/** What the console says of requests that a missing part leaves unanswered. */
const ABSENCE = {
  // The dashboard answers that it cannot ask.
  relay: /^Failed to load resource: the server responded with a status of 503 /,
  // Nobody answers, or the answer ends in the middle.
  dashboard: /^Failed to load resource: net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)$/,
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** Asks the test for something that happens outside the browser. */
export async function world(wish, more = {}) {
  process.stdout.write(`${JSON.stringify({ wish, ...more })}\n`)
  const { value, done } = await lines.next()
  if (done) throw new Error('the test is gone')
  return JSON.parse(value)
}

/** Looks until `look` returns something, and returns it; `says` describes what was seen instead. */
export async function eventually(look, says) {
  for (const end = Date.now() + PATIENCE; ; ) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > end) throw new Error(`what was waited for did not come: ${JSON.stringify(await says())}`)
    await new Promise((resolve) => setTimeout(resolve, PACE))
  }
}

/** Plays a journey and ends the process: with a picture of the page if it fails. */
export async function play(name, size, journey) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: PATIENCE })
  const context = await browser.newContext({ viewport: size, colorScheme: 'dark', reducedMotion: 'reduce' })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  const reader = new Reader(page)
  try {
    await journey(reader)
    reader.saw()
  } catch (error) {
    const picture = picturePath(`failed-${name}`)
    await page.screenshot({ path: picture }).catch(() => undefined)
    console.error(`${error.stack}\nat ${page.url()}, see ${picture}`)
    console.error(`the page complained:\n${reader.complaints.join('\n') || 'not at all'}`)
    process.exitCode = 1
  }
  await browser.close()
  process.stdin.destroy()
}

export function picturePath(name) {
  return join(process.env.DASHBOARD_PICTURES, `${name}.png`)
}

/** Who sits before the page. */
class Reader {
  complaints = []
  #absent = null

  constructor(page) {
    this.page = page
    this.base = process.env.DASHBOARD
    page.on('pageerror', (error) => this.complaints.push(`error in the page: ${error.stack ?? error}`))
    page.on('console', (message) => this.#heard(message))
    page.on('request', (request) => {
      if (!request.url().startsWith(this.base)) this.complaints.push(`asks for ${request.url()}`)
    })
  }

  #heard(message) {
    const { url } = message.location()
    const excused = this.#absent && message.type() === 'error' && ABSENCE[this.#absent].test(message.text())
    if (!['error', 'warning', 'assert'].includes(message.type()) || (excused && url.startsWith(`${this.base}api/v1/`))) return
    this.complaints.push(`console ${message.type()}: ${message.text()} ${url}`)
  }

  /** Between the end of a part, `relay` or `dashboard`, and the page's return to normal. */
  async without(part, journey) {
    this.#absent = part
    await world(`kill ${part}`)
    await journey()
    this.#absent = null
  }

  /** Fails if the page has complained. */
  saw() {
    assert.deepEqual(this.complaints, [])
  }

  /** Opens a view, such as `flows?since=5m`. */
  async open(view) {
    await this.page.goto(new URL(view, this.base).href)
    assert.doesNotMatch(await this.page.title(), /not built/, 'the program has no page: run ui/web/build.sh, then build it')
  }

  /** Asks the interface behind the page. */
  async asks(path) {
    const answer = await fetch(new URL(`api/v1/${path}`, this.base))
    assert.equal(answer.status, 200, path)
    return answer.json()
  }

  get grid() {
    return this.page.getByRole('grid', { name: 'Flows' })
  }

  get rows() {
    return this.grid.locator('[data-index]')
  }

  get drawer() {
    return this.page.getByRole('complementary', { name: 'Flow', exact: true })
  }

  get foot() {
    return this.page.locator('footer')
  }

  /** The texts of a column, from the first row in sight to the last. */
  async column(title) {
    const [titles, rows] = await this.grid.evaluate((grid) => [
      [...grid.querySelectorAll('[role=columnheader]')].map((cell) => cell.textContent.trim()),
      [...grid.querySelectorAll('[data-index]')]
        .sort((a, b) => a.dataset.index - b.dataset.index)
        .map((row) => [...row.querySelectorAll('[role=gridcell]')].map((cell) => cell.textContent.trim())),
    ])
    const at = titles.findIndex((one) => one === title || one.startsWith(`${title} `))
    assert.notEqual(at, -1, `no column ${title} among ${titles}`)
    return rows.map((row) => row[at])
  }

  /** Asks axe, which knows the accessibility guidelines. */
  async isAccessible() {
    await this.page.evaluate(await axe)
    const { violations, passes } = await this.page.evaluate(() => globalThis.axe.run())
    const found = violations.map(({ id, impact, help, nodes }) => `${impact} ${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 200))}`)
    assert.deepEqual(found, [])
    assert.ok(passes.length > 15, `axe looked at ${passes.length} rules only`)
  }
}

const axe = readFile(packages.resolve('axe-core/axe.min.js'), 'utf8')
