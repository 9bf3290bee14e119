// An archive and a pg_wal as real directories, without a server: names are what matters.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { archiveContentsFact } from '../../src/facts/archive-contents.ts'
import type { ArchiveContentsFact } from '../../src/facts/archive-contents.ts'
import type { Fact, Gathering } from '../../src/facts/fact.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { lsnToText, numberedSegment } from '../../src/postgres/wal/index.ts'
import { CLUSTER, known, unknown } from './run-check.ts'

const SIZE = 16 << 20
export const segment = (timeline: number, number: number): string => numberedSegment(timeline, number, SIZE)
export const between = (timeline: number, from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => segment(timeline, from + index))
export const historyFile = (timeline: number): string => `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`

export class ArchiveDirectory {
  private constructor(readonly root: string) {}

  static async create(): Promise<ArchiveDirectory> {
    const directory = new ArchiveDirectory(await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-archive-')))
    await fs.mkdir(directory.path())
    await fs.mkdir(path.join(directory.root, 'pg_wal/archive_status'), { recursive: true })
    return directory
  }

  async remove(): Promise<void> {
    await fs.rm(this.root, { recursive: true, force: true })
  }

  path(...names: readonly string[]): string {
    return path.join(this.root, 'archive', ...names)
  }

  async put(...names: readonly string[]): Promise<void> {
    for (const name of names) await fs.writeFile(this.path(name), '')
  }

  async take(...names: readonly string[]): Promise<void> {
    for (const name of names) await fs.rm(this.path(name))
  }

  /** Files in pg_wal. */
  async hold(...names: readonly string[]): Promise<void> {
    for (const name of names) await fs.writeFile(path.join(this.root, 'pg_wal', name), '')
  }

  async wait(...names: readonly string[]): Promise<void> {
    await this.hold(...names.map((name) => `archive_status/${name}.ready`))
  }

  /** @param to the number of its last segment */
  async backup(timeline: number, number: number, more = '', to = number): Promise<string> {
    const lsn = (at: number, byte: number) => lsnToText(BigInt(at * SIZE + byte))
    const name = `${segment(timeline, number)}.00000028.backup`
    await fs.writeFile(this.path(name),
      `START WAL LOCATION: ${lsn(number, 0x28)} (file ${segment(timeline, number)})\nSTOP WAL LOCATION: ${lsn(to, 0x100)} (file ${segment(timeline, to)})\n${more}BACKUP METHOD: streamed\n`)
    return name
  }

  async history(timeline: number, ...lines: readonly string[]): Promise<void> {
    await fs.writeFile(this.path(historyFile(timeline)), lines.join('\n'))
  }

  /** @param current the server's timeline; none: it is down. @param number of the segment that it writes */
  async contents(current?: number, number = 0): Promise<ArchiveContentsFact> {
    const row = current === undefined ? { timeline: null } : { timeline: current.toString(16).padStart(8, '0'), lsn: lsnToText(BigInt(number * SIZE)), archives: true }
    const session = { query: async () => [row], close: async () => undefined }
    const facts: Record<string, unknown> = { 'archive-directory': { path: this.path(), state: 'directory' }, 'archive-command': {}, identity: { systemIdentifier: '1', segmentSize: SIZE } }
    const gathering = {
      host: new NodeHost(), cluster: { ...CLUSTER, dataDir: this.root },
      session: async () => (current === undefined ? unknown('server-down') : known(session)),
      fact: async ({ name }: Fact<unknown>) => known(facts[name]),
    }
    return archiveContentsFact.gather(gathering as unknown as Gathering)
  }
}
