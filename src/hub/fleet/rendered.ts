/** A document as of one revision: what is compared, and what is sent. */
export interface Rendered {
  /** Of the snapshot that it was made from, where that is not the present one. */
  readonly revision?: number
  readonly digest: string
  /** JSON. */
  readonly text: string
}

/** Renders one document for any node, and tells whose has become stale. */
export interface DocumentIndex {
  /** From the objects as they are now; the same value while nothing changed. undefined: there is nothing for this node yet. */
  render(node: string): Rendered | undefined
  close(): void
}
