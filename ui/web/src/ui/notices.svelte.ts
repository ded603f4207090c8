// One short notice at a time, said aloud too: that something was copied, that something failed.

export interface Notice {
  readonly text: string
  readonly action?: { readonly label: string; readonly run: () => void }
}

const SHOWN = 6000

class Notices {
  now = $state.raw<Notice | null>(null)
  #timer: ReturnType<typeof setTimeout> | undefined

  show(text: string, action?: Notice['action']): void {
    clearTimeout(this.#timer)
    this.now = action ? { text, action } : { text }
    this.#timer = setTimeout(() => (this.now = null), SHOWN)
  }

  dismiss(): void {
    clearTimeout(this.#timer)
    this.now = null
  }
}

export const notices = new Notices()
