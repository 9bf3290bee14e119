/**
 * A physical replication connection, as pg_basebackup opens it. `replication=database` would pass through other rules and
 * prove nothing, so only the physical form is tried.
 * @see https://www.postgresql.org/docs/current/protocol-replication.html
 * @see https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
 */
import { codeOf } from '../errors.ts'
import type { Finding } from '../checks/check.ts'
import type { Connection, Session } from '../host/host.ts'
import { connectionOptionsOf } from '../facts/connection.ts'
import type { ConnectionOptions } from '../facts/connection.ts'
import { shellWord } from '../checks/support/shell-word.ts'
import { failed, passed, skipped } from './probe.ts'
import type { Probe, Probing } from './probe.ts'

type Code = 'refused' | 'not-listening' | 'login-failed' | 'no-password' | 'password-file-open' | 'password-for-others' | 'other-server'

const LOOPBACK = ['127.0.0.1', '::1'] as const

type Attempt =
  | { readonly kind: 'in'; readonly where: string }
  | { readonly kind: 'not'; readonly finding: Finding }

export const replicationLogin: Probe<Code> = {
  id: 'replication-login',
  source: 'https://www.postgresql.org/docs/current/app-pgbasebackup.html',
  alongside: true,

  async run(probing) {
    const { gathering } = probing
    const [row] = await probing.session.query(
      "SELECT current_setting('max_wal_senders')::int AS senders, system_identifier::text AS id FROM pg_control_system()")
    if (Number(row?.['senders']) === 0) return skipped('no-wal-senders')
    const id = String(row?.['id'])
    const user = gathering.wanted.replicationUser
    const options = await connectionOptionsOf(gathering)

    const attempts: Attempt[] = []
    const interfaces = gathering.host.interfaces()
    for (const host of LOOPBACK) {
      // A machine without IPv6 has no ::1 to listen on.
      if (host === '::1' && interfaces.length > 0 && !interfaces.includes('::1/128')) continue
      probing.waiting({ code: 'login', params: { host, user } })
      const { password, sslmode } = await options.credentials(host, user, 'replication')
      attempts.push(await attempt(probing, { ...base(probing, host, user), ...(password === undefined ? {} : { password }), sslmode: sslmode ?? 'prefer' }, id, options))
    }
    const inside = attempts.flatMap((one) => (one.kind === 'in' ? [one.where] : []))
    const findings = attempts.flatMap((one) => (one.kind === 'not' ? [one.finding] : []))
    // Both addresses mean the same machine: one that the server does not listen on is no defect when the other works.
    const defects = inside.length > 0 ? findings.filter((finding) => finding.code !== 'not-listening') : findings
    if (defects.length > 0) return failed(...defects)
    return passed('in', { user, where: inside.join(', ') })
  },

  text: {
    en: {
      title: 'the replication role can open a physical replication connection',
      about: 'The server is asked over 127.0.0.1 and ::1 as pg_basebackup would: start-up packet with replication=true, authentication, IDENTIFY_SYSTEM. Which pg_hba.conf rule answers is seen even without a password.',
      passed: { in: 'replication login as {user} over {where}' },
      findings: {
        refused: {
          message: '{user} is refused over {host}: {reason}',
          why: 'pg_basebackup and standbys need a physical replication connection; a rule for `all` databases does not cover it.',
          remedy: '`pgwal enable` adds the rule; `pgwal hba --user {user} --database replication --address {host}` shows who decides',
        },
        'not-listening': {
          message: 'nothing listens on {host} port {port}',
          why: 'A base backup through this address cannot connect.',
          remedy: 'include localhost in listen_addresses (needs a restart)',
        },
        'login-failed': {
          message: 'the rule for {host} asks for {method}, and the login of {user} fails: {reason}',
          why: 'The rule is there, but the password that pgwal was given, or the stored one, does not fit.',
          remedy: 'set the password again (`\\password {user}` in psql) and put it into ~/.pgpass',
          windows: 'set the password again (`\\password {user}` in psql) and put it into %APPDATA%\\postgresql\\pgpass.conf',
        },
        'no-password': {
          message: 'the rule for {host} asks {user} for {method}; the login itself was not tried, for want of a password',
          why: 'The rule works, which was proved by the server\'s own answer. Whether the password does is not known.',
          remedy: 'put the password into ~/.pgpass, or set PGPASSWORD, and run `pgwal verify` again',
          windows: 'put the password into %APPDATA%\\postgresql\\pgpass.conf, or set PGPASSWORD, and run `pgwal verify` again',
        },
        'password-file-open': {
          message: 'the rule for {host} asks {user} for {method}, and {file} is ignored: its mode is {mode}',
          why: 'Every PostgreSQL client leaves a password file aside that others than its owner may read; a base backup by a timer then fails.',
          remedy: 'chmod 600 {word}',
        },
        'password-for-others': {
          message: 'the rule for {host} asks {user} for {method}, and the password file has one for the database {database} only',
          why: 'A replication connection goes by the name `replication` there; a line for a database does not count.',
          remedy: 'write that line again with `replication`, or `*`, as its third field: {host}:{port}:replication:{user}:…',
        },
        'other-server': {
          message: '{host} port {port} is a server with another system identifier',
          why: 'A base backup taken through this address would be of another cluster.',
          remedy: 'give each cluster a port of its own, and name it with -p',
        },
      },
    },
    'zh-TW': {
      title: '複寫角色可以建立實體複寫連線',
      about: '以 pg_basebackup 的方式，經由 127.0.0.1 與 ::1 詢問伺服器：帶有 replication=true 的啟動封包、驗證、IDENTIFY_SYSTEM。即使沒有密碼，也能看出是哪一條 pg_hba.conf 規則在回應。',
      passed: { in: '{user} 可經由 {where} 進行複寫登入' },
      findings: {
        refused: {
          message: '{user} 經由 {host} 遭到拒絕：{reason}',
          why: 'pg_basebackup 與備援伺服器需要實體複寫連線；資料庫欄位為 `all` 的規則並不包含它。',
          remedy: '`pgwal enable` 會加入規則；`pgwal hba --user {user} --database replication --address {host}` 會顯示由哪條規則決定',
        },
        'not-listening': {
          message: '{host} 連接埠 {port} 沒有任何服務在接聽',
          why: '無法經由這個位址製作基礎備份。',
          remedy: '在 listen_addresses 中加入 localhost（需要重新啟動）',
        },
        'login-failed': {
          message: '{host} 的規則要求 {method}，但 {user} 登入失敗：{reason}',
          why: '規則存在，但提供給 pgwal 的密碼或伺服器儲存的密碼不相符。',
          remedy: '重新設定密碼（在 psql 中執行 `\\password {user}`），並寫入 ~/.pgpass',
          windows: '重新設定密碼（psql 中的 `\\password {user}`），並寫入 %APPDATA%\\postgresql\\pgpass.conf',
        },
        'no-password': {
          message: '{host} 的規則要求 {user} 使用 {method}；因為沒有密碼，未嘗試實際登入',
          why: '伺服器的回應已證明規則有效；密碼是否正確則不得而知。',
          remedy: '將密碼寫入 ~/.pgpass 或設定 PGPASSWORD，然後再次執行 `pgwal verify`',
          windows: '將密碼寫入 %APPDATA%\\postgresql\\pgpass.conf，或設定 PGPASSWORD，再次執行 `pgwal verify`',
        },
        'password-file-open': {
          message: '{host} 的規則要求 {user} 使用 {method}，但 {file} 被忽略：其權限為 {mode}',
          why: '只要擁有者以外的人可以讀取，任何 PostgreSQL 用戶端都不會採用密碼檔；由計時器執行的基礎備份因此會失敗。',
          remedy: 'chmod 600 {word}',
        },
        'password-for-others': {
          message: '{host} 的規則要求 {user} 使用 {method}，但密碼檔中只有資料庫 {database} 的密碼',
          why: '複寫連線在其中的名稱是 `replication`；指定其他資料庫的行不算數。',
          remedy: '請將該行的第三欄改寫為 `replication` 或 `*`：{host}:{port}:replication:{user}:…',
        },
        'other-server': {
          message: '{host} 連接埠 {port} 是系統識別碼不同的另一部伺服器',
          why: '經由這個位址製作的基礎備份會屬於另一個叢集。',
          remedy: '讓每個叢集使用各自的連接埠，並以 -p 指定',
        },
      },
    },
  },
}

