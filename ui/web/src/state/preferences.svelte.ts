// What a reader likes, kept in the browser: theme, row height, facets, single-letter keys.

export type Theme = 'dark' | 'light'

/** Also read by the line in index.html that sets the theme before the first paint. */
const THEME = 'tidegate-theme'

export class Preferences {
  /** null: as the system says. */
  #theme = $state<Theme | null>(readTheme())
  #system = $state<Theme>('dark')
  #dense = $state(load('tidegate-rows') !== 'comfortable')
  #facets = $state(load('tidegate-facets') !== 'closed')
  #keys = $state(load('tidegate-keys') !== 'off')

  constructor() {
    const light = matchMedia('(prefers-color-scheme: light)')
    const take = () => (this.#system = light.matches ? 'light' : 'dark')
    take()
    light.addEventListener('change', take)
  }

  get theme(): Theme {
    return this.#theme ?? this.#system
  }

  /** Choosing what the system says anyway goes back to following it. */
  set theme(theme: Theme) {
    this.#theme = theme === this.#system ? null : theme
    save(THEME, this.#theme)
    const root = document.documentElement
    if (this.#theme) root.dataset.theme = this.#theme
    else delete root.dataset.theme
  }

  /** Rows of 28 pixels instead of 36. */
  get dense(): boolean {
    return this.#dense
  }

  set dense(dense: boolean) {
    this.#dense = dense
    save('tidegate-rows', dense ? null : 'comfortable')
  }

  get facets(): boolean {
    return this.#facets
  }

  set facets(open: boolean) {
    this.#facets = open
    save('tidegate-facets', open ? null : 'closed')
  }

  /** Whether single letters are shortcuts (WCAG 2.1.4: they can be switched off). */
  get keys(): boolean {
    return this.#keys
  }

  set keys(on: boolean) {
    this.#keys = on
    save('tidegate-keys', on ? null : 'off')
  }
}

function readTheme(): Theme | null {
  const theme = load(THEME)
  return theme === 'dark' || theme === 'light' ? theme : null
}

/** Storage may be forbidden; then preferences last as long as the page. */
function load(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function save(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // Forbidden: see above.
  }
}
