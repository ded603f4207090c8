// The manual's pictures, of a cluster that has lived for some minutes.

import { picturePath, play } from './page.mjs'

await play('pictures', { width: 1440, height: 900 }, async (reader) => {
  const { page, rows, drawer } = reader
  await reader.open('flows?to-fqdn=*&since=5m')
  const dropped = rows.filter({ hasText: 'Dropped' }).first()
  await dropped.click()
  await drawer.getByRole('list', { name: 'Path' }).waitFor()
  await page.screenshot({ path: picturePath('flows-dark') })

  await page.emulateMedia({ colorScheme: 'light' })
  await reader.open('flows?from-namespace=payments&since=5m')
  await rows.nth(15).waitFor()
  await page.screenshot({ path: picturePath('flows-light') })
})
