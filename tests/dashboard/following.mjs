// Somebody follows a name while the parts behind the page are killed one after the other. What the
// collectors remember is the measure: every flow of it stands in the table, once.

import assert from 'node:assert/strict'
import { eventually, play, world } from './page.mjs'

const NAME = 'ifconfig.me'

// High enough for all rows to be in sight.
await play('following', { width: 1440, height: 3000 }, async (reader) => {
  const { page, foot } = reader
  await world('fetch', { pod: 'client' })
  await reader.open(`flows?to-fqdn=${NAME}&cols=time,outcome,source,destination,uuid`)
  await page.evaluate(() => (globalThis.unbroken = true))
  const follow = page.getByRole('button', { name: /^Follow/ })
  await page.keyboard.press('l')
  await page.getByRole('button', { name: /^Following/ }).waitFor()
  assert.equal(await follow.getAttribute('aria-pressed'), 'true')
  await showsAll(reader, 1)

  await world('fetch', { pod: 'client' })
  await showsAll(reader, 2)

  await reader.without('relay', async () => {
    await foot.getByText('relay not connected').waitFor()
    await world('fetch', { pod: 'client' })
    await world('fetch', { pod: 'client' })
    await world('start relay')
    await foot.getByText('relay connected').waitFor()
    await showsAll(reader, 4)
  })
  await world('fetch', { pod: 'client' })
  await showsAll(reader, 5)

  await reader.without('dashboard', async () => {
    await foot.getByText(/Reconnecting, attempt \d/).waitFor()
    await world('fetch', { pod: 'client' })
    await world('start dashboard')
    await foot.getByText(/Reconnecting/).waitFor({ state: 'detached' })
    await showsAll(reader, 6)
  })
  await world('fetch', { pod: 'client' })
  await showsAll(reader, 7)
  assert.ok(await page.evaluate(() => globalThis.unbroken), 'it was never loaded again')
})

/** Waits until the table has exactly what the collectors have, of at least that many connections. */
async function showsAll(reader, connections) {
  let [truth, shown, ports] = [[], [], new Set()]
  await eventually(
    async () => {
      const flows = await world('observed', { flags: `--to-fqdn ${NAME}` })
      ports = new Set(flows.map((flow) => flow.l4.TCP.source_port))
      truth = flows.map((flow) => flow.uuid).sort()
      shown = (await reader.column('UUID')).sort()
      return String(shown) === String(truth) && ports.size >= connections
    },
    () => ({ connections, opened: ports.size, missing: truth.filter((uuid) => !shown.includes(uuid)), more: shown.filter((uuid) => !truth.includes(uuid)) }),
  )
  assert.equal(ports.size, connections)
  assert.equal(new Set(shown).size, shown.length, 'no row twice')
}
