// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-WAL-SENDERS
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { replicationFact } from '../facts/replication.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { inForce, numberOf } from './support/settings.ts'

export default defineCheck({
  id: 'max-wal-senders',
  source: 'https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-WAL-SENDERS',
  needs: { settings: effectiveSettingsFact },
  uses: { replication: replicationFact },

  run({ settings }, { replication }) {
    const limit = numberOf(inForce(settings, 'max_wal_senders'))
    const at = settings.get('max_wal_senders')?.at
    const fix = { kind: 'setting', name: 'max_wal_senders', value: '3', atLeast: true } as const
    if (limit === 0) return [finding('none', 'error', {}, { at, fix })]
    // pg_basebackup streams the WAL beside the files: two connections.
    if (limit === 1) return [finding('too-few', 'warning', { limit }, { at, fix })]
    if (replication.ok && replication.value.senders >= limit) {
      return [finding('all-used', 'warning', { limit, used: replication.value.senders }, { at })]
    }
    return []
  },

  text: {
    en: {
      title: 'max_wal_senders leaves room for base backups',
      about: 'pg_basebackup, pg_receivewal and each standby take one walsender of the server, pg_basebackup two while it streams the WAL. With max_wal_senders 0 no base backup can be taken at all.',
      findings: {
        none: {
          message: 'max_wal_senders is 0: no base backup can be taken',
          why: 'Archived WAL is of use only together with a base backup, and pg_basebackup is refused.',
          remedy: '`pgwal enable` sets max_wal_senders = 3 (needs a restart)',
        },
        'too-few': {
          message: 'max_wal_senders is {limit}: pg_basebackup needs two',
          why: 'pg_basebackup opens a second connection to stream the WAL; with one walsender it fails unless it is told -X fetch or -X none.',
          remedy: '`pgwal enable` sets max_wal_senders = 3 (needs a restart)',
        },
        'all-used': {
          message: 'all {limit} walsenders are in use',
          why: 'The next base backup or standby is refused: "number of requested standby connections exceeds max_wal_senders".',
          remedy: 'see who holds them (`SELECT * FROM pg_stat_replication`), or raise max_wal_senders (needs a restart)',
        },
      },
    },
    'zh-TW': {
      title: 'max_wal_senders 足夠供基礎備份使用',
      about: 'pg_basebackup、pg_receivewal 與每台備援伺服器各占用一個 walsender；pg_basebackup 在串流 WAL 時會占用兩個。max_wal_senders 為 0 時完全無法製作基礎備份。',
      findings: {
        none: {
          message: 'max_wal_senders 為 0：無法製作基礎備份',
          why: '歸檔的 WAL 必須搭配基礎備份才有用，而 pg_basebackup 會遭到拒絕。',
          remedy: '`pgwal enable` 會設定 max_wal_senders = 3（需要重新啟動）',
        },
        'too-few': {
          message: 'max_wal_senders 為 {limit}：pg_basebackup 需要兩個',
          why: 'pg_basebackup 會開啟第二條連線來串流 WAL；只有一個 walsender 時，除非使用 -X fetch 或 -X none，否則會失敗。',
          remedy: '`pgwal enable` 會設定 max_wal_senders = 3（需要重新啟動）',
        },
        'all-used': {
          message: '{limit} 個 walsender 已全部占用',
          why: '下一次基礎備份或備援連線會遭到拒絕：「number of requested standby connections exceeds max_wal_senders」。',
          remedy: '查看占用者（`SELECT * FROM pg_stat_replication`），或提高 max_wal_senders（需要重新啟動）',
        },
      },
    },
  },
})
