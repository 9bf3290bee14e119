// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html (the same page of each major)
import { hbaFact } from '../facts/hba.ts'
import { hbaAsMajor } from '../postgres/hba/index.ts'
import type { HbaFile, HbaRule } from '../postgres/hba/index.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'

type Code = 'refused' | 'clientcert' | 'clientcert-off' | 'swallowed' | 'becomes-regex' | 'read-differently' | 'md5-deprecated'

/** The first major that warns of MD5 passwords. */
const MD5_DEPRECATED = 18

export default defineCheck<{ readonly hba: typeof hbaFact }, Record<string, never>, Code>({
  id: 'upgrade-hba',
  source: 'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
  needs: { hba: hbaFact },
  upgrade: true,
  appliesTo: (_facts, { cluster, forVersion }) => forVersion !== undefined && cluster.major < forVersion,

  run({ hba: { hba: now, complete } }, _uses, { cluster, forVersion }) {
    if (!complete) throw cannotJudge('not-readable', { target: cluster.hbaFile })
    if (cluster.major === 0) throw cannotJudge('not-readable', { target: `${cluster.dataDir}/PG_VERSION` })
    const major = forVersion!
    const then = hbaAsMajor(now, major)
    return [...refusals(now, then), ...differences(now, then), ...md5(now, then)]
  },

  text: {
    en: {
      title: 'a newer major reads pg_hba.conf alike',
      about: 'Only with `pgwal doctor --for-version N`. pg_hba.conf and what it includes is read twice, as this major reads it and as N does: lines that N refuses, and rules that mean something else to it. From 14 on a backslash at the end of a line, a comment too, joins the next line to it; from 16 on a database or role that begins with a slash is a regular expression.',
      findings: {
        refused: {
          message: 'PostgreSQL {major} does not start with this pg_hba.conf: {reason}',
          why: 'The present major takes the line. With one line that it refuses the upgraded server stays down.',
          remedy: 'change the line so that both majors take it; `pgwal hba --hba-file FILE --server-version {major} …` reads it as that server does',
        },
        clientcert: {
          message: 'PostgreSQL {major} does not start with clientcert={value} in pg_hba.conf',
          why: 'The values 0, 1 and no-verify are gone since 14. With one line that it refuses the upgraded server stays down.',
          remedy: 'write clientcert=verify-ca; the present major understands that too',
        },
        'clientcert-off': {
          message: 'PostgreSQL {major} does not start with clientcert={value} in pg_hba.conf',
          why: 'The values 0, 1 and no-verify are gone since 14. With one line that it refuses the upgraded server stays down.',
          remedy: 'leave the option out, which means the same to both majors',
        },
        swallowed: {
          message: 'PostgreSQL {major} does not see this rule: {rule}',
          why: 'From 14 on a line that ends in a backslash goes on in the next one, and a comment then takes the rule with it. Who comes in by this rule is refused, or another rule decides.',
          remedy: 'remove the backslash at the end of the line above',
        },
        'becomes-regex': {
          message: 'to PostgreSQL {major} {name} is a regular expression',
          why: 'Up to 15 it is the name of a database or role. From 16 on the rule holds for all names that match.',
          remedy: 'where the name is meant, write it as an expression from 16 on: "/^{escaped}$"',
        },
        'read-differently': {
          message: 'PostgreSQL {major} reads this rule as: {then}',
          why: 'The present major reads it as: {now}. Others come in, or are kept out.',
          remedy: 'write the line so that both majors read it alike',
        },
        'md5-deprecated': {
          message: 'PostgreSQL {major} warns of MD5 passwords, for which {count} {count|rule asks|rules ask}',
          why: 'Deprecated since 18, and to be removed in a later major. The rules also let SCRAM passwords in.',
          remedy: 'set password_encryption = scram-sha-256, set the passwords again, then write scram-sha-256 in place of md5',
        },
      },
    },
    'zh-TW': {
      title: '較新的主要版本對 pg_hba.conf 的解讀相同',
      about: '僅在使用 `pgwal doctor --for-version N` 時執行。pg_hba.conf 及其引入的檔案會讀取兩次，一次依照目前的主要版本，一次依照 N：找出 N 不接受的行，以及對它有不同意義的規則。自 14 版起，行尾的反斜線（註解也一樣）會將下一行接上來；自 16 版起，以斜線開頭的資料庫或角色名稱是正規表示式。',
      findings: {
        refused: {
          message: 'PostgreSQL {major} 無法以這個 pg_hba.conf 啟動：{reason}',
          why: '目前的主要版本接受這一行。只要有一行不被接受，升級後的伺服器就無法啟動。',
          remedy: '修改這一行，讓兩個主要版本都能接受；`pgwal hba --hba-file FILE --server-version {major} …` 會以該版本的方式讀取',
        },
        clientcert: {
          message: 'pg_hba.conf 中有 clientcert={value} 時，PostgreSQL {major} 無法啟動',
          why: '自 14 版起已沒有 0、1 與 no-verify 這些值。只要有一行不被接受，升級後的伺服器就無法啟動。',
          remedy: '請改寫為 clientcert=verify-ca；目前的主要版本也能理解',
        },
        'clientcert-off': {
          message: 'pg_hba.conf 中有 clientcert={value} 時，PostgreSQL {major} 無法啟動',
          why: '自 14 版起已沒有 0、1 與 no-verify 這些值。只要有一行不被接受，升級後的伺服器就無法啟動。',
          remedy: '去掉這個選項，對兩個主要版本的意義相同',
        },
        swallowed: {
          message: 'PostgreSQL {major} 看不到這條規則：{rule}',
          why: '自 14 版起，以反斜線結尾的行會延續到下一行，註解因此會連同規則一起吞掉。以這條規則登入的人會被拒絕，或改由其他規則決定。',
          remedy: '移除上一行結尾的反斜線',
        },
        'becomes-regex': {
          message: '對 PostgreSQL {major} 而言，{name} 是正規表示式',
          why: '15 版以前它是資料庫或角色的名稱。自 16 版起，規則適用於所有相符的名稱。',
          remedy: '若指的是這個名稱，自 16 版起請寫成正規表示式："/^{escaped}$"',
        },
        'read-differently': {
          message: 'PostgreSQL {major} 將這條規則讀成：{then}',
          why: '目前的主要版本將它讀成：{now}。因此可能放行其他人，或將人擋在門外。',
          remedy: '改寫這一行，讓兩個主要版本的解讀相同',
        },
        'md5-deprecated': {
          message: 'PostgreSQL {major} 會對 MD5 密碼提出警告，而有 {count} 條規則要求使用',
          why: '自 18 版起已不建議使用，之後的主要版本將會移除。這些規則也接受 SCRAM 密碼。',
          remedy: '設定 password_encryption = scram-sha-256，重新設定密碼，再將 md5 改寫為 scram-sha-256',
        },
      },
    },
  },
})

