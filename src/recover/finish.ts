// What a restored backup still needs to be a server that recovers to the target, and to be nobody else's.
import { codeOf } from '../errors.ts'
import { entriesOf, statOf } from '../platforms/reading.ts'
import { COPY_HBA, tablespaceMap } from '../probes/drill/copy-configuration.ts'
import { archiveScripting, restoreCommand } from '../postgres/archive-command/index.ts'
import { mostOf } from '../postgres/control-file.ts'
import type { ControlLimits } from '../postgres/control-file.ts'
import { recoveryConfiguration } from '../postgres/recovery/configuration.ts'
import type { TargetAction } from '../postgres/recovery/configuration.ts'
import type { RecoveryTarget } from '../postgres/recovery/target.ts'
import { historyName, numberedSegment } from '../postgres/wal/index.ts'
import type { Archive } from './archive.ts'
import type { Remainder, Route } from './judge.ts'
import { UNFINISHED } from './place.ts'
import type { RestorePlace } from './place.ts'
import { copyLot } from './restore.ts'
import type { Restored } from './restore.ts'
import { asksNobody, fetchWal, loopbackHba, walIn } from './windows.ts'
import type { Restoring } from './working.ts'

export interface Finishing {
  readonly archive: Archive
  readonly route: Route
  readonly restored: Restored
  readonly target: RecoveryTarget
  readonly action: TargetAction
  readonly port: number
  readonly major: number
  /** What the server had last, where its own pg_control can still be read. */
  readonly limits?: ControlLimits
  readonly remainder?: Remainder
  /** Files of the archive that are copied for a server that may not read it; undefined where it reads them there. */
  readonly fetched?: readonly string[]
  /** What is printed as well; for whoever finds the directory later. */
  readonly guide: string
}

/** Files of the backup that would decide over the recovery; they are kept for going live. */
const SET_ASIDE = ['postgresql.auto.conf', 'recovery.conf']
export const KEPT = 'kept'
export const GUIDE = 'GUIDE.txt'

/** Writes the rest, the configuration last of all, and takes the mark away. */
export async function finish(restoring: Restoring, place: RestorePlace, { archive, route, restored, target, action, port, major, limits, remainder, fetched, guide }: Finishing): Promise<void> {
  const { host, as } = restoring
  const loopback = host.os === 'win32'
  const write = (path: string, text: string) => host.replace(path, new TextEncoder().encode(text), { ...as, expect: null, mode: 0o600 })
  await host.makeDirectory(`${place.root}/${KEPT}`, { ...as, mode: 0o700 })
  for (const name of SET_ASIDE) {
    await host.rename(`${place.dataDir}/${name}`, `${place.root}/${KEPT}/${name}`, as).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }
  await write(`${place.dataDir}/postgresql.auto.conf`, '')
  await writeTablespaceMap(restoring, place, restored)
  await markArchived(restoring, place, archive)
  await copyRemainder(restoring, place, archive, route, remainder)
  await write(`${place.dataDir}/recovery.signal`, '')
  if (fetched !== undefined) await fetchWal(restoring, archive, walIn(place.root), fetched, async (segment) => { restoring.doing({ code: 'wal-fetching', params: { segment } }) })
  await write(`${place.root}/pg_hba.conf`, loopback ? loopbackHba(await asksNobody(restoring, place.dataDir, major)) : COPY_HBA)
  await write(`${place.root}/pg_ident.conf`, '')
  await write(`${place.root}/${GUIDE}`, loopback ? guide.replaceAll('\n', '\r\n') : guide)
  await write(`${place.root}/postgresql.conf`, recoveryConfiguration({
    major, dataDir: place.dataDir, hbaFile: `${place.root}/pg_hba.conf`, identFile: `${place.root}/pg_ident.conf`, port,
    ...(loopback ? {} : { socketDir: place.socketDir }),
    // Where nothing else stops it: a server that still runs may archive the making of a tablespace, which would be replayed over the one in use.
    restoreCommand: fetched === undefined ? restoreCommand(archive.path, archive.suffixes, target.kind === 'latest' || !route.targetSeen ? route.last : undefined) : archiveScripting('cmd').restoreCommand(walIn(place.root)),
    segmentSize: archive.segmentSize, target, action, ...(route.lastRecord === undefined ? {} : { lastRecord: route.lastRecord }),
    timeline: route.timeline === route.backup.timeline ? 'current' : route.timeline,
    limits: mostOf([restored.control.limits, ...(limits === undefined ? [] : [limits]), ...route.limits]),
  }))
  // The server does not flush what it finds; -f is of GNU, and without it sync flushes everything. Windows has no such program: there each file was flushed when it was compared.
  if (host.os !== 'win32') await host.run('sync', host.os === 'linux' ? ['-f', place.root] : [], { ...as, timeoutMs: 3_600_000 }).catch(() => undefined)
  await host.removeFile(`${place.root}/${UNFINISHED}`, as)
}

/** From which recovery makes the links in pg_tblspc, in place of those of the backup. */
export async function writeTablespaceMap({ host, as }: Restoring, place: Pick<RestorePlace, 'dataDir'>, { tablespaces }: Pick<Restored, 'tablespaces'>): Promise<void> {
  const path = `${place.dataDir}/tablespace_map`
  await host.removeFile(path, as).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
  const map = tablespaceMap(tablespaces)
  if (map !== undefined) await host.replace(path, new TextEncoder().encode(map), { ...as, expect: null, mode: 0o600 })
}

/**
 * What was waiting for the archiver when a backup was copied by hand may have arrived since. Gone live, the server would archive it a second time, and an
 * archive_command that refuses what is there would never get any further.
 */
async function markArchived({ host, as }: Restoring, place: RestorePlace, archive: Archive): Promise<void> {
  const status = `${place.dataDir}/pg_wal/archive_status`
  for (const { name } of await entriesOf(host, status, as)) {
    const file = /^(.+)\.ready$/.exec(name)?.[1]
    if (file === undefined) continue
    for (const suffix of archive.suffixes) {
      if (await statOf(host, `${archive.path}/${file}${suffix}`, as) === undefined) continue
      await host.rename(`${status}/${name}`, `${status}/${file}.done`, as)
      break
    }
  }
}

async function copyRemainder(restoring: Restoring, place: RestorePlace, archive: Archive, route: Route, remainder: Remainder | undefined): Promise<void> {
  if (remainder === undefined) return
  const segments = route.remainder.map((number) => numberedSegment(remainder.timeline, number, archive.segmentSize))
  // Where the archive has no history file, the server looks for it here.
  const names = [...segments, ...(remainder.histories.includes(route.timeline) ? [historyName(route.timeline)] : [])]
  if (names.length === 0) return
  await copyLot(restoring, remainder.directory, `${place.dataDir}/pg_wal`, names, remainder.directory)
}
