// What a server that asks for a password says of a password file that is not used.
import fs from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { replicationLogin } from '../../src/probes/replication-login.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { TestServer } from '../support/server.ts'

const HBA = ['local all all trust', ...['127.0.0.1/32', '::1/128'].map((net) => `host replication all ${net} scram-sha-256`), ''].join('\n')

describe('the password file', () => {
  let server: TestServer
  let file: string
  const tried = async () => {
    const open = await gatheringFor(new NodeHost({ PATH: process.env['PATH'], PGPASSFILE: file }), await clusterOf(server), { wanted: { replicationUser: 'backup' } })
    try {
      const session = await open.gathering.session()
      if (!session.ok) throw new Error(session.why.code)
      const verdict = await replicationLogin.run({ gathering: open.gathering, session: session.value, timeoutMs: 10_000, waiting: () => undefined })
      // A machine without IPv6 has nothing that listens there.
      return verdict.kind === 'fail' ? [...new Set(verdict.findings.filter(({ code }) => code !== 'not-listening').map(({ code, severity }) => `${severity} ${code}`))] : verdict.kind
    } finally {
      await open.close()
    }
  }
  beforeAll(async () => {
    server = await TestServer.create(15, { hba: HBA })
    file = `${server.root}/pgpass`
    await server.start()
    await server.query("SET password_encryption = 'scram-sha-256'; CREATE ROLE backup LOGIN REPLICATION PASSWORD 'secret'")
  })
  afterAll(() => server.remove())

  it('there is none', async () => {
    expect(await tried()).toEqual(['info no-password'])
  })

  it('has the password for a database, which replication is not', async () => {
    await fs.writeFile(file, '*:*:postgres:backup:secret\n', { mode: 0o600 })
    expect(await tried()).toEqual(['warning password-for-others'])
    await fs.writeFile(file, '*:*:postgres:somebody:secret\n')
    expect(await tried()).toEqual(['info no-password'])
  })

  it('is open to others, until it is not', async () => {
    await fs.writeFile(file, '*:*:replication:backup:secret\n')
    await fs.chmod(file, 0o644)
    expect(await tried()).toEqual(['warning password-file-open'])
    await fs.chmod(file, 0o600)
    expect(await tried()).toBe('pass')
    await fs.writeFile(file, '*:*:*:backup:secret\n')
    expect(await tried()).toBe('pass')
  })
})
