// What lies over the page. Escape closes the nearest layer, and only that.

const layers: (() => void)[] = []

/** Adds a layer on top; returns what takes it away again without closing it. */
export function layer(close: () => void): () => void {
  layers.push(close)
  return () => {
    const at = layers.lastIndexOf(close)
    if (at >= 0) layers.splice(at, 1)
  }
}

/** Closes the nearest layer; false when there is none. */
export function closeNearest(): boolean {
  const close = layers.at(-1)
  close?.()
  return close !== undefined
}
