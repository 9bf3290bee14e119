import type { HbaFact } from '../../src/facts/hba.ts'
import type { RoleFact, RolesFact } from '../../src/facts/roles.ts'
import { parseHba } from '../../src/postgres/hba/index.ts'

/** The fact about a pg_hba.conf with this text. */
export function hbaOf(text: string, { major = 15, ssl = false, interfaces = ['127.0.0.1/8', '::1/128', '10.0.0.5/24'], ...more }: { major?: number; ssl?: boolean } & Partial<HbaFact> = {}): HbaFact {
  const hba = parseHba(new TextEncoder().encode(text), { major, hbaFile: '/etc/pg_hba.conf', features: { ssl } })
  return { hba, complete: true, modified: new Date('2026-01-01T00:00:00Z'), interfaces, ...more }
}

export function rolesOf(role: Partial<RoleFact> = {}, memberOf: readonly string[] = []): RolesFact {
  return { roles: [{ name: 'postgres', login: true, replication: true, superuser: true, secret: 'scram-sha-256', validUntil: null, ...role }], memberOf }
}
