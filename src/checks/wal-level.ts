// https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-WAL-LEVEL
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { afterRestart, inForce } from './support/settings.ts'

export default defineCheck({
  id: 'wal-level',
  source: 'https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-WAL-LEVEL',
  needs: { settings: effectiveSettingsFact },

  run({ settings }) {
    if (inForce(settings, 'wal_level') !== 'minimal') return []
    const setting = settings.get('wal_level')
    const next = afterRestart(setting)
    if (next !== undefined && next !== 'minimal') return [finding('off-until-restart', 'error', { value: next }, { at: setting?.at, fix: { kind: 'in-force' } })]
    return [finding('minimal', 'error', {}, { at: setting?.at, fix: { kind: 'setting', name: 'wal_level', value: 'replica', atLeast: true } })]
  },

  text: {
    en: {
      title: 'wal_level is enough for archiving and replication',
      about: 'WAL that can be archived and replayed needs wal_level replica or logical. With minimal, changes of bulk loads are not in the WAL at all, the server refuses to start with archive_mode on, and base backups are refused.',
      findings: {
        minimal: {
          message: 'wal_level is minimal: the WAL does not hold what a recovery needs',
          why: 'With minimal there is neither archiving nor a base backup, and a server with archive_mode on or max_wal_senders above 0 does not start.',
          remedy: '`pgwal enable` sets wal_level = replica (needs a restart); take a new base backup afterwards',
        },
        'off-until-restart': {
          message: 'wal_level is {value} in the files, but the server still runs with minimal: it was not restarted',
          why: 'wal_level counts from the start of the server on; a reload does not change it.',
          remedy: '`pgwal enable` restarts the server and proves that it archives',
        },
      },
    },
    'zh-TW': {
      title: 'wal_level 足以支援歸檔與複寫',
      about: '能夠歸檔並重播的 WAL 需要 wal_level 為 replica 或 logical。設為 minimal 時，大量載入的變更不會寫入 WAL；若同時將 archive_mode 設為 on，伺服器會拒絕啟動，基礎備份也會遭到拒絕。',
      findings: {
        minimal: {
          message: 'wal_level 為 minimal：WAL 缺少復原所需的內容',
          why: '在 minimal 之下既無法歸檔，也無法製作基礎備份；若 archive_mode 為 on 或 max_wal_senders 大於 0，伺服器將無法啟動。',
          remedy: '`pgwal enable` 會設定 wal_level = replica（需要重新啟動）；之後請重新製作基礎備份',
        },
        'off-until-restart': {
          message: '設定檔中的 wal_level 為 {value}，但伺服器仍以 minimal 執行：尚未重新啟動',
          why: 'wal_level 只在伺服器啟動時生效，重新載入不會改變它。',
          remedy: '`pgwal enable` 會重新啟動伺服器，並證明歸檔確實運作',
        },
      },
    },
  },
})
