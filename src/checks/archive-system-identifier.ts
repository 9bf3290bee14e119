// The system identifier stands in the header of every segment: src/include/access/xlog_internal.h.
import { archiveSegmentsFact } from '../facts/archive-segments.ts'
import { identityFact } from '../facts/identity.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'archive-system-identifier',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { segments: archiveSegmentsFact, identity: identityFact },

  run({ segments: { path, faults, counts, looked, unread }, identity }) {
    const foreign = faults.find(({ code }) => code === 'system-identifier')
    if (foreign !== undefined) {
      return [finding('foreign-segments', 'error', { path, segment: foreign.name, count: counts['system-identifier'] ?? 1, found: foreign.found, own: identity.systemIdentifier }, { at: { file: `${path}/${foreign.name}` } })]
    }
    if (looked === 0 && unread > 0) throw cannotJudge('unknown-form', { target: path })
    return []
  },

  text: {
    en: {
      title: 'the archive holds this cluster\'s WAL alone',
      about: 'Every cluster has a system identifier, which stands in the header of each of its WAL segments. The newest and the oldest segments of the archive are looked at, with `--deep` all of them. Clusters number their segments alike, so two in one directory overwrite or block each other.',
      findings: {
        'foreign-segments': {
          message: '{path} holds WAL of another cluster: {segment} has system identifier {found}, this cluster {own}',
          why: 'Segments of both have the same names: they block or replace each other, and a recovery ends at the first foreign one without an error.',
          remedy: 'give this cluster an archive of its own: `pgwal enable --archive-dir DIR`; then take a new base backup',
        },
      },
    },
    'zh-TW': {
      title: '歸檔中只有本叢集的 WAL',
      about: '每個叢集都有系統識別碼，記錄在其每個 WAL 區段的標頭。這裡查看歸檔中最新與最舊的區段，加上 `--deep` 則查看全部。各叢集的區段以相同方式編號，因此同一目錄中的兩個叢集會互相覆蓋或阻擋。',
      findings: {
        'foreign-segments': {
          message: '{path} 存有另一個叢集的 WAL：{segment} 的系統識別碼為 {found}，本叢集為 {own}',
          why: '兩者的區段同名：會互相阻擋或覆蓋，而復原會在第一個外來區段處結束，且不會報錯。',
          remedy: '讓本叢集使用自己的歸檔目錄：`pgwal enable --archive-dir DIR`；然後重新製作基礎備份',
        },
      },
    },
  },
})
