// https://www.postgresql.org/support/versioning/
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

/** The year of a major's last minor release: on the second Thursday of its November, five years after the first. */
const LAST_YEAR: ReadonlyMap<number, number> = new Map([[9, 2021], [10, 2022], [11, 2023], [12, 2024], [13, 2025], [14, 2026], [15, 2027], [16, 2028], [17, 2029], [18, 2030]])
const DAY_MS = 86_400_000
/** How long before its end a major is mentioned. */
const NOTICE_DAYS = 183

export default defineCheck({
  id: 'postgresql-end-of-life',
  source: 'https://www.postgresql.org/support/versioning/',
  needs: {},

  appliesTo(_facts, { cluster }) {
    return LAST_YEAR.has(cluster.major)
  },

  run(_facts, _uses, { cluster, now }) {
    const end = secondThursdayOfNovember(LAST_YEAR.get(cluster.major)!)
    const date = end.toISOString().slice(0, 10)
    const params = { major: cluster.major, date }
    // On the day itself the last minor release appears.
    if (now.getTime() >= end.getTime() + DAY_MS) return [finding('ended', 'warning', params)]
    if (now.getTime() >= end.getTime() - NOTICE_DAYS * DAY_MS) return [finding('ending', 'info', params)]
    return []
  },

  text: {
    en: {
      title: 'this major of PostgreSQL still gets fixes',
      about: 'Each major gets fixes for five years; the last minor release appears on the second Thursday of November. After it bugs that lose data stay, those in WAL and recovery among them.',
      findings: {
        ended: {
          message: 'PostgreSQL {major} gets no fixes since {date}',
          why: 'Known holes and bugs that lose data are no longer corrected.',
          remedy: 'plan an upgrade with pg_upgrade; a new base backup is needed afterwards',
        },
        ending: {
          message: 'PostgreSQL {major} gets its last fixes on {date}',
          why: 'After that, known holes and bugs that lose data stay.',
          remedy: 'plan an upgrade with pg_upgrade; a new base backup is needed afterwards',
        },
      },
    },
    'zh-TW': {
      title: '這個 PostgreSQL 主要版本仍在維護期內',
      about: '每個主要版本提供五年的修正；最後一個次要版本於十一月的第二個星期四釋出。此後會遺失資料的錯誤將不再修正，包括 WAL 與復原方面的錯誤。',
      findings: {
        ended: {
          message: 'PostgreSQL {major} 自 {date} 起不再提供修正',
          why: '已知的漏洞與會遺失資料的錯誤不再修正。',
          remedy: '規劃以 pg_upgrade 升級；升級後需要新的基礎備份',
        },
        ending: {
          message: 'PostgreSQL {major} 將於 {date} 提供最後一次修正',
          why: '此後已知的漏洞與會遺失資料的錯誤將不再修正。',
          remedy: '規劃以 pg_upgrade 升級；升級後需要新的基礎備份',
        },
      },
    },
  },
})

function secondThursdayOfNovember(year: number): Date {
  const first = new Date(Date.UTC(year, 10, 1)).getUTCDay()
  return new Date(Date.UTC(year, 10, 1 + ((4 - first + 7) % 7) + 7))
}
