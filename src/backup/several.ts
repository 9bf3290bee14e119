/** Files that are worked on at the same time: what is asked of them in another account's name then shares one change of identity. */
const AT_A_TIME = 16

/**
 * Works on items in their order, several at a time. After the first failure no other is begun, and it is thrown when all that were begun have ended.
 */
export async function several<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  let failed = false
  const ends = await Promise.allSettled(Array.from({ length: AT_A_TIME }, async () => {
    for (let next = left.next(); next.done !== true && !failed; next = left.next()) {
      await work(next.value).catch((error: unknown) => {
        failed = true
        throw error
      })
    }
  }))
  const first = ends.find((end) => end.status === 'rejected')
  if (first !== undefined) throw first.reason
}
