// Who decides in pg_hba.conf for the base backups that are wanted, as far as it can be told.
// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
import type { Outcome } from '../../facts/fact.ts'
import type { HbaFact } from '../../facts/hba.ts'
import type { RolesFact } from '../../facts/roles.ts'
import { overlaps } from '../../postgres/hba/address.ts'
import { decide, formatIp, parseCidr, PHYSICAL_REPLICATION } from '../../postgres/hba/index.ts'
import type { HbaKnowledge, HbaRule } from '../../postgres/hba/index.ts'
import { surveyReplication } from '../../postgres/hba/index.ts'
import type { Segment } from '../../postgres/hba/index.ts'

export const LOOPBACK = ['127.0.0.1/32', '::1/128'] as const

/** The answer for one address or network. */
export type Answer =
  /** From everywhere in it the role gets as far as authentication. */
  | { readonly kind: 'allowed'; readonly address: string; readonly segments: readonly Segment[] }
  /** `part` is what is refused: by the rule, or because none matches. */
  | { readonly kind: 'refused'; readonly address: string; readonly part: string; readonly rule: HbaRule | null }
  /** What is not known decides: a membership, a name. */
  | { readonly kind: 'uncertain'; readonly address: string; readonly rule: HbaRule }

/** The networks to ask about: the loopback, as far as the machine has it, and those that are wanted. */
export function wantedNetworks(hba: HbaFact, allowFrom: readonly string[]): string[] {
  const loopback = LOOPBACK.filter((net) => net !== '::1/128' || hba.interfaces.length === 0 || hba.interfaces.includes(net))
  return [...new Set([...loopback, ...allowFrom])]
}

export function isLoopback(network: string): boolean {
  const net = parseCidr(network)
  return net !== null && LOOPBACK.some((one) => overlaps(net, parseCidr(one.replace('/32', '/8'))!))
}

/** What the files leave open, as far as the server and the machine tell. */
export function knowledgeOf(hba: HbaFact, roles: Outcome<RolesFact>, user: string): HbaKnowledge {
  const interfaces = hba.interfaces.flatMap((text) => {
    const net = parseCidr(text)
    return net === null ? [] : [{ address: text.split('/')[0]!, mask: formatIp(net.family, net.mask) }]
  })
  const memberOf = (who: string, role: string) => (who !== user || !roles.ok ? undefined : who === role ? roles.value.roles.some(({ name }) => name === who) : roles.value.memberOf.includes(role))
  return { interfaces, memberOf }
}

/** What a physical replication login of `user` from `address` meets; clients try with TLS where the server has it, and without. */
export function answerFor({ hba }: HbaFact, user: string, address: string, knowledge: HbaKnowledge): Answer {
  const survey = (tls: boolean) => surveyReplication(hba, user, address, tls, knowledge)
  const plain = survey(false)
  const encrypted = hba.features.ssl === true ? survey(true) : undefined
  const refusedPlain = plain.filter(({ method }) => method === 'reject')
  const refusedEncrypted = encrypted?.filter(({ method }) => method === 'reject')
  const refused = refusedEncrypted === undefined
    ? refusedPlain[0]
    : refusedEncrypted.find((part) => refusedPlain.some((other) => part.address === 'local' || overlaps(parseCidr(part.address)!, parseCidr(other.address)!)))
  const open = [...(encrypted ?? []), ...plain].filter(({ method }) => method !== 'reject')
  if (refused !== undefined) {
    const perhaps = refused.address === 'local' ? undefined : decide(hba, { user, database: PHYSICAL_REPLICATION, address: refused.address.split('/')[0]!, tls: refused.tls }, knowledge)
    const maybe = perhaps?.dependsOn.find(({ method }) => method !== 'reject')
    if (maybe !== undefined) return { kind: 'uncertain', address, rule: maybe.rule }
    return { kind: 'refused', address, part: refused.address, rule: refused.rule }
  }
  const unless = open.flatMap((part) => part.unless)[0]
  return unless === undefined ? { kind: 'allowed', address, segments: open } : { kind: 'uncertain', address, rule: unless.rule }
}
