// Somebody without a mouse reads a lively cluster's flows, in one theme and in the other.

import assert from 'node:assert/strict'
import { eventually, picturePath, play } from './page.mjs'

await play('reading', { width: 1440, height: 900 }, async (reader) => {
  const { page, grid, drawer, rows } = reader
  const active = () => grid.evaluate((grid) => document.getElementById(grid.getAttribute('aria-activedescendant') ?? '')?.dataset.index ?? null)
  const selected = () => new URL(page.url()).searchParams.get('sel')

  await reader.open('flows?since=5m')
  await rows.nth(15).waitFor()

  // A filter, taken from the suggestions.
  await page.keyboard.press('/')
  await page.keyboard.type('outcome:tr', { delay: 15 })
  await page.getByRole('option', { name: /translated/ }).waitFor()
  await page.keyboard.press('Enter')
  await eventually(async () => page.url().includes('outcome=translated') && (await reader.column('Verdict')).every((word) => word === 'Translated'), () => reader.column('Verdict'))
  await reader.isAccessible()

  // The first stop of a new page leads past everything to the table, which has keys of its own.
  await page.reload()
  await rows.nth(15).waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the flows')
  await page.keyboard.press('Enter')
  assert.ok(await grid.evaluate((grid) => grid === document.activeElement), 'the table has the focus')
  await page.keyboard.press('Home')
  assert.equal(await active(), '0')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowUp')
  assert.equal(await active(), '1')
  await page.keyboard.press('Enter')
  await drawer.getByRole('list', { name: 'Path' }).waitFor()
  const first = selected()
  assert.ok(first)
  // The drawer goes along, and leaves with Escape; the place in the table stays.
  await page.keyboard.press('j')
  await eventually(() => selected() !== first, selected)
  assert.equal(await active(), '2')
  await drawer.getByRole('list', { name: 'Path' }).waitFor()

  for (const theme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: theme })
    await reader.isAccessible()
    await page.screenshot({ path: picturePath(`drawer-${theme}`) })
  }
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  assert.equal(selected(), null)
  assert.equal(await active(), '2')

  // Everything else of the frame, in both themes.
  await reader.open('flows?since=5m')
  await rows.nth(15).waitFor()
  for (const theme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: theme })
    await reader.isAccessible()
    await page.screenshot({ path: picturePath(`flows-${theme}`) })
  }
  await page.keyboard.press('?')
  await page.getByRole('dialog').waitFor()
  await reader.isAccessible()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})
