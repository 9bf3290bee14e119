// https://www.postgresql.org/docs/current/view-pg-replication-slots.html
// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-SLOT-WAL-KEEP-SIZE
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { replicationFact } from '../facts/replication.ts'
import type { SlotView } from '../facts/replication.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'
import { inForce, knownValue, numberOf } from './support/settings.ts'
import { sqlLiteral } from './support/sql-literal.ts'

type Code = 'lost' | 'nearly-lost' | 'abandoned' | 'abandoned-bounded' | 'behind' | 'no-cap' | 'all-used'

const MIB = 2 ** 20

export default defineCheck({
  id: 'replication-slots',
  source: 'https://www.postgresql.org/docs/current/view-pg-replication-slots.html',
  needs: { replication: replicationFact, settings: effectiveSettingsFact },

  run({ replication: { slots }, settings }) {
    const limit = numberOf(inForce(settings, 'max_replication_slots'))
    const cap = knownValue(settings.get('max_slot_wal_keep_size'))
    const capBytes = cap === undefined || cap === '-1' ? undefined : numberOf(cap, 'MB') * MIB
    // What the server may keep by itself; a slot that needs no more costs nothing.
    const usual = numberOf(inForce(settings, 'max_wal_size'), 'MB') * MIB
    const at = settings.get('max_slot_wal_keep_size')?.at
    // A standby's copies of its primary's slots are never in use there.
    const own = slots.filter(({ synced }) => !synced)
    const findings = own.flatMap((slot) => judge(slot, usual, capBytes))
    if (own.length > 0 && cap === '-1') findings.push(finding('no-cap', 'info', { count: own.length }, { at }))
    if (limit > 0 && slots.length >= limit) findings.push(finding('all-used', 'warning', { limit }, { at: settings.get('max_replication_slots')?.at }))
    return findings
  },

  text: {
    en: {
      title: 'replication slots hold no WAL back for nobody',
      about: 'A slot keeps all WAL that its standby, receiver or subscriber has not fetched, also while nobody is there: pg_wal then grows until its disk is full and the server stops. max_slot_wal_keep_size (13 and newer) bounds that, at the price of the slot: what falls behind it is lost and must be built anew. A slot that holds no more than max_wal_size costs nothing and is not told of.',
      findings: {
        lost: {
          message: 'slot {name} is lost ({reason}): whoever uses it cannot go on',
          why: 'WAL that it had yet to fetch is gone: "requested WAL segment has already been removed". A standby must be built anew; the archive of a receiver has a gap.',
          remedy: 'drop it (SELECT pg_drop_replication_slot({literal})), and build what used it anew',
        },
        'nearly-lost': {
          message: 'slot {name} is about to be lost: it is {keptBytes} behind, more than max_slot_wal_keep_size allows',
          why: 'The next checkpoint removes WAL that it has not fetched; then it cannot go on.',
          remedy: 'bring its user back at once, or raise max_slot_wal_keep_size (a reload is enough) while the disk has room',
        },
        abandoned: {
          message: 'slot {name} keeps {keptBytes} of WAL for a {kind} user who is not there, without limit',
          why: 'pg_wal grows until its disk is full; then the server stops.',
          remedy: 'bring its user back; if there is none any more: SELECT pg_drop_replication_slot({literal})',
        },
        'abandoned-bounded': {
          message: 'slot {name} keeps {keptBytes} of WAL for a {kind} user who is not there; at {capBytes} it is lost',
          why: 'max_slot_wal_keep_size saves the disk, and gives the slot up for it.',
          remedy: 'bring its user back; if there is none any more: SELECT pg_drop_replication_slot({literal})',
        },
        behind: {
          message: 'the user of slot {name} is {keptBytes} behind',
          why: 'It is connected, but does not keep up; what it has not fetched stays in pg_wal.',
          remedy: 'look at its state: SELECT * FROM pg_stat_replication; run this again to see whether it catches up',
        },
        'no-cap': {
          message: 'max_slot_wal_keep_size is -1: {count} {count|slot|slots} may fill the disk of pg_wal',
          why: 'A standby or subscriber that is down long enough stops the server. With a limit it loses its slot instead; which of the two is worse is for you to say.',
          remedy: 'set max_slot_wal_keep_size to what the disk of pg_wal can spare (a reload is enough)',
        },
        'all-used': {
          message: 'all {limit} replication slots are in use',
          why: 'pg_basebackup makes a slot for itself while it streams the WAL: the next one fails with "all replication slots are in use".',
          remedy: 'drop slots that nobody needs, or raise max_replication_slots (needs a restart)',
        },
      },
    },
    'zh-TW': {
      title: '沒有複寫槽為無人使用的對象保留 WAL',
      about: '複寫槽會保留備援伺服器、接收端或訂閱端尚未取走的所有 WAL，即使對方不在也一樣：pg_wal 會持續增長，直到磁碟滿載、伺服器停止。max_slot_wal_keep_size（13 版起）可加以限制，代價是犧牲複寫槽：落後超過上限者即失效，必須重建。保留量不超過 max_wal_size 的複寫槽不造成負擔，因此不會提及。',
      findings: {
        lost: {
          message: '複寫槽 {name} 已失效（{reason}）：使用它的一方無法繼續',
          why: '它尚未取走的 WAL 已經消失：「requested WAL segment has already been removed」。備援伺服器必須重建；接收端的歸檔則有缺口。',
          remedy: '移除它（SELECT pg_drop_replication_slot({literal})），並重建使用它的一方',
        },
        'nearly-lost': {
          message: '複寫槽 {name} 即將失效：落後 {keptBytes}，已超過 max_slot_wal_keep_size 的上限',
          why: '下一次檢查點會移除它尚未取走的 WAL，之後就無法繼續。',
          remedy: '立即恢復使用它的一方，或在磁碟仍有空間時調高 max_slot_wal_keep_size（重新載入即可）',
        },
        abandoned: {
          message: '複寫槽 {name}（{kind}）為不在線上的使用者保留了 {keptBytes} 的 WAL，且沒有上限',
          why: 'pg_wal 會持續增長直到磁碟滿載，屆時伺服器就會停止。',
          remedy: '恢復使用它的一方；若已無人使用：SELECT pg_drop_replication_slot({literal})',
        },
        'abandoned-bounded': {
          message: '複寫槽 {name}（{kind}）為不在線上的使用者保留了 {keptBytes} 的 WAL；達到 {capBytes} 時就會失效',
          why: 'max_slot_wal_keep_size 保住了磁碟，但會因此放棄複寫槽。',
          remedy: '恢復使用它的一方；若已無人使用：SELECT pg_drop_replication_slot({literal})',
        },
        behind: {
          message: '複寫槽 {name} 的使用者落後 {keptBytes}',
          why: '它已連線但跟不上；尚未取走的部分會留在 pg_wal。',
          remedy: '查看其狀態：SELECT * FROM pg_stat_replication；稍後再執行一次，確認是否追上',
        },
        'no-cap': {
          message: 'max_slot_wal_keep_size 為 -1：{count} 個複寫槽可能塞滿 pg_wal 所在的磁碟',
          why: '備援伺服器或訂閱端停機過久會讓伺服器停止。設定上限後，失去的是它的複寫槽；兩者何者較嚴重由您決定。',
          remedy: '將 max_slot_wal_keep_size 設為 pg_wal 所在磁碟能夠承受的大小（重新載入即可）',
        },
        'all-used': {
          message: '{limit} 個複寫槽已全部占用',
          why: 'pg_basebackup 在串流 WAL 時會為自己建立複寫槽：下一次執行會失敗，訊息為「all replication slots are in use」。',
          remedy: '移除無人需要的複寫槽，或調高 max_replication_slots（需要重新啟動）',
        },
      },
    },
  },
})

function judge(slot: SlotView, usual: number, capBytes: number | undefined): Coded<Code>[] {
  const { name, kind, active, retainedBytes, walStatus, invalidation } = slot
  const literal = sqlLiteral(name)
  if (walStatus === 'lost') return [finding('lost', 'error', { name, literal, reason: invalidation ?? 'wal_removed' })]
  const keptBytes = retainedBytes ?? 0
  if (walStatus === 'unreserved') return [finding('nearly-lost', 'warning', { name, literal, keptBytes })]
  if (keptBytes <= usual) return []
  if (active) return [finding('behind', 'info', { name, keptBytes })]
  return capBytes === undefined
    ? [finding('abandoned', 'warning', { name, literal, keptBytes, kind })]
    : [finding('abandoned-bounded', 'warning', { name, literal, keptBytes, kind, capBytes })]
}
