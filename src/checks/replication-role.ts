// https://www.postgresql.org/docs/current/role-attributes.html, https://www.postgresql.org/docs/current/auth-password.html
import { hbaFact } from '../facts/hba.ts'
import { rolesFact } from '../facts/roles.ts'
import { serverFact } from '../facts/server.ts'
import { cannotJudge, defineCheck } from './check.ts'
import type { CheckContext } from './check.ts'
import type { HbaFact } from '../facts/hba.ts'
import type { Outcome } from '../facts/fact.ts'
import type { RolesFact } from '../facts/roles.ts'
import type { HbaRule } from '../postgres/hba/index.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'
import { answerFor, knowledgeOf, wantedNetworks } from './support/replication-rules.ts'

type Code = 'missing' | 'no-login' | 'no-replication' | 'secret-does-not-fit' | 'no-password' | 'expired'

const ASKS_PASSWORD = ['scram-sha-256', 'md5', 'password']

export default defineCheck({
  id: 'replication-role',
  source: 'https://www.postgresql.org/docs/current/role-attributes.html',
  needs: { roles: rolesFact },
  uses: { hba: hbaFact, server: serverFact },

  run({ roles }, { hba, server }, context) {
    const user = context.wanted.replicationUser
    const role = roles.roles.find(({ name }) => name === user)
    const fix = { kind: 'replication-role', user } as const
    if (role === undefined) return [finding<Code>('missing', 'error', { user }, { fix })]
    const quoted = /^[a-z_][a-z0-9_]*$/.test(user) ? user : `"${user.replaceAll('"', '""')}"`
    const findings: Coded<Code>[] = [
      ...(role.login ? [] : [finding('no-login', 'error', { user, quoted }, { fix })]),
      ...(role.replication || role.superuser ? [] : [finding('no-replication', 'error', { user, quoted }, { fix })]),
    ]
    const asking = hba.ok ? decidingRules(hba.value, roles, context).filter(({ method }) => ASKS_PASSWORD.includes(method)) : []
    if (asking.length === 0) return findings
    const rule = asking[0]!
    const at = { file: rule.file, line: rule.line }
    if (role.validUntil !== null && role.validUntil < context.now) findings.push(finding('expired', 'warning', { user, quoted, since: role.validUntil.toISOString() }, { at }))
    const scram = asking.find(({ method }) => method === 'scram-sha-256')
    if (role.secret === 'md5' && scram !== undefined) {
      findings.push(finding('secret-does-not-fit', 'error', { user, quoted }, { at: { file: scram.file, line: scram.line } }))
    } else if (role.secret === 'none') {
      // Over the socket many get in without a password; then nobody may ever need one.
      const bySocket = hba.ok && socketLetsIn(hba.value, roles, context)
      findings.push(finding('no-password', bySocket ? 'info' : 'warning', { user, quoted, method: rule.method }, { at }))
    } else if (role.secret === 'unknown' && findings.length === 0) {
      throw cannotJudge('no-privilege', server.ok ? { user: server.value.login } : {})
    }
    return findings
  },

  text: {
    en: {
      title: 'the replication role exists and can log in',
      about: 'A base backup needs a role with LOGIN and REPLICATION (or a superuser), and where the deciding rule of pg_hba.conf asks for a password, a stored password of a form that the rule takes: scram-sha-256 needs a SCRAM secret, md5 takes both forms. Only the form is looked at; the secret stays in the server.',
      findings: {
        missing: {
          message: 'there is no role {user}',
          why: 'Nobody can take a base backup as a role that does not exist.',
          remedy: '`pgwal enable --replication-user {user}` creates it',
        },
        'no-login': {
          message: 'role {user} may not log in',
          why: 'Without LOGIN every connection is refused: "role is not permitted to log in".',
          remedy: 'as a superuser: ALTER ROLE {quoted} LOGIN',
        },
        'no-replication': {
          message: 'role {user} may not replicate',
          why: 'Without REPLICATION the server refuses to start a walsender for it.',
          remedy: 'as a superuser: ALTER ROLE {quoted} REPLICATION',
        },
        'secret-does-not-fit': {
          message: 'role {user} has an MD5 password, but the rule asks for scram-sha-256: no login succeeds',
          why: 'The client sees only "password authentication failed"; the log says "does not have a valid SCRAM secret".',
          remedy: 'set the password again while password_encryption is scram-sha-256: \\password {quoted} in psql',
        },
        'no-password': {
          message: 'role {user} has no password, and the rule asks for {method}',
          why: 'Over this address no login can succeed.',
          remedy: 'set one (\\password {quoted} in psql), or take base backups over the socket if a rule lets you in',
        },
        expired: {
          message: 'the password of {user} expired at {since}',
          why: 'A password that has expired is refused like a wrong one.',
          remedy: 'as a superuser: ALTER ROLE {quoted} VALID UNTIL \'infinity\'',
        },
      },
    },
    'zh-TW': {
      title: '複寫角色存在且可以登入',
      about: '製作基礎備份需要具有 LOGIN 與 REPLICATION 的角色（或超級使用者）；若 pg_hba.conf 中生效的規則要求密碼，儲存的密碼格式還必須符合：scram-sha-256 需要 SCRAM 格式，md5 則兩種皆可。這裡只查看格式，密碼不會離開伺服器。',
      findings: {
        missing: {
          message: '沒有 {user} 這個角色',
          why: '不存在的角色無法製作基礎備份。',
          remedy: '`pgwal enable --replication-user {user}` 會建立它',
        },
        'no-login': {
          message: '角色 {user} 不允許登入',
          why: '沒有 LOGIN，所有連線都會遭到拒絕：「role is not permitted to log in」。',
          remedy: '以超級使用者執行：ALTER ROLE {quoted} LOGIN',
        },
        'no-replication': {
          message: '角色 {user} 不允許複寫',
          why: '沒有 REPLICATION，伺服器會拒絕為它啟動 walsender。',
          remedy: '以超級使用者執行：ALTER ROLE {quoted} REPLICATION',
        },
        'secret-does-not-fit': {
          message: '角色 {user} 的密碼是 MD5 格式，但規則要求 scram-sha-256：無法登入',
          why: '用戶端只會看到「password authentication failed」；記錄檔則寫著「does not have a valid SCRAM secret」。',
          remedy: '在 password_encryption 為 scram-sha-256 時重設密碼：於 psql 執行 \\password {quoted}',
        },
        'no-password': {
          message: '角色 {user} 沒有密碼，而規則要求 {method}',
          why: '經由這個位址不可能登入成功。',
          remedy: '設定密碼（於 psql 執行 \\password {quoted}），或在規則允許時經由 socket 製作基礎備份',
        },
        expired: {
          message: '{user} 的密碼已於 {since} 過期',
          why: '過期的密碼會如同錯誤的密碼一樣遭到拒絕。',
          remedy: '以超級使用者執行：ALTER ROLE {quoted} VALID UNTIL \'infinity\'',
        },
      },
    },
  },
})

/** The rules that decide for the wanted networks and do not refuse. */
function decidingRules(hba: HbaFact, roles: RolesFact, { wanted }: CheckContext): HbaRule[] {
  const outcome: Outcome<RolesFact> = { ok: true, value: roles }
  const knowledge = knowledgeOf(hba, outcome, wanted.replicationUser)
  const rules = wantedNetworks(hba, wanted.allowFrom).flatMap((address) => {
    const answer = answerFor(hba, wanted.replicationUser, address, knowledge)
    return answer.kind === 'allowed' ? answer.segments.flatMap(({ rule }) => (rule === null ? [] : [rule])) : []
  })
  return [...new Set(rules)]
}

function socketLetsIn(hba: HbaFact, roles: RolesFact, { wanted }: CheckContext): boolean {
  const answer = answerFor(hba, wanted.replicationUser, 'local', knowledgeOf(hba, { ok: true, value: roles }, wanted.replicationUser))
  return answer.kind === 'allowed' && answer.segments.every(({ method }) => !ASKS_PASSWORD.includes(method))
}
