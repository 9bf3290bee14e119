// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-WAL-KEEP-SIZE (wal_keep_segments in 12)
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { identityFact } from '../facts/identity.ts'
import { replicationFact } from '../facts/replication.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { inForce, knownValue, numberOf } from './support/settings.ts'

const DEFAULT_SEGMENT_SIZE = 16 << 20
/** Bytes that enable asks for. */
const ENOUGH = 1 << 30

export default defineCheck({
  id: 'wal-keep-size',
  source: 'https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-WAL-KEEP-SIZE',
  needs: { settings: effectiveSettingsFact },
  uses: { replication: replicationFact, identity: identityFact },

  run({ settings }, { replication, identity }, { cluster }) {
    const name = cluster.major >= 13 ? 'wal_keep_size' : 'wal_keep_segments'
    const kept = numberOf(inForce(settings, name), cluster.major >= 13 ? 'MB' : undefined)
    if (kept > 0) return []
    const segments = Math.ceil(ENOUGH / (identity.ok ? identity.value.segmentSize : DEFAULT_SEGMENT_SIZE))
    const value = cluster.major >= 13 ? '1GB' : String(segments)
    const more = { at: settings.get(name)?.at, fix: { kind: 'setting', name, value, atLeast: true } } as const
    if (!replication.ok || replication.value.withoutSlot === 0) return [finding('zero', 'info', { name, value }, more)]
    const { withoutSlot: receivers, walPrograms } = replication.value
    // A standby takes what is gone from the archive, where there is one; pg_receivewal cannot.
    const lost = knownValue(settings.get('archive_mode')) === 'off' || walPrograms.some(({ slot }) => !slot)
    return [finding('receivers-unprotected', lost ? 'warning' : 'info', { name, receivers, value }, more)]
  },

  text: {
    en: {
      title: 'pg_wal keeps some WAL for those who fall behind',
      about: 'wal_keep_size (wal_keep_segments in 12) keeps the newest segments in pg_wal although the server needs them no more, so that a standby, pg_receivewal or a base backup without a slot finds them after a pause. The archive is a second source for a standby that has a restore_command; pg_receivewal has none.',
      findings: {
        zero: {
          message: '{name} is 0: a receiver that pauses may find its next segment gone',
          why: 'Without a replication slot nothing but luck keeps a segment in pg_wal after the checkpoint that frees it.',
          remedy: '`pgwal enable` sets {name} = {value} (a reload is enough)',
        },
        'receivers-unprotected': {
          message: '{name} is 0, and {receivers} {receivers|receiver streams|receivers stream} without a slot',
          why: 'After a short interruption the segment that it needs may be gone: "requested WAL segment has already been removed"; a standby must then be built anew.',
          remedy: '`pgwal enable` sets {name} = {value} (a reload is enough); a replication slot is the surer way',
        },
      },
    },
    'zh-TW': {
      title: 'pg_wal 會為落後的接收端保留部分 WAL',
      about: 'wal_keep_size（12 版為 wal_keep_segments）會在 pg_wal 中保留伺服器已不需要的最新區段，讓未使用複寫槽的備援伺服器、pg_receivewal 或基礎備份在中斷後仍找得到。設有 restore_command 的備援伺服器還能從歸檔取得，pg_receivewal 則不能。',
      findings: {
        zero: {
          message: '{name} 為 0：暫停的接收端可能找不到接下來的區段',
          why: '沒有複寫槽時，檢查點釋出區段之後，它是否仍留在 pg_wal 只能碰運氣。',
          remedy: '`pgwal enable` 會設定 {name} = {value}（重新載入即可）',
        },
        'receivers-unprotected': {
          message: '{name} 為 0，而有 {receivers} 個接收端未使用複寫槽進行串流',
          why: '短暫中斷之後，所需的區段可能已經消失：「requested WAL segment has already been removed」；備援伺服器就必須重建。',
          remedy: '`pgwal enable` 會設定 {name} = {value}（重新載入即可）；使用複寫槽更為可靠',
        },
      },
    },
  },
})
