// Looks at the page: pictures of its states in both themes and several widths, with axe and the
// console's errors. Usage: node dev/look.mjs URL FOLDER [name…]; needs chromium.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const [url = 'http://localhost:5173/', folder = '.', ...names] = process.argv.slice(2)
const now = new Date(process.env.TIDEGATE_NOW ?? Date.now())
const axe = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

const wide = { width: 1440, height: 900 }
const sizes = { wide, floor: { width: 1280, height: 800 }, narrow: { width: 900, height: 800 }, phone: { width: 390, height: 844 } }

/** Answers a path with JSON instead of asking the server. */
const answer = (path, status, body) => (page) =>
  page.route((asked) => asked.pathname.endsWith(path), (route) => route.fulfill({ status, contentType: 'application/json', body: JSON.stringify(body) }))
const never = (path) => (page) => page.route((asked) => asked.pathname.endsWith(path), () => {})
const patched = (path, patch) => (page) =>
  page.route((asked) => asked.pathname.endsWith(path), async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: patch(await response.json()) })
  })

const openRow = (nth) => async (page) => {
  await page.locator('[data-index]').nth(nth).click()
  await page.waitForTimeout(400)
}
const openDropped = async (page) => {
  const dropped = page.locator('[data-index]', { hasText: 'Dropped' })
  await ((await dropped.count()) > 0 ? dropped : page.locator('[data-index]')).first().click()
  await page.waitForTimeout(400)
}
const brush = async (page) => {
  const box = await page.locator('.plane').boundingBox()
  await page.mouse.move(box.x + box.width * 0.64, box.y + 30)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.77, box.y + 40, { steps: 6 })
  await page.mouse.up()
  await page.waitForTimeout(500)
}
const type = (text) => async (page) => {
  await page.locator('#query').click()
  await page.keyboard.type(text, { delay: 15 })
  await page.waitForTimeout(500)
}
const press = (role, name) => async (page) => {
  await page.getByRole(role, { name }).first().click()
  await page.waitForTimeout(300)
}
const nothing = { cluster: '', version: '0.3.0', relay: { connected: true, message: null, address: 'localhost:4245' }, nodes: [{ name: 'worker-01', state: 'connected', message: null, version: '0.3.0', flowsPerSecond: 0, recordedUntil: null }, { name: 'worker-02', state: 'unavailable', message: 'connection refused at 172.19.0.12:4244', version: '', flowsPerSecond: null, recordedUntil: null }], store: null, storeMessage: 'the relay has no store: start it with store: sqlite:///var/lib/tidegate/flows' }

