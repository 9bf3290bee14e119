// How fast a long step goes and how long it will take, from what it says of itself now and then.

/** Rates are of the last while: a disk slows down when its cache is full. */
const WINDOW_MS = 10_000
/** Sooner nothing is known. */
const LEAST_MS = 1_000

export interface Pace {
  /** Bytes a second. */
  readonly rateBytes: number
  /** Until the end at that pace. */
  readonly leftMs: number
}

export class Meter {
  readonly #samples: { readonly at: number; readonly done: number }[] = []

  /** `now` in milliseconds; undefined while it is too early to say, or where nothing moves. */
  take(now: number, doneBytes: number, totalBytes: number): Pace | undefined {
    const samples = this.#samples
    // What begins again is another step.
    if (samples.length > 0 && doneBytes < samples.at(-1)!.done) samples.length = 0
    samples.push({ at: now, done: doneBytes })
    while (samples.length > 2 && now - samples[1]!.at >= WINDOW_MS) samples.shift()
    const first = samples[0]!
    const elapsed = now - first.at
    const moved = doneBytes - first.done
    if (elapsed < LEAST_MS || moved <= 0) return undefined
    const rateBytes = (moved * 1000) / elapsed
    return { rateBytes, leftMs: (Math.max(totalBytes - doneBytes, 0) * 1000) / rateBytes }
  }
}
