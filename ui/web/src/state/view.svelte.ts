// The view in the address bar, as state.

import { isStep, read, write, type View } from './url.ts'

export class ViewState {
  #view = $state.raw<View>(read(location.search))

  constructor() {
    addEventListener('popstate', () => (this.#view = read(location.search)))
    history.replaceState(null, '', path(this.#view))
  }

  get now(): View {
    return this.#view
  }

  /** Filters and range make a step in the history; brush, columns and the rest change the present one. */
  set(change: Partial<View>): void {
    const next = { ...this.#view, ...change }
    const step = isStep(this.#view, next)
    this.#view = next
    if (step) history.pushState(null, '', path(next))
    else history.replaceState(null, '', path(next))
  }

  /** The address of a view, for copying. */
  link(change: Partial<View>): string {
    return new URL(path({ ...this.#view, ...change }), document.baseURI).href
  }
}

/** Relative, so that it works below any path. */
function path(view: View): string {
  return `flows${write(view)}`
}
