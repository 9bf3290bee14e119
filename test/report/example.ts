import type { Cluster } from '../../src/platforms/platform.ts'
import { summarise, type CheckResult, type ClusterReport } from '../../src/report/report.ts'
import type { Worded } from '../../src/report/words.ts'

const MAIN = '/etc/postgresql/15/main/postgresql.conf'

export const cluster: Cluster = {
  platform: 'linux-apt', id: '15/main', version: '15.20', major: 15, binDir: '/usr/lib/postgresql/15/bin', dataDir: '/var/lib/postgresql/15/main',
  configFile: MAIN, hbaFile: '/etc/postgresql/15/main/pg_hba.conf', owner: { name: 'postgres', uid: 105, gid: 110 }, port: 5432,
  socketDirs: ['/var/run/postgresql'], commandLine: [], running: true, pid: 812, service: { kind: 'systemd', name: 'postgresql@15-main' },
  logFile: '/var/log/postgresql/postgresql-15-main.log',
  evidence: [{ kind: 'postmaster', detail: '812' }, { kind: 'pg_lsclusters', detail: '15 main' }], notes: [],
}

export const words: readonly Worded[] = [
  {
    id: 'archive-mode',
    source: 'https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-ARCHIVE-MODE',
    text: {
      en: {
        title: 'archive_mode is on',
        about: 'WAL is handed to the archive command only with archive_mode on or always.',
        findings: { off: { message: 'WAL is not archived: archive_mode is {value}', why: 'Without archived WAL only whole dumps can be restored.', remedy: 'set archive_mode = on and restart' } },
      },
      'zh-TW': {
        title: 'archive_mode 為 on',
        about: '只有在 archive_mode 為 on 或 always 時，WAL 才會交給歸檔命令。',
        findings: { off: { message: 'WAL 未歸檔：archive_mode 為 {value}', why: '沒有歸檔的 WAL，就只能還原整份匯出檔。', remedy: '設定 archive_mode = on 並重新啟動' } },
      },
    },
  },
  {
    id: 'replication-rule',
    source: 'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
    text: {
      en: {
        title: 'the replication role may log in',
        about: 'Which rule decides is worked out as the server does it.',
        findings: { missing: { message: 'nobody can take a base backup over {address}', why: 'A base backup is the start of every recovery.', remedy: 'pg_hba.conf has no replication rule for it ({other}: line {line})' } },
      },
      'zh-TW': {
        title: '複寫角色可以登入',
        about: '依伺服器的方式判斷由哪一條規則決定。',
        findings: { missing: { message: '無法經由 {address} 製作基礎備份', why: '每次還原都要從基礎備份開始。', remedy: 'pg_hba.conf 中沒有適用的複寫規則（{other}：第 {line} 行）' } },
      },
    },
  },
  {
    id: 'archive-directory',
    source: 'https://www.postgresql.org/docs/current/continuous-archiving.html',
    text: {
      en: { title: 'the archive directory', about: 'It is looked at.', findings: { 'same-file-system': { message: 'same file system as the data: one full disk stops both', why: 'One disk, one fate.', remedy: 'move the archive to another disk' } } },
      'zh-TW': { title: '歸檔目錄', about: '檢視該目錄。', findings: { 'same-file-system': { message: '與資料位於同一個檔案系統：磁碟一旦滿載，兩者都會停擺', why: '一顆磁碟，同一個命運。', remedy: '將歸檔目錄移至另一顆磁碟' } } },
    },
  },
  {
    id: 'archive-round-trip',
    source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
    text: {
      en: { title: 'a segment arrives', about: 'It is tried.', findings: {}, passed: { identical: "{segment} archived in {elapsedMs}, identical to the server's" } },
      'zh-TW': { title: '區段送達', about: '實際測試。', findings: {}, passed: { identical: '{segment} 已於 {elapsedMs}內歸檔，與伺服器的檔案完全相同' } },
    },
  },
]

export const archiveMode: CheckResult = {
  id: 'archive-mode',
  verdict: { kind: 'fail', findings: [{ code: 'off', severity: 'error', params: { value: 'off' }, at: { file: MAIN, line: 241 }, fix: { kind: 'setting', name: 'archive_mode', value: 'on' } }] },
}
export const replicationRule: CheckResult = {
  id: 'replication-rule',
  verdict: { kind: 'fail', findings: [{ code: 'missing', severity: 'error', params: { address: '::1', other: '127.0.0.1', line: 97 }, fix: { kind: 'replication-rule', user: 'postgres', addresses: ['::1/128'] } }] },
}
export const archiveDirectory: CheckResult = {
  id: 'archive-directory',
  verdict: { kind: 'fail', findings: [{ code: 'same-file-system', severity: 'warning', params: {} }] },
}

export function passes(count: number): CheckResult[] {
  return Array.from({ length: count }, (_, index) => ({ id: `check-${index}`, verdict: { kind: 'pass' } }))
}

export function skipped(id: string, code: string, params: Record<string, string | number> = {}): CheckResult {
  return { id, verdict: { kind: 'skip', why: { code, params } } }
}

export function reportOf(...checks: CheckResult[]): ClusterReport {
  return { cluster, checks, summary: summarise(checks) }
}

/** The machine of the manual: not archiving. */
export const broken = reportOf(archiveDirectory, ...passes(24), skipped('log', 'not-readable', { target: 'the log' }), skipped('log-lines', 'not-readable', { target: 'the log' }), archiveMode, replicationRule)