function base(probing: Probing, host: string, user: string): Connection {
  return { host, port: probing.gathering.cluster.port, user, database: 'replication', replication: 'physical', timeoutMs: 10_000 }
}

async function attempt(probing: Probing, connection: Connection, systemIdentifier: string, options: ConnectionOptions): Promise<Attempt> {
  const { host } = probing.gathering
  const place = { host: connection.host, port: connection.port, user: connection.user }
  let method: string
  try {
    const answer = await host.probeAuthentication(connection, false)
    if (answer.kind === 'refused') return not('refused', 'error', { ...place, reason: answer.message })
    method = answer.method
  } catch (error) {
    return not('not-listening', 'warning', { ...place, reason: codeOf(error) })
  }
  if (method !== 'trust' && connection.password === undefined) return withoutPassword(options, place, method)
  let session: Session | undefined
  try {
    session = await host.connect(connection)
    const [row] = await session.query('IDENTIFY_SYSTEM')
    if (String(row?.['systemid']) !== systemIdentifier) return not('other-server', 'error', place)
    return { kind: 'in', where: connection.host }
  } catch (error) {
    return not('login-failed', 'error', { ...place, method, reason: error instanceof Error ? error.message : codeOf(error) })
  } finally {
    await session?.close()
  }
}

function withoutPassword({ ignoredFile, otherDatabases }: ConnectionOptions, place: { readonly host: string; readonly port: number; readonly user: string }, method: string): Attempt {
  if (ignoredFile !== undefined) return not('password-file-open', 'warning', { ...place, method, ...ignoredFile, word: shellWord(ignoredFile.file) })
  const [database] = otherDatabases(place.host, place.user, 'replication')
  return database === undefined ? not('no-password', 'info', { ...place, method }) : not('password-for-others', 'warning', { ...place, method, database })
}

function not(code: Code, severity: Finding['severity'], params: Finding['params']): Attempt {
  return { kind: 'not', finding: { code, severity, params } }
}
