// https://www.postgresql.org/docs/current/pgarchivecleanup.html
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-BASE-BACKUP: WAL older than the oldest base backup is of no use.
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { archiveDirectoryFact } from '../facts/archive-directory.ts'
import { archiveGrowthFact } from '../facts/archive-growth.ts'
import { identityFact } from '../facts/identity.ts'
import { walFlowFact } from '../facts/wal-flow.ts'
import { parseWalName, segmentNumber } from '../postgres/wal/index.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { wordOn } from './support/shell-word.ts'
import { NOT_LOOKED_AT, walTimes } from './support/wal-times.ts'

/** Less than this is not worth a command. */
const WORTH_BYTES = 2 ** 30
const DAY = 86_400_000
/** An archive that is full before this will be full before the next round of maintenance. */
const WARN_MS = 7 * DAY
const TELL_MS = 60 * DAY

export default defineCheck({
  id: 'archive-retention',
  source: 'https://www.postgresql.org/docs/current/pgarchivecleanup.html',
  needs: { contents: archiveContentsFact, identity: identityFact },
  uses: { growth: archiveGrowthFact, flow: walFlowFact, directory: archiveDirectoryFact },

  run({ contents: { path, timelines, backups }, identity }, { growth, flow, directory }, { cluster }) {
    const stored = growth.ok ? growth.value.storedBytes : identity.segmentSize
    const { archiveFullMs } = walTimes({
      ...NOT_LOOKED_AT, identity, growth: growth.ok ? growth.value : undefined, flow: flow.ok ? flow.value : undefined, directory: directory.ok ? directory.value : undefined,
    })
    const at = { file: path }
    const urgent = archiveFullMs !== undefined && archiveFullMs < WARN_MS
    const [oldest] = backups
    if (oldest !== undefined) {
      const count = timelines.reduce((sum, { timeline, count: held, first }) => sum + olderOnes(timeline, held, first, oldest, identity.segmentSize), 0)
      const usedBytes = count * stored
      if (usedBytes < WORTH_BYTES) return []
      return [finding('older-than-backups', urgent ? 'warning' : 'info', { path, count, usedBytes, backup: oldest.name, command: `pg_archivecleanup ${wordOn(cluster, path)} ${oldest.name}` }, { at })]
    }
    const [first] = timelines
    const untouched = first !== undefined && first.timeline === 1 && numberOf(first.first, identity.segmentSize) <= FIRST_SEGMENTS
    if (!untouched || archiveFullMs === undefined || archiveFullMs > TELL_MS) return []
    return [finding('only-grows', urgent ? 'warning' : 'info', { path, count: timelines.reduce((sum, { count }) => sum + count, 0), fullMs: archiveFullMs }, { at })]
  },

  text: {
    en: {
      title: 'the archive is cleaned up behind its base backups',
      about: 'WAL is of use only together with a base backup that is older. What lies before the oldest base backup that anybody keeps can go; without that an archive grows until its disk is full, and then archiving stops. The .backup files in the archive name the base backups; who removes old base backups removes their .backup file as well, or pg_archivecleanup does.',
      findings: {
        'older-than-backups': {
          message: '{count} segments in {path} ({usedBytes}) are older than the oldest base backup that the archive knows, {backup}',
          why: 'No recovery can use them, unless a base backup is kept that left no .backup file here.',
          remedy: 'if no older base backup is kept: {command}',
        },
        'only-grows': {
          message: 'nothing was ever removed from {path}, and at this rate it is full in {fullMs}',
          why: 'With {count} segments it holds all WAL since the cluster was made. When it is full archiving stops, and pg_wal grows until its disk is full too.',
          remedy: '`pgwal backup DIR --keep N`, regularly: it takes a base backup and removes the WAL that no kept one needs; with backups of another kind, pg_archivecleanup with the .backup file of the oldest',
          windows: 'take a base backup regularly, and remove what is older than the oldest one that you keep: pg_archivecleanup with its .backup file',
        },
      },
    },
    'zh-TW': {
      title: '歸檔會隨基礎備份清理',
      about: 'WAL 必須搭配更早的基礎備份才有用。早於所保留的最舊基礎備份的 WAL 可以移除；若不移除，歸檔會持續增長直到磁碟滿載，歸檔隨之停止。歸檔中的 .backup 檔案記載各個基礎備份；移除舊的基礎備份時也應移除其 .backup 檔案，或由 pg_archivecleanup 處理。',
      findings: {
        'older-than-backups': {
          message: '{path} 中有 {count} 個區段（{usedBytes}）早於歸檔所知最舊的基礎備份 {backup}',
          why: '任何還原都用不到它們，除非另外保留了未在此留下 .backup 檔案的基礎備份。',
          remedy: '若沒有保留更早的基礎備份：{command}',
        },
        'only-grows': {
          message: '{path} 從未移除任何檔案，依目前速度將在 {fullMs}後滿載',
          why: '其中有 {count} 個區段，即叢集建立以來的所有 WAL。滿載之後歸檔就會停止，pg_wal 也將持續增長直到磁碟滿載。',
          remedy: '定期執行 `pgwal backup DIR --keep N`：製作基礎備份，並移除所保留備份都不需要的 WAL；若以其他方式製作備份，請以最舊備份的 .backup 檔案執行 pg_archivecleanup',
          windows: '定期製作基礎備份，並以所保留最舊備份的 .backup 檔案執行 pg_archivecleanup，移除更早的 WAL',
        },
      },
    },
  },
})

/** A cluster's WAL begins with segment 1; initdb itself may fill a few small ones before archiving is on. */
const FIRST_SEGMENTS = 32

function numberOf(name: string, segmentSize: number): number {
  const parsed = parseWalName(name)
  return (parsed.kind === 'segment' ? segmentNumber(parsed, segmentSize) : undefined) ?? Number.POSITIVE_INFINITY
}

/** How many of a timeline's segments lie before a backup; of one with gaps at most so many. */
function olderOnes(timeline: number, held: number, first: string, oldest: { readonly timeline: number; readonly from: number }, segmentSize: number): number {
  if (timeline > oldest.timeline) return 0
  return Math.min(held, Math.max(0, oldest.from - numberOf(first, segmentSize)))
}
