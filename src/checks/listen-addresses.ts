// https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-LISTEN-ADDRESSES
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { parseCidr, parseIp } from '../postgres/hba/index.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { isLoopback } from './support/replication-rules.ts'
import { inForce } from './support/settings.ts'

export default defineCheck({
  id: 'listen-addresses',
  source: 'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-LISTEN-ADDRESSES',
  needs: { settings: effectiveSettingsFact },

  appliesTo(_facts, { wanted }) {
    return wanted.allowFrom.some((network) => !isLoopback(network))
  },

  run({ settings }, _uses, { wanted }) {
    const value = inForce(settings, 'listen_addresses')
    const listening = value.split(',').map((part) => part.trim().replace(/^"(.*)"$/, '$1')).filter((part) => part !== '')
    const unheard = wanted.allowFrom.filter((network) => !isLoopback(network) && !listening.some((address) => hears(address, network)))
    if (unheard.length === 0) return []
    return [finding('not-listening', 'error', { value: value === '' ? "''" : value, networks: unheard.join(', ') }, { at: settings.get('listen_addresses')?.at })]
  },

  text: {
    en: {
      title: 'the server listens where remote base backups come from',
      about: 'Only looked at when base backups are wanted from another machine (--allow-from). listen_addresses names the addresses of this machine on which the server listens; the default, localhost, is heard from this machine only.',
      findings: {
        'not-listening': {
          message: 'listen_addresses is {value}: a base backup from {networks} cannot connect',
          why: 'The connection is refused by the system before pg_hba.conf is looked at.',
          remedy: 'set listen_addresses = \'*\' or to an address that they reach (needs a restart); pg_hba.conf and the firewall still decide who may',
        },
      },
    },
    'zh-TW': {
      title: '伺服器在遠端製作基礎備份所需的位址上接聽',
      about: '只有在需要從其他機器製作基礎備份（--allow-from）時才檢查。listen_addresses 指定伺服器在本機的哪些位址上接聽；預設的 localhost 只有本機能連線。',
      findings: {
        'not-listening': {
          message: 'listen_addresses 為 {value}：無法從 {networks} 連線製作基礎備份',
          why: '連線在查看 pg_hba.conf 之前就會被作業系統拒絕。',
          remedy: '將 listen_addresses 設為 \'*\' 或對方可達的位址（需要重新啟動）；誰能連線仍由 pg_hba.conf 與防火牆決定',
        },
      },
    },
  },
})

/** Whether something that listens on `address` can be reached from a network that is not this machine. */
function hears(address: string, network: string): boolean {
  if (address === '*') return true
  if (address === 'localhost') return false
  const ip = parseIp(address)
  // A host name: what it resolves to is not known here, but somebody chose it.
  if (ip === null) return true
  return !isLoopback(address) && ip.family === parseCidr(network)?.family
}
