import { columns, paint, symbolsOf, type Style } from '../report/style.ts'
import { duration } from '../report/words.ts'

/** The part of a stream that is drawn on. */
export interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Work that is under way. */
export interface Progress {
  /** What is being waited for now. */
  update(label: string): void
  /** Clears the line. May be called twice. */
  done(): void
}

const FRAMES = { fancy: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'], ascii: ['|', '/', '-', '\\'] }
const FRAME_MS = 100
/** What is over sooner is not worth a flicker. */
const SHOW_AFTER_MS = 300
/** Off a terminal, a line that stays; after that one now and then, so that a log shows life. */
const SAY_AFTER_MS = 1000
const SAY_AGAIN_MS = 30_000
const CLEAR = '\r\u001b[2K'

/**
 * The one line on stderr that says what is being waited for and for how long. On a terminal it moves and goes away; elsewhere a
 * plain line appears for what takes more than a second, and with `quiet` nothing does. Only the innermost work is shown.
 */
export class ProgressLine {
  readonly #output: Output
  readonly #style: Style
  readonly #quiet: boolean
  readonly #now: () => number
  readonly #works: { label: string; since: number; saidAt: number }[] = []
  #timer: ReturnType<typeof setInterval> | undefined
  #frame = 0
  #drawn = false

  constructor(output: Output, style: Style, options: { readonly quiet?: boolean; readonly now?: () => number } = {}) {
    this.#output = output
    this.#style = style
    this.#quiet = options.quiet ?? false
    this.#now = options.now ?? (() => performance.now())
  }

  /** Begins to wait for something. */
  start(label: string): Progress {
    if (this.#quiet) return { update: () => undefined, done: () => undefined }
    const work = { label, since: this.#now(), saidAt: -Infinity }
    this.#works.push(work)
    this.#timer ??= this.#run()
    return {
      update: (next) => {
        work.label = next
      },
      done: () => {
        const index = this.#works.indexOf(work)
        if (index < 0) return
        this.#works.splice(index, 1)
        this.clear()
        if (this.#works.length === 0) this.#halt()
      },
    }
  }

  /** Takes the line away, for something else to be printed; it is drawn again at the next turn. */
  clear(): void {
    if (!this.#drawn) return
    this.#output.write(CLEAR)
    this.#drawn = false
  }

  /** Ends everything that is still shown. */
  stop(): void {
    this.#works.length = 0
    this.clear()
    this.#halt()
  }

  #run(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => { this.#turn() }, FRAME_MS)
    // Must not keep the program alive.
    timer.unref()
    return timer
  }

  #halt(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #turn(): void {
    const work = this.#works.at(-1)
    if (work === undefined) return
    const waited = this.#now() - work.since
    if (this.#output.isTTY === true) {
      if (waited >= SHOW_AFTER_MS) this.#draw(work.label, waited)
      return
    }
    if (waited < SAY_AFTER_MS) return
    if (this.#now() - work.saidAt < SAY_AGAIN_MS) return
    this.#output.write(`${work.label} (${this.#seconds(waited)})\n`)
    work.saidAt = this.#now()
  }

  #draw(label: string, waited: number): void {
    const frames = this.#style.unicode ? FRAMES.fancy : FRAMES.ascii
    const frame = frames[this.#frame++ % frames.length]!
    const time = waited >= SAY_AFTER_MS ? ` ${this.#seconds(waited)}` : ''
    // The last column stays free: a full line would wrap, and could not be cleared.
    const text = shorten(label, this.#style.width - 3 - columns(time), symbolsOf(this.#style).ellipsis)
    const chalk = paint(this.#style)
    this.#output.write(`${CLEAR}${chalk.cyan(frame)} ${text}${chalk.dim(time)}`)
    this.#drawn = true
  }

  #seconds(ms: number): string {
    const whole = Math.floor(ms / 1000) * 1000
    return duration(whole, this.#style.locale).replace('.0', '')
  }
}

/** At most `width` columns of a text. */
function shorten(text: string, width: number, ellipsis: string): string {
  if (columns(text) <= width) return text
  let kept = ''
  let used = columns(ellipsis)
  for (const character of text) {
    used += columns(character)
    if (used > width) break
    kept += character
  }
  return kept + ellipsis
}
