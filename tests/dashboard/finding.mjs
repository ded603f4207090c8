// Somebody asks what a pod opened: by name, in detail, as a link, and at one moment.

import assert from 'node:assert/strict'
import { eventually, play, world } from './page.mjs'

const SYNS = 'flows?to-fqdn=ifconfig.me&from-pod=client&tcp-flags=SYN&outcome=translated'

await play('finding', { width: 1440, height: 900 }, async (reader) => {
  const { page, grid, rows, drawer } = reader
  const address = await world('fetch', { pod: 'client' })
  const syn = await eventually(
    async () => (await reader.asks(SYNS)).flows.at(-1),
    () => reader.asks('flows'),
  )
  assert.equal(syn.egress.ip, address, 'what the outside saw is what was stored')

  await reader.open('.')
  await page.getByRole('combobox', { name: 'Filter flows' }).click()
  await page.keyboard.type('to-fqdn:ifconfig.me', { delay: 15 })
  await page.keyboard.press('Enter')
  const token = page.getByRole('button', { name: 'Remove to-fqdn:ifconfig.me' })
  await token.waitFor()
  assert.equal(new URL(page.url()).search, '?to-fqdn=ifconfig.me')

  // Seen on two nodes; the one that translated it knows the address.
  const seen = rows.filter({ hasText: `${address}:${syn.egress.port}` }).filter({ hasText: 'SYN' })
  await seen.first().waitFor()
  const words = await seen.first().innerText()
  for (const word of ['Translated', 'default', 'client', 'ifconfig.me', '443/tcp', 'worker2']) assert.ok(words.includes(word), `${word}: ${words}`)
  await seen.first().click()

  const path = drawer.getByRole('list', { name: 'Path' })
  const shown = async () => (await path.getByRole('listitem').allInnerTexts()).map((step) => step.replace(/\s+/g, ' ').trim())
  await path.waitFor()
  const steps = await shown()
  assert.deepEqual(steps, [
    `pod default/client ${syn.source.ip}:${syn.source.port}`,
    'gateway worker2',
    `egress ${address}:${syn.egress.port} by-worker2`,
    `name ifconfig.me ${syn.destination.ip}:443`,
  ])
  const { search, searchParams } = new URL(page.url())
  const selected = searchParams.get('sel')
  const { flow } = await reader.asks(`flows/${selected}`)
  assert.equal(flow.egress.port, syn.egress.port)

  // The address is the state: the same page again, also for somebody else.
  await page.reload()
  await token.waitFor()
  await path.waitFor()
  assert.equal(new URL(page.url()).search, search)
  assert.deepEqual(await shown(), steps)
  const row = grid.locator('[aria-selected=true]')
  assert.match(await row.innerText(), new RegExp(`${address}:${syn.egress.port}`))
  await page.goBack()
  await token.waitFor({ state: 'detached' })
  await page.goForward()
  await token.waitFor()

  await brushing(reader, syn)
})

/** A window over the first of two connections leaves the second out. */
async function brushing(reader, first) {
  const { page } = reader
  await world('fetch', { pod: 'client' })
  const second = await eventually(
    async () => (await reader.asks(SYNS)).flows.find((flow) => flow.source.port !== first.source.port),
    () => reader.asks(SYNS),
  )
  const shows = (...uuids) => eventually(async () => String(await reader.column('UUID')) === String(uuids), () => reader.column('UUID'))
  const ms = (flow) => Date.parse(flow.time)
  const [start, end] = [ms(first) - 1000, ms(second) + 1000]
  const iso = (time) => new Date(time).toISOString()
  await reader.open(`${SYNS}&cols=time,source-port,uuid&since=${iso(start)}&until=${iso(end)}`)
  await shows(second.uuid, first.uuid)

  const box = await page.locator('.plane').boundingBox()
  const x = (time) => box.x + (box.width * (time - start)) / (end - start)
  await page.mouse.move(x(start) + 2, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(x((ms(first) + ms(second)) / 2), box.y + 30, { steps: 8 })
  await page.mouse.up()
  await shows(first.uuid)
  assert.match(new URL(page.url()).search, /[?&]window=/)

  // Its edges are sliders for the keyboard; a window over everything is none.
  await page.getByRole('slider', { name: 'End of the time window' }).focus()
  await page.keyboard.press('End')
  await shows(second.uuid, first.uuid)
  assert.ok(!page.url().includes('window='), page.url())
}