const placeKey = ({ file, line }: { readonly file: string; readonly line: number }): string => JSON.stringify([file, line])

/** Lines that only the newer major refuses; what both refuse is told by `hba-loads`. */
function refusals(now: HbaFile, then: HbaFile): Coded<Code>[] {
  const known = new Set(now.errors.filter(({ fatal }) => fatal).map(placeKey))
  const lines = new Map(now.lines.map((line) => [placeKey(line), line]))
  return then.errors.filter((error) => error.fatal && !known.has(placeKey(error))).map((error) => {
    const at = error.line > 0 ? { file: error.file, line: error.line } : { file: error.file }
    const word = lines.get(placeKey(error))?.fields.flat().find(({ raw }) => /^clientcert=(?:0|1|no-verify)$/.test(raw))?.raw
    if (word === undefined) return finding('refused', 'error', { major: then.major, reason: error.message }, { at })
    const value = word.slice('clientcert='.length)
    return finding(value === '1' ? 'clientcert' : 'clientcert-off', 'error', { major: then.major, value }, { at })
  })
}

/** Rules that only this major sees, or that mean something else to the newer one. */
function differences(now: HbaFile, then: HbaFile): Coded<Code>[] {
  const later = new Map(then.lines.map((line) => [placeKey(line), line]))
  return now.rules.flatMap((rule): Coded<Code>[] => {
    const at = { file: rule.file, line: rule.line }
    const line = later.get(placeKey(rule))
    if (line === undefined) return [finding('swallowed', 'warning', { major: then.major, rule: shown(rule) }, { at })]
    if (line.rule === null || meaning(rule) === meaning(line.rule)) return []
    const patterns = expressions(line.rule).filter((name) => !expressions(rule).includes(name))
    if (patterns.length === 0) return [finding('read-differently', 'warning', { major: then.major, now: shown(rule), then: shown(line.rule) }, { at })]
    return patterns.map((name) => finding('becomes-regex', 'warning', { major: then.major, name, escaped: name.replace(/[^A-Za-z0-9_/\u0080-\uffff]/g, '\\$&') }, { at }))
  })
}

function expressions({ databases, users }: HbaRule): string[] {
  return [...databases, ...users].filter(({ kind }) => kind === 'regex').map(({ text }) => text)
}

function meaning({ type, databases, users, address, mask, method, options }: HbaRule): string {
  const names = (list: HbaRule['users']) => list.map(({ kind, raw }) => [kind, raw])
  return JSON.stringify([type, names(databases), names(users), address, mask, method, options])
}

function shown({ text }: HbaRule): string {
  return text.trim().replace(/\s+/g, ' ')
}

function md5(now: HbaFile, then: HbaFile): Coded<Code>[] {
  const rules = then.rules.filter(({ method }) => method === 'md5')
  if (now.major >= MD5_DEPRECATED || then.major < MD5_DEPRECATED || rules.length === 0) return []
  return [finding('md5-deprecated', 'info', { major: then.major, count: rules.length }, { at: { file: rules[0]!.file, line: rules[0]!.line } })]
}
