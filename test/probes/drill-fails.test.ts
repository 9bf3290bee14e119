// verify --drill fails when it must: the archive is well, and what brings its files is not.
import fs from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { NodeHost } from '../../src/host/node-host.ts'
import { Archived, atStart, drillHost, failure, hostWith } from '../support/archived.ts'
import { eventually } from '../support/eventually.ts'

let host: NodeHost
let forget: () => Promise<void>
beforeAll(async () => {
  ({ host, remove: forget } = await drillHost())
})
afterAll(() => forget())

// 12 opens a server that ran out of WAL before its target, where later ones refuse.
describe.each([12, 18] as const)('PostgreSQL %i: a restore_command', (major) => {
  let one: Archived
  beforeAll(async () => {
    one = await Archived.start(major)
  })
  afterEach(() => one.expectNothingLeft())
  afterAll(() => one.server.remove())

  /** With several segments to replay, so that a lie may come in the middle. */
  const drill = async (restoreCommand: string) => {
    let busy = false
    const writing = hostWith(host, {
      run: async (...given: Parameters<NodeHost['run']>) => {
        if (given[0] === 'cp' && !busy) {
          busy = true
          for (let segment = 0; segment < 2; segment++) await one.server.query("SELECT pg_create_restore_point('one'), pg_switch_wal()")
        }
        return host.run(...given)
      },
    })
    return one.drill(writing, undefined, { restoreCommand })
  }
  /** The archive by its usual command, except for the second segment of the replay. */
  const except = (second: string) => `n=$(echo %f | tail -c 2); if test "$n" = "$(ls ${one.archive} | grep -E '^[0-9A-F]{24}$' | tail -n 2 | head -n 1 | tail -c 2)"; then ${second}; else test -f ${one.archive}/%f && cp ${one.archive}/%f %p; fi`

  it('that people use is used, and proves the restore', async () => {
    expect(await drill(`cp ${one.archive}/%f "%p"`)).toMatchObject({ kind: 'pass', detail: { code: 'restored' } })
  })

  it('that says yes and brings nothing', async () => {
    expect(failure(await drill('true'))).toMatchObject({ code: 'restore-command-empty', params: { segment: expect.stringMatching(/^[0-9A-F]{24}$/) } })
  })

  it('that says yes and brings nothing in the middle', async () => {
    const found = failure(await drill(except('true')))
    expect(found).toMatchObject({ code: 'restore-command-empty', params: { segment: one.segments().at(-2) } })
  })

  it('that says there is none, where there is one', async () => {
    expect(failure(await drill(except('exit 1')))).toMatchObject({ code: 'restore-command-empty', params: { segment: one.segments().at(-2) } })
  })

  it('that brings the segment before in place of this one', async () => {
    const before = () => `${one.archive}/$(ls ${one.archive} | grep -E '^[0-9A-F]{24}$' | tail -n 3 | head -n 1)`
    expect(failure(await drill(except(`cp ${before()} %p`)))).toMatchObject({ code: 'restore-command-wrong', params: { file: one.segments().at(-2) } })
  })

  it('that brings half of it', async () => {
    expect(failure(await drill(except(`head -c 524288 ${one.archive}/%f >%p`)))).toMatchObject({ code: 'restore-command-wrong', params: { file: one.segments().at(-2) } })
  })

  it('that brings its newest file for every name: the server would look for ever newer timelines', async () => {
    const newest = `cp ${one.archive}/$(ls ${one.archive} | grep -E '^[0-9A-F]{24}$' | tail -n 1) %p`
    const found = failure(await one.drill(host, undefined, { restoreCommand: newest }))
    expect(found.code).toBe('restore-command-wrong')
  })

  it('that cannot be run, and one that is killed', async () => {
    expect(failure(await drill('/no/such/program %f %p'))).toMatchObject({ code: 'restore-command-failed', params: { file: expect.stringMatching(/^[0-9A-F]{8}/), cause: expect.stringMatching(/command not found|exit code 127/) } })
    expect(failure(await drill('kill -9 $$'))).toMatchObject({ code: 'restore-command-failed', params: { cause: expect.stringMatching(/signal 9/) } })
  })
})

describe('PostgreSQL 17', () => {
  let one: Archived
  beforeAll(async () => {
    one = await Archived.start(17)
  })
  afterEach(() => one.expectNothingLeft())
  afterAll(() => one.server.remove())

  it('a restore_command that hangs is given up, and what it started ends with the copy', async () => {
    // Five minutes without a line in the log, without waiting for them: they are over when the command has been asked.
    const asked = `${one.server.root}/asked`
    let later = 0
    const patient = hostWith(host, { now: () => new Date(Date.now() + (fs.existsSync(asked) ? later += 100_000 : 0)) })
    const found = failure(await one.drill(patient, undefined, { restoreCommand: `touch ${asked}; sleep 600.25` }))
    expect(fs.existsSync(asked)).toBe(true)
    const sleeping = fs.readdirSync('/proc').filter((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') === 'sleep\u0000600.25\u0000'
      } catch {
        return false
      }
    })
    expect(sleeping).toEqual([])
    expect(found).toMatchObject({ code: 'stalled' })
  })

  it('a segment that changes when the server no longer has its own: found in what it holds', async () => {
    const found = failure(await one.drill(host, atStart(one, (file) => {
      const name = file.slice(-24)
      const bytes = fs.readFileSync(file)
      // Behind the header, within the records.
      for (let at = 0x40; at < 0x200; at++) bytes[at]! ^= 0x55
      fs.writeFileSync(file, bytes)
      fs.renameSync(`${one.server.dataDir}/pg_wal/${name}`, `${one.server.root}/${name}`)
    })))
    const name = one.segments().at(-1)!
    fs.renameSync(`${one.server.root}/${name}`, `${one.server.dataDir}/pg_wal/${name}`)
    expect(found).toMatchObject({ code: 'segment-damaged', params: { segment: name }, at: { file: `${one.archive}/${name}` } })
    fs.copyFileSync(`${one.server.dataDir}/pg_wal/${name}`, `${one.archive}/${name}`)
  })

  it('an archive that is there twice: what a server of another timeline adds meanwhile is told', async () => {
    const found = failure(await one.drill(host, atStart(one, () => { fs.writeFileSync(`${one.archive}/00000007.history`, '1\t0/1000000\tno recovery target specified\n') })))
    fs.rmSync(`${one.archive}/00000007.history`)
    expect(found).toMatchObject({ code: 'archive-touched', params: { file: '00000007.history' }, at: { file: `${one.archive}/00000007.history` } })
  })

  it('a segment that arrives with its full length first and its content later is waited for', async () => {
    const command = (text: string) => one.server.query(`ALTER SYSTEM SET archive_command = '${text.replaceAll("'", "''")}'`).then(() => one.server.query('SELECT pg_reload_conf()'))
    await command(`truncate -s 1048576 ${one.archive}/%f && sleep 0.5 && cp %p ${one.archive}/%f`)
    await eventually(async () => (await one.server.query<{ archive_command: string }>('SHOW archive_command'))[0]!.archive_command.startsWith('truncate'))
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
  })
})
