/**
 * A WAL record is written, the segment is switched, and that very segment must arrive in the archive, identical.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html
 * @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP
 */
import { archiveCommandFact } from '../facts/archive-command.ts'
import { codeOf } from '../errors.ts'
import type { Acting, Host, Session } from '../host/host.ts'
import { decompressorOf, walSuffixOf } from '../postgres/archive-command/index.ts'
import { checkSegment, lsnFromText, readSegmentHeader, segmentName } from '../postgres/wal/index.ts'
import { readWhole } from '../recover/archive.ts'
import { failed, passed, skipped } from './probe.ts'
import type { Probe, Probing } from './probe.ts'

const POLL_MS = 20
/** Looking costs next to nothing beside what is looked for; after a while nobody counts milliseconds any more. */
const POLL_SOON_MS = 40
const POLL_MAX_MS = 500
const SOON_MS = 5_000

type Code = 'not-archived' | 'no-archiver' | 'not-yet' | 'different' | 'not-this-segment' | 'gone-unarchived'

interface Switched {
  readonly name: string
  readonly systemIdentifier: bigint
  readonly segmentSize: number
}

export const archiveRoundTrip: Probe<Code> = {
  id: 'archive-round-trip',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',

  async run(probing) {
    const { session, gathering } = probing
    const [state] = await session.query(
      `SELECT pg_is_in_recovery() AS recovery, current_setting('archive_mode') AS mode, current_setting('wal_level') AS level, current_user::text AS login,
              has_function_privilege('pg_create_restore_point(text)', 'EXECUTE') AND has_function_privilege('pg_switch_wal()', 'EXECUTE') AS may`)
    if (state?.['recovery'] === true) return skipped('in-recovery')
    if (state?.['mode'] === 'off') return skipped('archive-mode-off')
    if (state?.['level'] === 'minimal') return skipped('wal-level-minimal')
    if (state?.['may'] !== true) return skipped('may-not-switch', { user: String(state?.['login']) })

    const command = await gathering.fact(archiveCommandFact)
    const ending = command.ok ? command.value.judgement?.suffix ?? '' : ''
    const suffix = walSuffixOf(ending)
    // From a spool the segment may be gone before we look; compressed in these ways nobody here can read it.
    const directory = command.ok && command.value.spool !== true && !/^\.(?:bz2|xz|lzo|br)$/.test(ending) ? command.value.destination : undefined
    const segment = await switchSegment(session)
    const started = gathering.host.now().getTime()
    const own = await ownCopy(probing, segment)

    const file = `${directory ?? ''}/${segment.name}${suffix}`
    const arrived = directory === undefined
      ? await waitForStatistics(probing, segment, started)
      : await waitForFile(probing, file, suffix === '' ? segment.segmentSize : 0, segment, started) && (suffix === '' || await waitForStatistics(probing, segment, started))
    const ms = gathering.host.now().getTime() - started
    if (!arrived) return failed(await explain(probing, segment, directory === undefined ? undefined : file, ms))
    if (directory === undefined || !(await isReadable(probing, suffix))) return passed('reported', { segment: segment.name, elapsedMs: ms })

    const archived = suffix === '' ? await readSegment(gathering.host, file, segment.segmentSize, acting(probing)) : await readWhole({ host: gathering.host, as: acting(probing) }, file, segment.segmentSize)
    const problem = checkSegment(segment.name, readSegmentHeader(archived.subarray(0, 40)), segment)[0]
    if (problem !== undefined) {
      return failed({ code: 'not-this-segment' satisfies Code, severity: 'error', params: { segment: segment.name, problem: problem.code }, at: { file } })
    }
    if (own === undefined) return passed('arrived', { segment: segment.name, elapsedMs: ms })
    if (Buffer.compare(archived, own) !== 0) {
      return failed({ code: 'different' satisfies Code, severity: 'error', params: { segment: segment.name }, at: { file } })
    }
    return passed('identical', { segment: segment.name, elapsedMs: ms })
  },

  text: {
    en: {
      title: 'a new WAL segment arrives in the archive, identical',
      about: 'A restore point is written, the segment is switched, and that segment must appear in the archive within the time limit: with the right size, with this cluster\'s system identifier in its header, and byte for byte what the server has in pg_wal. Nothing less proves archiving: an exit status of 0 and pg_stat_archiver do not.',
      passed: {
        identical: '{segment} archived in {elapsedMs}, identical to the server\'s',
        arrived: '{segment} archived in {elapsedMs} (the server\'s own copy could not be read to compare)',
        reported: '{segment} reported as archived in {elapsedMs} (the archive is not a directory that pgwal can read)',
      },
      findings: {
        'not-archived': {
          message: '{segment} did not arrive in {seconds} s: {cause}',
          why: 'What is not in the archive cannot be restored, and the server keeps the segment until it is: pg_wal grows until its disk is full.',
          remedy: 'read the cause above, correct it, and run `pgwal verify` again; `pgwal doctor` looks at each part',
        },
        'no-archiver': {
          message: '{segment} did not arrive in {seconds} s: no archiver process is running',
          why: 'The archiver dies when its command cannot be started or is killed, and the statistics do not count that as a failure.',
          remedy: 'read the newest FATAL lines of the server\'s log, correct the archive command, and run `pgwal verify` again',
        },
        'not-yet': {
          message: '{segment} did not arrive in {seconds} s; the archiver is there and has reported no failure',
          why: 'The archive command hangs or is slower than the server writes, or the archiver pauses for up to a minute after failures.',
          remedy: 'look at what the archive command does now (`ps -ef | grep archiver`), then `pgwal verify --timeout 180`',
          windows: 'look at what the archive command does now (the processes below postgres.exe in Process Explorer), then `pgwal verify --timeout 180`',
        },
        different: {
          message: '{segment} in the archive differs from the server\'s own',
          why: 'A restore would stop at this segment, or go on with something else\'s data.',
          remedy: 'find out what else writes into the archive, move the wrong file away, and take a new base backup',
        },
        'not-this-segment': {
          message: '{segment} in the archive is not this segment of this cluster ({problem})',
          why: 'Recovery reads the header and stops, or ends early without an error.',
          remedy: 'give each cluster an archive directory of its own: `pgwal enable --archive-dir DIR`',
        },
        'gone-unarchived': {
          message: '{segment} counts as archived, but {file} does not exist',
          why: 'The archive command returned success without storing the file: every segment since then is lost.',
          remedy: 'replace the archive command (`pgwal enable`), then take a new base backup',
        },
      },
    },
    'zh-TW': {
      title: '新的 WAL 區段會送達歸檔目錄，且內容相同',
      about: '寫入一個還原點並切換區段，該區段必須在時限內出現在歸檔目錄：大小正確、標頭帶有本叢集的系統識別碼，並與伺服器 pg_wal 中的檔案逐位元組相同。只有這樣才算證明歸檔有效；結束狀態 0 與 pg_stat_archiver 都不足以證明。',
      passed: {
        identical: '{segment} 已於 {elapsedMs}內歸檔，與伺服器的檔案完全相同',
        arrived: '{segment} 已於 {elapsedMs}內歸檔（無法讀取伺服器的檔案以供比對）',
        reported: '伺服器回報 {segment} 已於 {elapsedMs}內歸檔（歸檔處不是 pgwal 可讀取的目錄）',
      },
      findings: {
        'not-archived': {
          message: '{segment} 未在 {seconds} 秒內送達：{cause}',
          why: '不在歸檔中的 WAL 無法還原；伺服器會一直保留該區段，pg_wal 將持續增長直到磁碟滿載。',
          remedy: '依上述原因修正後，再次執行 `pgwal verify`；`pgwal doctor` 會逐項檢查',
        },
        'no-archiver': {
          message: '{segment} 未在 {seconds} 秒內送達：沒有 archiver 行程在執行',
          why: '歸檔命令無法啟動或被終止時，archiver 會結束，而統計資料不會把它計為失敗。',
          remedy: '查看伺服器記錄檔中最新的 FATAL 訊息，修正歸檔命令後再次執行 `pgwal verify`',
        },
        'not-yet': {
          message: '{segment} 未在 {seconds} 秒內送達；archiver 仍在執行，也沒有回報失敗',
          why: '歸檔命令卡住、速度跟不上寫入，或 archiver 在失敗後最多會暫停一分鐘。',
          remedy: '查看歸檔命令目前的動作（`ps -ef | grep archiver`），然後執行 `pgwal verify --timeout 180`',
          windows: '查看歸檔命令目前的動作（Process Explorer 中 postgres.exe 之下的行程），然後執行 `pgwal verify --timeout 180`',
        },
        different: {
          message: '歸檔中的 {segment} 與伺服器的檔案不同',
          why: '還原會停在這個區段，或接續到別的資料。',
          remedy: '找出還有誰寫入歸檔目錄，移走錯誤的檔案，並重新製作基礎備份',
        },
        'not-this-segment': {
          message: '歸檔中的 {segment} 不是本叢集的這個區段（{problem}）',
          why: '復原程序讀到標頭就會停止，或在沒有錯誤訊息的情況下提早結束。',
          remedy: '讓每個叢集使用各自的歸檔目錄：`pgwal enable --archive-dir DIR`',
        },
        'gone-unarchived': {
          message: '{segment} 被視為已歸檔，但 {file} 不存在',
          why: '歸檔命令回報成功卻沒有存下檔案：此後的每個區段都已遺失。',
          remedy: '更換歸檔命令（`pgwal enable`），然後重新製作基礎備份',
        },
      },
    },
  },
}

