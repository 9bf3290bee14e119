// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { lastBackupDrillFact } from '../facts/last-backup-drill.ts'
import { lastDrillFact } from '../facts/last-drill.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { newestDrill } from './support/newest-drill.ts'
import { knownValue } from './support/settings.ts'

const DAY_MS = 86_400_000
/** A month is long enough for a disk, a script or a colleague to change something. */
const OLD_DAYS = 30

export default defineCheck({
  id: 'restore-drill-age',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY',
  needs: { settings: effectiveSettingsFact, drill: lastDrillFact, backupDrill: lastBackupDrillFact },

  appliesTo: ({ settings }) => (knownValue(settings.get('archive_mode')) ?? 'off') !== 'off',

  run({ drill, backupDrill }, _uses, { now }) {
    const last = newestDrill(drill, backupDrill)
    if (last === null) return [finding('none', 'info')]
    // A copy of the live cluster that restores makes no kept backup whole; a backup that restores proves the archive as well.
    const failures = [
      ...(drill !== null && drill === last && drill.outcome === 'failed' ? [finding('failed', 'warning', { at: drill.at, code: drill.code ?? '' })] : []),
      ...(backupDrill?.outcome === 'failed' ? [finding('backup-failed', 'warning', { at: backupDrill.at, path: backupDrill.path ?? '', code: backupDrill.code ?? '' })] : []),
    ]
    if (failures.length > 0) return failures
    const days = Math.floor((now.getTime() - Date.parse(last.at)) / DAY_MS)
    return days > OLD_DAYS ? [finding('old', 'info', { days, at: last.at })] : []
  },

  text: {
    en: {
      title: 'a restore from the archive was tried lately',
      about: 'An archive that was never restored from is a hope. `pgwal verify --drill` copies the cluster, rolls the copy forward with nothing but the archive, and keeps the result with the state of the account that ran it (PGWAL_STATE_DIR); `pgwal verify --drill --from-backup DIR` does so with a base backup that you keep, which proves more. This check looks at the last of each.',
      findings: {
        none: {
          message: 'no restore from this archive is on record',
          why: 'Segments that arrive are half of it: only a server that came up from them shows that they can be used.',
          remedy: 'pgwal verify --drill',
        },
        old: {
          message: 'the last restore from this archive was tried {days} days ago',
          why: 'What worked then may have been changed since.',
          remedy: 'pgwal verify --drill',
        },
        failed: {
          message: 'the last restore from this archive failed ({code}), at {at}',
          why: 'As long as it is so, a recovery to a point in time cannot be relied on.',
          remedy: 'put right what `pgwal verify --drill` names, and run it again',
        },
        'backup-failed': {
          message: 'the last restore of a kept base backup ({path}) failed ({code}), at {at}',
          why: 'A backup that does not restore is none, however well the archive is.',
          remedy: 'take a new base backup, and prove it: `pgwal verify --drill --from-backup DIR`',
        },
      },
    },
    'zh-TW': {
      title: '近期曾從歸檔實際還原',
      about: '從未用來還原過的歸檔只是一種期望。`pgwal verify --drill` 會複製叢集，只靠歸檔把副本向前復原，並將結果存放在執行者的狀態目錄（PGWAL_STATE_DIR）；`pgwal verify --drill --from-backup DIR` 則以您保留的基礎備份進行，能證明的更多。這項檢查查看兩者最近一次的結果。',
      findings: {
        none: {
          message: '沒有從這個歸檔還原的紀錄',
          why: '區段送達只是一半：只有真正由它們啟動的伺服器，才能證明它們可用。',
          remedy: 'pgwal verify --drill',
        },
        old: {
          message: '最近一次從這個歸檔還原是在 {days} 天前',
          why: '當時可行的，之後可能已經改變。',
          remedy: 'pgwal verify --drill',
        },
        failed: {
          message: '最近一次從這個歸檔還原失敗（{code}），時間為 {at}',
          why: '在修正之前，無法信賴時間點還原。',
          remedy: '修正 `pgwal verify --drill` 指出的問題，然後再執行一次',
        },
        'backup-failed': {
          message: '最近一次還原保留的基礎備份（{path}）失敗（{code}），時間為 {at}',
          why: '無法還原的備份等於沒有備份，歸檔再完好也一樣。',
          remedy: '重新製作基礎備份，並加以證明：`pgwal verify --drill --from-backup DIR`',
        },
      },
    },
  },
})
