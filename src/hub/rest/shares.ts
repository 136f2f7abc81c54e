/** A bounded amount of something that all have together, and of which nobody may have all. */
export interface Shares {
  /**
   * False, and nothing taken, where that would be more than there is, or more than one may have. Who has nothing yet
   * may have one thing, however large, while there is room at all.
   */
  take(user: string, amount: number): boolean
  give(user: string, amount: number): void
  readonly taken: number
}

/** @example const watches = shares({ most: 2000, mostOfUser: 1000 }); if (!watches.take('eva', 1)) … */
export const shares = (of: { readonly most: number; readonly mostOfUser: number }): Shares => {
  let taken = 0
  const byUser = new Map<string, number>()
  return {
    get taken() {
      return taken
    },
    take(user, amount) {
      const own = byUser.get(user) ?? 0
      const isFirst = own === 0 && taken < of.most
      if (!isFirst && (taken + amount > of.most || own + amount > of.mostOfUser)) return false
      taken += amount
      byUser.set(user, own + amount)
      return true
    },
    give(user, amount) {
      const left = (byUser.get(user) ?? 0) - amount
      taken -= amount
      if (left > 0) byUser.set(user, left)
      else byUser.delete(user)
    },
  }
}
