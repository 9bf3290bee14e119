// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: physical replication matches the keyword `replication` only.
import { hbaFact } from '../facts/hba.ts'
import { rolesFact } from '../facts/roles.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'
import { answerFor, isLoopback, knowledgeOf, wantedNetworks } from './support/replication-rules.ts'

type Code = 'no-rule' | 'rejected' | 'uncertain' | 'trust'

export default defineCheck({
  id: 'replication-rule',
  source: 'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
  needs: { hba: hbaFact },
  uses: { roles: rolesFact },

  run({ hba }, { roles }, { cluster, wanted }) {
    if (!hba.complete) throw cannotJudge('not-readable', { target: cluster.hbaFile })
    const user = wanted.replicationUser
    const knowledge = knowledgeOf(hba, roles, user)
    const answers = wantedNetworks(hba, wanted.allowFrom).map((address) => answerFor(hba, user, address, knowledge))
    const fix = (addresses: readonly string[]) => ({ kind: 'replication-rule', user, addresses }) as const
    const missing = answers.flatMap((answer) => (answer.kind === 'refused' && answer.rule === null ? [answer] : []))
    return [
      ...(missing.length === 0 ? [] : [
        finding<Code>('no-rule', 'error', { user, addresses: missing.map(({ part }) => short(part)).join(', ') }, { at: { file: cluster.hbaFile }, fix: fix(missing.map(({ address }) => address)) }),
      ]),
      ...answers.flatMap((answer): Coded<Code>[] => {
        switch (answer.kind) {
          case 'refused':
            if (answer.rule === null) return []
            return [finding('rejected', 'error', { user, address: short(answer.part), rule: answer.rule.text.trim() }, { at: { file: answer.rule.file, line: answer.rule.line } })]
          case 'uncertain':
            return [finding('uncertain', 'info', { user, address: short(answer.address), rule: answer.rule.text.trim() }, { at: { file: answer.rule.file, line: answer.rule.line } })]
          case 'allowed': {
            const trusting = isLoopback(answer.address) ? undefined : answer.segments.find(({ method }) => method === 'trust')?.rule
            return trusting === undefined || trusting === null ? [] : [finding('trust', 'warning', { user, address: short(answer.address), rule: trusting.text.trim() }, { at: { file: trusting.file, line: trusting.line } })]
          }
        }
      }),
    ]
  },

  text: {
    en: {
      title: 'pg_hba.conf lets base backups in',
      about: 'pg_basebackup, pg_receivewal and standbys open a physical replication connection. The first rule whose type, address, database and user match decides, and only the word replication in the database field matches: `all` does not. Asked for the replication role from 127.0.0.1, ::1 and each wanted network, with TLS where the server has it and without.',
      findings: {
        'no-rule': {
          message: 'nobody can take a base backup as {user} over {addresses}: pg_hba.conf has no replication rule for it',
          why: 'pg_basebackup is refused: "no pg_hba.conf entry for replication connection". A rule for all databases does not cover replication.',
          remedy: '`pgwal enable` adds the rule where it takes effect',
        },
        rejected: {
          message: 'a base backup as {user} over {address} is rejected: {rule}',
          why: 'The first rule that matches decides; what stands below it is not looked at.',
          remedy: 'if that is not meant, put a replication rule for {user} above this line, or change it',
        },
        uncertain: {
          message: 'whether {user} may replicate over {address} depends on what cannot be seen: {rule}',
          why: 'The rule names a group or a host name, which only the server can resolve.',
          remedy: 'run as root or as the cluster\'s owner with the server up; `pgwal verify` tries the login itself',
        },
        trust: {
          message: 'anybody at {address} can copy the whole cluster as {user} without a password: {rule}',
          why: 'trust asks for nothing; a base backup holds every table and every stored password.',
          remedy: 'use scram-sha-256 in that rule, and give {user} a password',
        },
      },
    },
    'zh-TW': {
      title: 'pg_hba.conf 允許製作基礎備份的連線',
      about: 'pg_basebackup、pg_receivewal 與備援伺服器使用實體複寫連線。由第一條在類型、位址、資料庫與使用者皆相符的規則決定，而資料庫欄位只有 replication 這個字才相符：`all` 並不包含它。這裡針對複寫角色，從 127.0.0.1、::1 與每個所需的網路查詢，並區分是否使用 TLS。',
      findings: {
        'no-rule': {
          message: '無法以 {user} 經由 {addresses} 製作基礎備份：pg_hba.conf 沒有相應的複寫規則',
          why: 'pg_basebackup 會遭到拒絕：「no pg_hba.conf entry for replication connection」。針對所有資料庫的規則並不包含複寫。',
          remedy: '`pgwal enable` 會把規則加在能生效的位置',
        },
        rejected: {
          message: '以 {user} 經由 {address} 製作基礎備份會遭到拒絕：{rule}',
          why: '由第一條相符的規則決定，其下的規則不再考慮。',
          remedy: '若非本意，請在這一行之上加入 {user} 的複寫規則，或修改這一行',
        },
        uncertain: {
          message: '{user} 能否經由 {address} 進行複寫，取決於此處無法得知的條件：{rule}',
          why: '該規則使用群組或主機名稱，只有伺服器才能解析。',
          remedy: '請在伺服器執行時以 root 或叢集擁有者執行；`pgwal verify` 會實際嘗試登入',
        },
        trust: {
          message: '{address} 的任何人都能以 {user} 的身分複製整個叢集而無須密碼：{rule}',
          why: 'trust 不要求任何驗證；基礎備份包含每個資料表與所有儲存的密碼。',
          remedy: '將該規則改用 scram-sha-256，並為 {user} 設定密碼',
        },
      },
    },
  },
})

/** A single address without its full length, for people. */
function short(network: string): string {
  return network.replace(/^([\d.]+)\/32$/, '$1').replace(/^([0-9a-f:]+)\/128$/i, '$1')
}
