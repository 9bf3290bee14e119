// All names of an archive, one at a time, in little room: what recovery reads goes into sets of one bit a segment, and of
// what it does not read a few examples and the number are kept.
// https://www.postgresql.org/docs/current/continuous-archiving.html
import { SegmentSet } from './gaps.ts'
import { parseWalName } from './names.ts'

/** Names of one kind: the first of them, and how many there are. */
export interface Some {
  readonly count: number
  readonly names: readonly string[]
}

/** Segments that are there in two forms. */
export interface Twice {
  readonly count: number
  readonly first: string
  /** `''`: as PostgreSQL writes it. */
  readonly suffixes: readonly [string, string]
}

/** What an archive command may append when it compresses. */
const COMPRESSED = /\.(?:gz|bz2|xz|zst|lz4|lzo|br)$/
const MOST_EXAMPLES = 10
/** Files with a text that is worth reading; of an archive with more, as many as come first. */
const MOST_TEXTS = 2000
const MOST_PARTIALS = 100

class Sample {
  count = 0
  readonly names: string[] = []

  add(name: string, most = MOST_EXAMPLES): void {
    this.count++
    if (this.names.length < most) this.names.push(name)
  }

  get some(): Some {
    return { count: this.count, names: this.names }
  }
}

/** Collects the names of an archive. Memory grows with the stretch of WAL, not with the files. */
export class ArchiveNames {
  /** Segments in any form, and history files. */
  readonly segments: SegmentSet
  readonly #segmentSize: number
  readonly #forms = new Map<string, { readonly set: SegmentSet; count: number }>()
  readonly #partials = new Sample()
  readonly #temporary = new Sample()
  readonly #others = new Sample()
  readonly #impossible = new Sample()
  readonly #texts: string[] = []
  #names = 0

  /** `segmentSize` in bytes. */
  constructor(segmentSize: number) {
    this.#segmentSize = segmentSize
    this.segments = new SegmentSet(segmentSize)
  }

  /** Takes any file name. */
  add(name: string): void {
    this.#names++
    const suffix = name.length === 24 || name.length === 16 ? '' : COMPRESSED.exec(name)?.[0] ?? ''
    const plain = suffix === '' ? name : name.slice(0, -suffix.length)
    switch (this.segments.add(plain)) {
      case 'segment': return this.#form(suffix, plain)
      case 'impossible': return this.#impossible.add(name)
      case 'history': return this.#text(name, suffix)
      case 'other': return this.#other(name, plain, suffix)
    }
  }

  #form(suffix: string, plain: string): void {
    let form = this.#forms.get(suffix)
    if (form === undefined) this.#forms.set(suffix, form = { set: new SegmentSet(this.#segmentSize), count: 0 })
    form.count++
    form.set.add(plain)
  }

  #text(name: string, suffix: string): void {
    if (suffix === '' && this.#texts.length < MOST_TEXTS) this.#texts.push(name)
  }

  #other(name: string, plain: string, suffix: string): void {
    const parsed = parseWalName(plain)
    if (parsed.kind === 'backup') this.#text(name, suffix)
    else if (parsed.kind === 'partial') this.#partials.add(name, MOST_PARTIALS)
    else if (parsed.kind === 'other' && parsed.temporary) this.#temporary.add(name)
    else this.#others.add(name)
  }

  /** Names that were taken. */
  get names(): number {
    return this.#names
  }

  /** Suffixes that segments have, `''` among them where some have none. */
  get suffixes(): readonly string[] {
    return [...this.#forms.keys()].sort()
  }

  /** History and backup files that can be read as they are. */
  get texts(): readonly string[] {
    return this.#texts
  }

  /** How many segments there are in each form. */
  get forms(): readonly { readonly suffix: string; readonly count: number }[] {
    return this.suffixes.map((suffix) => ({ suffix, count: this.#forms.get(suffix)!.count }))
  }

  /** Segments in two forms, for the two that have the most in common. */
  get twice(): Twice | undefined {
    let most: Twice | undefined
    const { suffixes } = this
    for (const [at, one] of suffixes.entries()) {
      for (const other of suffixes.slice(at + 1)) {
        const { count, first } = this.#forms.get(one)!.set.overlap(this.#forms.get(other)!.set)
        if (first !== undefined && count > (most?.count ?? 0)) most = { count, first, suffixes: [one, other] }
      }
    }
    return most
  }

  /** `.partial` files. */
  get partials(): Some {
    return this.#partials.some
  }

  /** Names such as copying tools give to what is not finished. */
  get temporary(): Some {
    return this.#temporary.some
  }

  /** Names that have nothing to do with WAL. */
  get others(): Some {
    return this.#others.some
  }

  /** Names of segments that cannot be with this segment size. */
  get impossible(): Some {
    return this.#impossible.some
  }
}