/** What to look at: where, in which state, after which deeds. */
const shots = [
  { name: 'flows' },
  { name: 'filtered', path: 'flows?from-namespace=payments' },
  { name: 'brush', do: [brush] },
  { name: 'brush-drawer', do: [brush, openDropped] },
  { name: 'drawer', do: [openRow(2)] },
  { name: 'suggest-keys', do: [type('to-')] },
  { name: 'suggest-values', path: 'flows?outcome=dropped', do: [type('to-fqdn:par')] },
  { name: 'suggest-bare', do: [type('192.0.2.30')] },
  { name: 'problem', do: [type('to-fqnd:x'), (page) => page.keyboard.press('Escape'), (page) => page.keyboard.press('Enter')] },
  { name: 'many-filters', path: 'flows?from-namespace=payments&from-namespace=search&outcome=!forwarded&to-fqdn=*.cardpay.example&to-fqdn=*.partner-bank.example&to-port=!53&snat-ip=203.0.113.0/24' },
  { name: 'drops', path: 'flows?outcome=dropped' },
  { name: 'range', do: [press('button', /Last 1 hour/)] },
  { name: 'zone', do: [press('button', /Time zone/)] },
  { name: 'columns', do: [press('button', /Columns/)] },
  { name: 'export', do: [press('button', /Export/)] },
  { name: 'cluster', do: [press('button', /prod-eu-1/)] },
  { name: 'keys', do: [(page) => page.keyboard.press('?')] },
  { name: 'link', do: [press('button', /Copy link/)] },
  { name: 'following', path: 'flows?follow=true', clock: false, do: [(page) => page.waitForTimeout(3000)] },
  { name: 'fresh', path: 'flows?follow=true', clock: false, do: [(page) => page.waitForTimeout(1500), (page) => page.locator('[role=grid]').hover(), (page) => page.mouse.wheel(0, 600), (page) => page.waitForTimeout(2500)] },
  { name: 'first-load', before: [never('/api/v1/flows')], settle: 150 },
  { name: 'slow', before: [never('/api/v1/flows'), never('/facets')], settle: 2500 },
  { name: 'no-match', path: 'flows?from-namespace=payments&outcome=audit&to-fqdn=*.crm.example' },
  { name: 'nothing-stored', before: [answer('/status', 200, nothing), patched('/api/v1/flows', (page) => ({ ...page, flows: [], next: null })), patched('/histogram', (answer) => ({ ...answer, buckets: answer.buckets.map(() => ({ forwarded: 0, translated: 0, dropped: 0, audit: 0, error: 0 })), lost: [] })), patched('/facets', (answer) => ({ ...answer, facets: [] }))] },
  { name: 'beyond', path: 'flows?since=2026-10-01T00:00:00Z&until=2026-10-02T00:00:00Z' },
  { name: 'partly-stored', path: 'flows?since=3d' },
  { name: 'quiet', path: 'flows?follow=true&from-namespace=nowhere', clock: false, do: [(page) => page.waitForTimeout(2500)] },
  { name: 'cut', path: 'flows?follow=true', clock: false, before: [(page) => page.route(/stream/, (route) => route.abort())], do: [(page) => page.waitForTimeout(2500)], errors: true },
  { name: 'error', before: [answer('/api/v1/flows', 503, { error: 'the relay did not answer within 10 s', hint: 'try a narrower range or fewer filters', requestId: '01JDDQ3M5T' })], errors: true },
  { name: 'bad-filter', path: 'flows?form-namespace=payments', errors: true },
  { name: 'comfortable', before: [(page) => page.addInitScript(() => localStorage.setItem('tidegate-rows', 'comfortable'))] },
  { name: 'local', path: 'flows?tz=Asia/Kolkata&since=24h' },
  { name: 'hostile', before: [patched('/api/v1/flows', (page) => ({ ...page, flows: page.flows.map((flow) => ({ ...flow, destination: { ...flow.destination, pod: '', workload: null, names: [{ name: '<img src=x onerror=alert(1)>\u202egnp.exe'.padEnd(90, 'x'), source: 'dns', confidence: 'low' }] } })) }))] },
]

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
let faults = 0
const chosen = shots.filter((shot) => names.length === 0 || names.includes(shot.name))
const themes = (process.env.THEMES ?? 'dark,light').split(',')
const widths = (process.env.SIZES ?? 'wide').split(',')
for (const shot of chosen) for (const theme of themes) for (const size of widths) await look(shot, theme, size)
await browser.close()
console.log(`${faults} faults`)
process.exit(faults === 0 ? 0 : 1)

async function look(shot, theme, size) {
  const context = await browser.newContext({ viewport: sizes[size], colorScheme: theme, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] })
  const page = await context.newPage()
  const name = `${shot.name}-${size}-${theme}`
  const complain = (text) => {
    faults++
    console.log(`${name}: ${text}`)
  }
  page.on('console', (message) => message.type() === 'error' && !shot.errors && complain(message.text()))
  page.on('pageerror', (error) => complain(error.stack ?? error.message))
  if (shot.clock !== false && process.env.TIDEGATE_NOW) await page.clock.setFixedTime(now)
  for (const deed of shot.before ?? []) await deed(page)
  await page.goto(new URL(shot.path ?? 'flows', url).href)
  await page.waitForTimeout(shot.settle ?? 700)
  for (const deed of shot.do ?? []) await deed(page)
  await page.screenshot({ path: join(folder, `${name}.png`) })
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  for (const { id, help, nodes } of violations) complain(`axe ${id}: ${help}\n    ${nodes.slice(0, 4).map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ''}`).join('\n    ')}`)
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (wider > 0) complain(`is ${wider} pixels wider than the screen`)
  await context.close()
}
