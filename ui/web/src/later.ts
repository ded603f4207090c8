// Parts of the page that the first paint does not need. They are fetched once it is done, so that
// they are there when the server is not.

export const later = {
  Drawer: () => import('./flows/Drawer.svelte'),
  ColumnChooser: () => import('./flows/ColumnChooser.svelte'),
  RangePanel: () => import('./frame/RangePanel.svelte'),
  ZonePanel: () => import('./frame/ZonePanel.svelte'),
  Shortcuts: () => import('./frame/Shortcuts.svelte'),
}

const QUIET = 1500

export function fetchAhead(): void {
  setTimeout(() => Object.values(later).forEach((part) => void part().catch(() => undefined)), QUIET)
}
