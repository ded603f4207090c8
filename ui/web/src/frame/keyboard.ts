// The keyboard map. Single letters work unless the reader types, or has switched them off.

import { closeNearest } from '../ui/layers.ts'

/** What keys do, by the key's name. */
export type Actions = Readonly<Record<string, () => void>>

export function listen(actions: Actions, letters: () => boolean): () => void {
  const pressed = (event: KeyboardEvent) => {
    // Some keyboards have brackets behind AltGr, which counts as Ctrl and Alt.
    const commanded = (event.ctrlKey || event.altKey) && !event.getModifierState('AltGraph')
    if (event.defaultPrevented || event.metaKey || commanded) return
    if (event.key === 'Escape') {
      if (closeNearest()) event.preventDefault()
      else if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
      return
    }
    if (isTyping(event.target) || !letters()) return
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key]
    if (!action) return
    event.preventDefault()
    action()
  }
  addEventListener('keydown', pressed)
  return () => removeEventListener('keydown', pressed)
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}
