// The manual's pictures, of a cluster that has lived for some minutes.

import { picturePath, play } from './page.mjs'

await play('pictures', { width: 1440, height: 900 }, async (reader) => {
  const { page, rows, drawer } = reader
  for (const theme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: theme })
    await reader.open('flows?since=5m')
    await rows.nth(15).waitFor()
    if (theme === 'dark') {
      await rows.filter({ hasText: 'Translated' }).filter({ hasText: 'SYN' }).nth(2).click()
      await drawer.getByRole('list', { name: 'Path' }).waitFor()
    }
    await page.screenshot({ path: picturePath(`flows-${theme}`) })
  }
})
