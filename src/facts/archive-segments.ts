/**
 * Archived segments from inside: size and header of the newest, the oldest, and those beside gaps and at the ends of base
 * backups; with `--deep` of every one. What pg_wal still has is compared byte for byte, the newest alone without `--deep`.
 * With `--deep` pg_waldump, where it is installed, also reads the newest from their first record to their last.
 *
 * Compressed with gzip, the header is read too; other forms are counted and not looked into.
 * @see https://www.postgresql.org/docs/current/pgwaldump.html
 */
import { constants, gunzipSync } from 'node:zlib'
import { codeOf } from '../errors.ts'
import type { FileHead } from '../host/host.ts'
import { serverProgram } from '../platforms/reading.ts'
import { checkSegment, numberedSegment, parseWalName, readSegmentHeader, SEGMENT_HEADER_BYTES, segmentNumber } from '../postgres/wal/index.ts'
import type { SegmentProblem } from '../postgres/wal/index.ts'
import { archiveContentsFact } from './archive-contents.ts'
import type { ArchiveContentsFact } from './archive-contents.ts'
import { acting, DEEP_TIMEOUT_MS, FACT_TIMEOUT_MS, required } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { identityFact } from './identity.ts'
import type { IdentityFact } from './identity.ts'

/**
 * `stub`: the beginning of what pg_wal has under the name; `conflict`: something else than pg_wal has; `unknown-version`: WAL of a format that is not known; `damaged`: pg_waldump fails;
 * `minimal`: the server went over to wal_level minimal there.
 */
export type SegmentFault = SegmentProblem['code'] | 'stub' | 'conflict' | 'unknown-version' | 'damaged' | 'minimal'

export interface FaultySegment {
  /** Of the file. */
  readonly name: string
  readonly timeline: number
  readonly number: number
  readonly code: SegmentFault
  /** What is there, and what should be: sizes in bytes, identifiers, LSNs, timelines; for `damaged` what pg_waldump says. */
  readonly found: string
  readonly expected: string
}

export interface ArchiveSegmentsFact {
  readonly path: string
  /** Segments by name. */
  readonly total: number
  readonly looked: number
  /** Whether every segment was meant to be looked at; `inTime` is false where the time did not suffice for it. */
  readonly deep: boolean
  readonly inTime: boolean
  /** In a form that is not read. */
  readonly unread: number
  /** The newest of each kind. */
  readonly faults: readonly FaultySegment[]
  /** How many of each kind there are. */
  readonly counts: Readonly<Partial<Record<SegmentFault, number>>>
  /** Segments that pg_waldump read. */
  readonly replayed: number
}

/** Of each timeline that is looked at. */
const NEWEST = 8
const OLDEST = 2
const TIMELINES = 3
const GAPS = 5
const BACKUPS = 3
const MOST_FAULTS = 20
/** Compressed bytes that certainly hold the header. */
const GZIP_HEAD = 1024
/** Of a compressed segment that seems to have the wrong size, and is then unpacked as a whole. */
const MOST_UNPACKED = 64 << 20
const CHUNK = 1 << 20
/** Segments that are compared with pg_wal's, without and with `--deep`. */
const COMPARED = 2
const COMPARED_DEEP = 256
/** A file that nobody has written to for so long is not being copied right now. */
const QUIET_MS = 60_000
/** Segments that pg_waldump reads, and how long it may take for all and for one. */
const MOST_REPLAYED = 1024
const REPLAY_MS = 600_000
const REPLAY_ONE_MS = 60_000
/** xlog_desc in src/backend/access/rmgrdesc/xlogdesc.c. */
const MINIMAL = /PARAMETER_CHANGE .*\bwal_level=minimal\b/

/** Which of several problems of one segment says most. */
const WORST: readonly SegmentFault[] = ['system-identifier', 'not-wal', 'file-size', 'zeroed', 'short', 'segment-size', 'name', 'page-address', 'timeline']

export const archiveSegmentsFact: Fact<ArchiveSegmentsFact> = {
  name: 'archive-segments',
  timeoutMs: ({ deep }) => (deep === true ? DEEP_TIMEOUT_MS : 2 * FACT_TIMEOUT_MS),
  async gather(from) {
    const [contents, identity] = await Promise.all([required(from, archiveContentsFact), required(from, identityFact)])
    const looking = new Looking(from, contents, identity)
    const inTime = from.deep === true ? await looking.all() : (await looking.sample(), true)
    await looking.compare()
    if (from.deep === true) await looking.replay()
    return looking.result(inTime)
  },
}

class Looking {
  readonly #path: string
  readonly #faults = new Map<SegmentFault, FaultySegment[]>()
  readonly #counts: Partial<Record<SegmentFault, number>> = {}
  readonly #sizes = new Map<string, FaultySegment>()
  #looked = 0
  #unread = 0
  #replayed = 0

