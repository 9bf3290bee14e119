// verify --drill on servers that are laid out in other ways: what they are made with, how they let people in, where they come from.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NodeHost } from '../../src/host/node-host.ts'
import { Archived, drillHost, failure } from '../support/archived.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'

let host: NodeHost
let forget: () => Promise<void>
beforeAll(async () => {
  ({ host, remove: forget } = await drillHost())
})
afterAll(() => forget())

it('16: checksums, TLS on TCP as the only way in, and no socket', async () => {
  const one = await Archived.start(16, {
    initdb: ['-k'],
    hba: 'hostssl all all 127.0.0.1/32 trust\n',
    conf: (place) => `ssl = on\nssl_cert_file = '${place}/server.crt'\nssl_key_file = '${place}/server.key'\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n`,
    prepare: async ({ root, account }) => {
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', `${root}/server.key`, '-out', `${root}/server.crt`], { stdio: 'ignore' })
      await fsp.chmod(`${root}/server.key`, 0o600)
      if (process.getuid?.() === 0) for (const name of ['server.key', 'server.crt']) await fsp.chown(`${root}/${name}`, account.uid, account.gid)
    },
  })
  try {
    const connection = { host: '127.0.0.1', port: one.server.port, user: 'postgres' }
    expect(await one.drill(host, undefined, {}, { connection })).toMatchObject({ kind: 'pass', detail: { code: 'restored' } })
    one.expectNothingLeft()
  } finally {
    await one.server.remove()
  }
})

it('15: segments of 64 MiB', async () => {
  const one = await Archived.start(15, { walSegmentMiB: 64 })
  try {
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
    expect(fs.statSync(`${one.archive}/${one.segments().at(-1)!}`).size).toBe(64 << 20)
    one.expectNothingLeft()
  } finally {
    await one.server.remove()
  }
})

describe('14: timelines beyond 9', () => {
  let one: Archived
  beforeAll(async () => {
    one = await Archived.start(14, { conf: (place) => `restore_command = 'cp ${place}/archive/%f %p'` })
    const signal = `${one.server.dataDir}/recovery.signal`
    const timeline = async () => (await one.server.query<{ tli: number }>('SELECT timeline_id AS tli FROM pg_control_checkpoint()'))[0]!.tli
    while (await timeline() < 11) {
      const before = await timeline()
      await one.server.stop('fast')
      await fsp.writeFile(signal, '')
      await one.own(signal)
      await one.server.start()
      await eventually(async () => (await one.server.query<{ up: boolean }>('SELECT NOT pg_is_in_recovery() AS up'))[0]!.up)
      await one.server.query('CHECKPOINT')
      expect(await timeline()).toBe(before + 1)
    }
  })
  afterAll(() => one.server.remove())

  it('restored along the timeline that its files call 0000000B', async () => {
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
    expect(one.segments().at(-1)!.slice(0, 8)).toBe('0000000B')
    expect(fs.readdirSync(one.archive).filter((name) => name.startsWith('0000000C'))).toEqual([])
    one.expectNothingLeft()
  })

  it('a history file that is missing is named in its hexadecimal digits', async () => {
    fs.renameSync(`${one.archive}/0000000B.history`, `${one.server.root}/kept`)
    expect(failure(await one.drill(host))).toMatchObject({ code: 'history-missing', params: { file: '0000000B.history' }, at: { file: `${one.archive}/0000000B.history` } })
    fs.renameSync(`${one.server.root}/kept`, `${one.archive}/0000000B.history`)
    one.expectNothingLeft()
  })
})

describe('17: a standby', () => {
  let primary: Archived
  let standby: Archived
  beforeAll(async () => {
    primary = await Archived.start(17)
    await primary.server.stop()
    const server = await TestServer.create(17, { conf: '' })
    const archive = `${server.root}/archive`
    await fsp.mkdir(archive)
    await fsp.rm(server.dataDir, { recursive: true })
    await fsp.cp(primary.server.dataDir, server.dataDir, { recursive: true })
    await fsp.appendFile(`${server.dataDir}/postgresql.conf`, [
      '', `port = ${server.port}`, `unix_socket_directories = '${server.socketDir}'`, 'archive_mode = always', `archive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'`,
      `primary_conninfo = 'host=${primary.server.socketDir} port=${primary.server.port} user=postgres'`, ''].join('\n'))
    await fsp.writeFile(`${server.dataDir}/standby.signal`, '')
    if (process.getuid?.() === 0) execFileSync('chown', ['-R', `${server.account.uid}:${server.account.gid}`, server.dataDir, archive])
    await fsp.chmod(server.dataDir, 0o700)
    await primary.server.start()
    await server.start()
    standby = await Archived.around(server, archive)
    await primary.server.query('CREATE TABLE t AS SELECT generate_series(1, 1000) AS n')
    await primary.server.query('SELECT pg_switch_wal()')
    await eventually(async () => standby.segments().length > 0, 'an archived segment')
  })
  afterAll(async () => {
    await standby.server.remove()
    await primary.server.remove()
  })

  it('with archive_mode = always: restored to where it was, as soon as its primary ends the segment', async () => {
    const before = new Set(primary.segments())
    let switching: Promise<unknown> | undefined
    const verdict = await standby.drill(host, ({ code }) => {
      if (code === 'segment') switching ??= primary.server.query("SELECT pg_create_restore_point('go on'), pg_switch_wal()")
    })
    await switching
    expect(verdict).toMatchObject({ kind: 'pass', detail: { code: 'restored-to-position', params: { archive: standby.archive } } })
    standby.expectNothingLeft()
    expect([...fs.readdirSync(standby.archive), ...fs.readdirSync(primary.archive)].filter((name) => !name.startsWith('00000001'))).toEqual([])
    for (const name of before) expect(primary.segments()).toContain(name)
    expect(await standby.server.query('SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: true }])
  })

  it('whose primary writes nothing: what is missing is said', async () => {
    const found = failure(await standby.drill(host, undefined, {}, { timeoutMs: 300 }))
    expect(found).toMatchObject({ code: 'segment-unfinished', params: { segment: expect.stringMatching(/^00000001/) } })
    standby.expectNothingLeft()
  })

  it('with archive_mode = on: it archives nothing, and is told so', async () => {
    await fsp.appendFile(`${standby.server.dataDir}/postgresql.conf`, 'archive_mode = on\n')
    await standby.server.restart()
    expect(await standby.drill(host)).toMatchObject({ kind: 'skip', why: { code: 'standby-archives-nothing' } })
    await fsp.appendFile(`${standby.server.dataDir}/postgresql.conf`, 'archive_mode = always\n')
    await standby.server.restart()
  })

  it('with tablespaces, which nobody could keep out of the copy\'s replay: refused', async () => {
    const client = primary.server.client()
    await client.connect()
    await client.query('SET allow_in_place_tablespaces = on')
    await client.query("CREATE TABLESPACE late LOCATION ''")
    await client.end()
    await eventually(async () => (await standby.server.query("SELECT FROM pg_tablespace WHERE spcname = 'late'")).length === 1)
    expect(await standby.drill(host)).toMatchObject({ kind: 'skip', why: { code: 'standby-tablespaces' } })
    expect(await primary.drill(host)).toMatchObject({ kind: 'pass' })
  })
})