function acting(probing: Probing): Acting {
  return probing.gathering.as === undefined ? {} : { as: probing.gathering.as }
}

/**
 * Writes a restore point and switches. On an idle server a switch alone does nothing, so the record comes first; both are
 * statements of their own, because in one batch the commit would lie behind the switch.
 */
async function switchSegment(session: Session): Promise<Switched> {
  const [identity] = await session.query(
    "SELECT system_identifier::text AS id, (SELECT setting::bigint * CASE unit WHEN '8kB' THEN 8192 ELSE 1 END FROM pg_settings WHERE name = 'wal_segment_size') AS size FROM pg_control_system()")
  const [point] = await session.query("SELECT pg_create_restore_point('pgwal verify')::text AS lsn, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline")
  await session.query('SELECT pg_switch_wal()')
  const segmentSize = Number(identity?.['size'])
  const timeline = Number.parseInt(String(point?.['timeline']), 16)
  // The position is that of the byte after the record; at a boundary the record itself lies in the segment before.
  const name = segmentName(timeline, lsnFromText(String(point?.['lsn']))! - 1n, segmentSize)
  return { name, systemIdentifier: BigInt(String(identity?.['id'])), segmentSize }
}

/** The server's own copy, from pg_wal or, where that is closed to us, through SQL; undefined when neither lets us. */
async function ownCopy(probing: Probing, segment: Switched): Promise<Uint8Array | undefined> {
  const { gathering, session } = probing
  try {
    return await readSegment(gathering.host, `${gathering.cluster.dataDir}/pg_wal/${segment.name}`, segment.segmentSize, acting(probing))
  } catch {
    const rows = await session.query('SELECT pg_read_binary_file($1) AS bytes', [`pg_wal/${segment.name}`]).catch(() => [])
    const bytes = rows[0]?.['bytes']
    return bytes instanceof Uint8Array ? bytes : undefined
  }
}

