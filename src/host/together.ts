// Looks in another account's name that are asked for at the same time are made under one change of identity: that costs as
// much as a hundred of them.
import { actingAs } from './acting.ts'
import type { Account } from './host.ts'

/** So long one turn may last, in milliseconds: a network's file system may take that for a few files. */
export const TURN_MS = 50

interface Look {
  readonly make: () => void
  readonly refuse: (error: unknown) => void
}

/** By account. */
const waiting = new Map<string, { readonly as: Account | undefined; readonly looks: Look[] }>()

/**
 * Runs `look`, which must be synchronous, in the name of `as` (else in our own), together with all others that are asked for before the event
 * loop turns.
 *
 * @throws what `look` throws; HostError where we may not act as that account
 */
export function togetherAs<T>(as: Account | undefined, look: () => T): Promise<T> {
  const key = as === undefined ? '' : `${as.uid}:${as.gid}:${as.name}`
  let group = waiting.get(key)
  if (group === undefined) {
    waiting.set(key, group = { as, looks: [] })
    setImmediate(turn, key)
  }
  const { looks } = group
  return new Promise<T>((resolve, refuse) => {
    const make = () => {
      try {
        resolve(look())
      } catch (error) {
        refuse(error)
      }
    }
    looks.push({ make, refuse })
  })
}

function turn(key: string): void {
  const { as, looks } = waiting.get(key)!
  let made = 0
  try {
    actingAs(as, () => {
      const until = performance.now() + TURN_MS
      do looks[made++]!.make()
      while (made < looks.length && performance.now() < until)
    })
  } catch (error) {
    while (made < looks.length) looks[made++]!.refuse(error)
  }
  looks.splice(0, made)
  if (looks.length > 0) setImmediate(turn, key)
  else waiting.delete(key)
}