  constructor(private readonly from: Gathering, private readonly contents: ArchiveContentsFact, private readonly identity: IdentityFact) {
    this.#path = contents.path
  }

  result(inTime: boolean): ArchiveSegmentsFact {
    return {
      path: this.#path,
      total: this.contents.timelines.reduce((sum, { count }) => sum + count, 0),
      looked: this.#looked,
      deep: this.from.deep === true,
      inTime,
      unread: this.#unread,
      faults: [...this.#faults.values()].flat(),
      counts: this.#counts,
      replayed: this.#replayed,
    }
  }

  /** Looks at every segment, in the order of the directory. @returns whether the time sufficed */
  async all(): Promise<boolean> {
    const { host } = this.from
    const began = host.now().getTime()
    for await (const names of host.listBatches(this.#path, acting(this.from))) {
      for (const [form, own] of this.#byForm(names)) await this.#look(own, form)
      if (host.now().getTime() - began > DEEP_TIMEOUT_MS * 0.5) return false
    }
    return true
  }

  #byForm(names: readonly string[]): Map<string, string[]> {
    const forms = new Map<string, string[]>()
    for (const name of names) {
      const form = name.slice(24)
      if (!this.contents.forms.some(({ suffix }) => suffix === form) || parseWalName(name.slice(0, 24)).kind !== 'segment') continue
      const own = forms.get(form)
      if (own === undefined) forms.set(form, [name])
      else own.push(name)
    }
    return forms
  }

  /** Looks at those that tell most, in whatever form they are. */
  async sample(): Promise<void> {
    let wanted = [...this.#telling()].sort()
    for (const { suffix } of this.contents.forms) wanted = await this.#look(wanted.map((name) => name + suffix), suffix)
  }

  #telling(): Set<string> {
    const { timelines, gaps, backups } = this.contents
    const names = new Set<string>()
    const add = (timeline: number, number: number) => {
      if (number >= 0) names.add(numberedSegment(timeline, number, this.identity.segmentSize))
    }
    for (const { timeline, first, last } of timelines.slice(-TIMELINES)) {
      for (let back = 0; back < NEWEST; back++) add(timeline, this.#place(last).number - back)
      for (let on = 0; on < OLDEST; on++) add(timeline, this.#place(first).number + on)
    }
    for (const { timeline, from, to } of gaps.slice(-GAPS)) for (const number of [from - 1, to + 1]) add(timeline, number)
    for (const { timeline, from, to } of backups.slice(-BACKUPS)) for (const number of [from, to]) add(timeline, number)
    return names
  }

  #place(name: string): { readonly timeline: number; readonly number: number } {
    const parsed = parseWalName(name.slice(0, 24))
    if (parsed.kind !== 'segment') throw new Error(`no segment: ${name}`)
    return { timeline: parsed.timeline, number: segmentNumber(parsed, this.identity.segmentSize) ?? -1 }
  }

  /** @returns names (without the form) of what is not there */
  async #look(names: readonly string[], form: string): Promise<string[]> {
    if (names.length === 0) return []
    const { host } = this.from
    const gzip = form === '.gz'
    if (form !== '' && !gzip) {
      this.#unread += names.length
      return []
    }
    const missing: string[] = []
    for (const head of await host.readHeads(this.#path, names, gzip ? GZIP_HEAD : SEGMENT_HEADER_BYTES, acting(this.from))) {
      if ('error' in head) {
        // Removed meanwhile, or not ours to read: nothing is said of it.
        if (head.error === 'ENOENT') missing.push(head.name.slice(0, 24))
      } else if (gzip) await this.#packed(head)
      else await this.#plain(head)
    }
    return missing
  }

  async #plain({ name, size, bytes }: Extract<FileHead, { bytes: Uint8Array }>): Promise<void> {
    const header = readSegmentHeader(bytes)
    if ('error' in header && header.error === 'not-wal') {
      const form = formOf(bytes)
      if (form === 'gzip') {
        const [head] = await this.from.host.readHeads(this.#path, [name], GZIP_HEAD, acting(this.from))
        if (head !== undefined && 'bytes' in head) await this.#packed(head)
        return
      }
      if (form !== undefined) {
        this.#unread++
        return
      }
    }
    this.#judge(name, header, size)
  }

  /** A segment in a gzip file, whose last four bytes are the size of what is in it. */
  async #packed({ name, size, bytes }: Extract<FileHead, { bytes: Uint8Array }>): Promise<void> {
    const { host } = this.from
    const file = `${this.#path}/${name}`
    let head: Uint8Array
    try {
      head = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH })
    } catch {
      head = new Uint8Array()
    }
    let unpacked = this.identity.segmentSize
    const tail = await host.readPart(file, -4, 4, acting(this.from)).catch(() => undefined)
    const said = tail?.length === 4 ? new DataView(tail.buffer, tail.byteOffset, 4).getUint32(0, true) : 0
    if (said !== unpacked && size <= MOST_UNPACKED) {
      // Cut short; or packed in several parts, the last of which the number is of.
      try {
        unpacked = gunzipSync(await host.read(file, { ...acting(this.from), limit: MOST_UNPACKED }), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2 * unpacked }).length
      } catch (error) {
        if (codeOf(error).startsWith('Z_') || codeOf(error) === '') unpacked = head.length
      }
    }
    this.#judge(name, readSegmentHeader(head), unpacked)
  }

  #judge(name: string, header: ReturnType<typeof readSegmentHeader>, fileSize: number): void {
    this.#looked++
    const segment = name.slice(0, 24)
    const problems = checkSegment(segment, header, { systemIdentifier: BigInt(this.identity.systemIdentifier), segmentSize: this.identity.segmentSize, fileSize })
    if (problems.length === 0) {
      if ('magic' in header && header.major === undefined) this.#note(name, 'unknown-version', `0x${header.magic.toString(16).toUpperCase()}`)
      return
    }
    const worst = WORST.flatMap((code) => problems.filter((problem) => problem.code === code))[0]!
    const { found, expected } = 'found' in worst ? worst : { found: '', expected: '' }
    if (worst.code === 'file-size' && segment === name) this.#sizes.set(name, this.#fault(name, 'file-size', String(found), String(expected)))
    else this.#note(name, worst.code, String(found), String(expected))
    // Enough of them to compare with pg_wal; the others are told as they are.
    if (this.#sizes.size > COMPARED_DEEP) this.#flush(this.#sizes.keys().next().value!)
  }

  #flush(name: string): void {
    const fault = this.#sizes.get(name)
    if (fault !== undefined) this.#put(fault)
    this.#sizes.delete(name)
  }

  #fault(name: string, code: SegmentFault, found = '', expected = ''): FaultySegment {
    return { name, ...this.#place(name), code, found, expected }
  }

  #note(name: string, code: SegmentFault, found = '', expected = ''): void {
    this.#put(this.#fault(name, code, found, expected))
  }

  #put(fault: FaultySegment): void {
    this.#counts[fault.code] = (this.#counts[fault.code] ?? 0) + 1
    const kept = this.#faults.get(fault.code) ?? []
    kept.push(fault)
    if (kept.length > 2 * MOST_FAULTS) kept.sort(newestFirst).length = MOST_FAULTS
    this.#faults.set(fault.code, kept.sort(newestFirst).slice(0, MOST_FAULTS))
  }

  /** What pg_wal has under the same name is what the archive should have. Of what still waits for the archiver, the stuck-segment fact tells. */
  async compare(): Promise<void> {
    for (const name of [...this.#sizes.keys()]) {
      if (!(await this.#settled(name))) this.#sizes.delete(name)
      else if ((await this.#against(name)) === 'stub') {
        this.#note(name, 'stub', this.#sizes.get(name)!.found, String(this.identity.segmentSize))
        this.#sizes.delete(name)
      } else this.#flush(name)
    }
    const known = (name: string) => [...this.#faults.values()].some((faults) => faults.some((fault) => fault.name === name))
    const compared = this.#compared().filter((name) => !known(name))
    for (let at = 0; at < compared.length; at += COMPARED) {
      await Promise.all(compared.slice(at, at + COMPARED).map(async (name) => {
        if (await this.#settled(name) && (await this.#against(name)) === 'different') this.#note(name, 'conflict')
      }))
    }
  }

  #compared(): string[] {
    const { timelines, current } = this.contents
    // Only the server that writes a timeline has all of a segment's WAL: a standby is still receiving what its primary archived.
    const last = timelines.findLast(({ timeline }) => timeline === current)
    if (last === undefined) return []
    const { timeline, number } = this.#place(last.last)
    return Array.from({ length: this.from.deep === true ? COMPARED_DEEP : COMPARED }, (_, back) => number - back)
      .filter((one) => one >= 0).map((one) => numberedSegment(timeline, one, this.identity.segmentSize))
  }

  /** Whether the archived file is one that nobody is copying just now. */
  async #settled(name: string): Promise<boolean> {
    const { host, cluster } = this.from
    const status = `${cluster.dataDir}/pg_wal/archive_status`
    const look = (file: string) => host.stat(file, acting(this.from)).catch(() => undefined)
    const [copy, ready, statuses] = await Promise.all([look(`${this.#path}/${name}`), look(`${status}/${name}.ready`), look(status)])
    if (copy === undefined || ready !== undefined) return false
    // What the server counts as archived, it does not copy any more; where that cannot be seen, rest has to do.
    return statuses !== undefined || host.now().getTime() - copy.modified.getTime() > QUIET_MS
  }

  /** Compares an archived file with pg_wal's; undefined where one of both cannot be read to its end. */
  async #against(name: string): Promise<'identical' | 'stub' | 'different' | undefined> {
    const { host, cluster } = this.from
    const own = `${cluster.dataDir}/pg_wal/${name}`
    const archived = `${this.#path}/${name}`
    try {
      const [before, copy] = await Promise.all([host.stat(own, acting(this.from)), host.stat(archived, acting(this.from))])
      if (copy.inode === before.inode && copy.device === before.device) return 'identical'
      let outcome: 'identical' | 'stub' | 'different' = copy.size === before.size ? 'identical' : copy.size < before.size ? 'stub' : 'different'
      for (let at = 0; at < Math.min(copy.size, before.size) && outcome !== 'different'; at += CHUNK) {
        const length = Math.min(CHUNK, Math.min(copy.size, before.size) - at)
        const [mine, theirs] = await Promise.all([host.readPart(own, at, length, acting(this.from)), host.readPart(archived, at, length, acting(this.from))])
        if (mine.length !== length || theirs.length !== length) return undefined
        if (Buffer.compare(mine, theirs) !== 0) outcome = 'different'
      }
      // The server gives a segment that it does not need any more another name.
      const after = await host.stat(own, acting(this.from))
      return after.inode === before.inode ? outcome : undefined
    } catch (error) {
      if (codeOf(error) === '') throw error
      return undefined
    }
  }

  /** Has pg_waldump read the newest segments of the timeline that counts, from those that base backups need on. */
  async replay(): Promise<void> {
    const { host, cluster } = this.from
    const { timelines, current, backups } = this.contents
    if (cluster.binDir === undefined) return
    const program = serverProgram(host, cluster.binDir, 'pg_waldump')
    if (await host.stat(program, acting(this.from)).then(({ kind }) => kind !== 'file', () => true)) return
    const followed = timelines.findLast(({ timeline }) => current === undefined || timeline <= current)
    if (followed === undefined) return
    const { timeline, number } = this.#place(followed.last)
    const oldest = backups.find((backup) => backup.missing === 0)?.from ?? 0
    const began = host.now().getTime()
    for (let one = number; one >= oldest && number - one < MOST_REPLAYED && host.now().getTime() - began < REPLAY_MS; one--) {
      const name = numberedSegment(timeline, one, this.identity.segmentSize)
      const told = [...this.#faults.values()].some((faults) => faults.some((fault) => fault.name === name && fault.code !== 'unknown-version'))
      if (told || (await host.stat(`${this.#path}/${name}`, acting(this.from)).then(({ size }) => size !== this.identity.segmentSize, () => true))) continue
      const read = await host.run(program, ['--rmgr=XLOG', `${this.#path}/${name}`], { ...acting(this.from), timeoutMs: REPLAY_ONE_MS }).catch((error: unknown) => {
        if (codeOf(error) !== 'too-much-output') throw error
        return undefined
      })
      if (read === undefined || read.timedOut) continue
      const { code, stdout, stderr } = read
      this.#replayed++
      if (MINIMAL.test(stdout)) this.#note(name, 'minimal', '')
      // A segment that one record fills from end to end has no beginning of another.
      if (code !== 0 && !stderr.includes('could not find a valid record')) this.#note(name, 'damaged', stderr.trim().split('\n').at(-1) ?? '')
    }
  }
}

function newestFirst(a: FaultySegment, b: FaultySegment): number {
  return a.name < b.name ? 1 : -1
}

/** What packs or encrypts without another name: https://www.rfc-editor.org/rfc/rfc1952, rfc8878, rfc9580 and the formats' own pages. */
const SIGNATURES: readonly (readonly [string, readonly number[]])[] = [
  ['gzip', [0x1F, 0x8B]],
  ['zstd', [0x28, 0xB5, 0x2F, 0xFD]],
  ['lz4', [0x04, 0x22, 0x4D, 0x18]],
  ['bzip2', [0x42, 0x5A, 0x68]],
  ['xz', [0xFD, 0x37, 0x7A, 0x58, 0x5A]],
  ['openssl', [...'Salted__'].map((letter) => letter.charCodeAt(0))],
  ['age', [...'age-encryption.org'].map((letter) => letter.charCodeAt(0))],
  ['gpg', [0x85, 0x02]],
  ['gpg', [0x8C, 0x0D]],
]

function formOf(bytes: Uint8Array): string | undefined {
  return SIGNATURES.find(([, signature]) => signature.every((byte, at) => bytes[at] === byte))?.[0]
}