async function readSegment(host: Host, path: string, size: number, as: Acting): Promise<Uint8Array> {
  return host.read(path, { ...as, limit: size + 1 })
}

/** Whether what an ending stands for can be undone: gzip is what Node has itself. */
async function isReadable({ gathering }: Probing, suffix: string): Promise<boolean> {
  if (suffix === '' || suffix === '.gz') return true
  return await gathering.host.which(decompressorOf(suffix)!) !== undefined
}

async function waitForFile(probing: Probing, file: string, bytes: number, segment: Switched, started: number): Promise<boolean> {
  return poll(probing, segment, started, async () => {
    try {
      const info = await probing.gathering.host.stat(file, acting(probing))
      return info.size >= bytes
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false
      throw error
    }
  })
}

async function waitForStatistics(probing: Probing, segment: Switched, started: number): Promise<boolean> {
  return poll(probing, segment, started, async () => {
    const [row] = await probing.session.query('SELECT last_archived_wal AS name FROM pg_stat_archiver')
    return String(row?.['name'] ?? '').slice(0, 24) >= segment.name
  })
}

async function poll(probing: Probing, segment: Switched, started: number, arrived: () => Promise<boolean>): Promise<boolean> {
  const { host } = probing.gathering
  for (let pause = POLL_MS; ; pause = Math.min(pause * 1.5, host.now().getTime() - started < SOON_MS ? POLL_SOON_MS : POLL_MAX_MS)) {
    if (await arrived()) return true
    const waited = host.now().getTime() - started
    if (waited >= probing.timeoutMs) return false
    probing.waiting({ code: 'segment', params: { segment: segment.name, seconds: Math.floor(waited / 1000), limit: Math.round(probing.timeoutMs / 1000) } })
    await host.sleep(pause)
  }
}

/** Why the segment is not there: what the archiver itself says, else what can be seen of it. */
async function explain(probing: Probing, segment: Switched, file: string | undefined, ms: number) {
  const [row] = await probing.session.query(
    // Of the processes of others, not everybody sees what they are.
    "SELECT last_archived_wal, pg_has_role('pg_read_all_stats', 'USAGE') AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'archiver') AS gone FROM pg_stat_archiver")
  const params = { segment: segment.name, seconds: Math.round(ms / 1000) }
  if (file !== undefined && String(row?.['last_archived_wal'] ?? '') >= segment.name) {
    return { code: 'gone-unarchived' satisfies Code, severity: 'error' as const, params: { ...params, file } }
  }
  const { logFact } = await import('../facts/log.ts')
  const log = await probing.gathering.fact(logFact)
  const line = log.ok ? log.value.archiverLines.at(-1) : undefined
  if (line !== undefined) return { code: 'not-archived' satisfies Code, severity: 'error' as const, params: { ...params, cause: line.text } }
  const code = row?.['gone'] === true ? 'no-archiver' : 'not-yet'
  return { code: code satisfies Code, severity: 'error' as const, params }
}
