// A signal while the copy of a drill replays: its server is stopped, its files are gone, exit 130, and production is as it was.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { eventually } from '../support/eventually.ts'
import { PROGRAM } from '../support/pgwal.ts'
import { Recoverable } from '../support/recoverable.ts'

describe('17', () => {
  let one: Recoverable
  const scratch = (): string => `${one.server.root}/scratch`
  beforeAll(async () => {
    one = await Recoverable.prepare(17)
    await one.make(scratch())
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/first`)
    // So much that the replay is met.
    await one.server.query('CREATE TABLE big AS SELECT n, md5(n::text) AS t FROM generate_series(1, 200000) AS n')
    await one.archived()
  })
  afterAll(() => one.remove())

  /** Processes of the copy, by what their command lines say; of its server's children the parents tell. */
  const processes = (): number[] => {
    const all = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
      try {
        const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), command: fs.readFileSync(`/proc/${name}/cmdline`, 'latin1') }]
      } catch {
        return []
      }
    })
    const own = all.filter(({ command, pid }) => command.includes(`${scratch()}/`) && !command.includes('\0verify\0') && pid !== process.pid).map(({ pid }) => pid)
    return [...own, ...all.filter(({ parent }) => own.includes(parent)).map(({ pid }) => pid)]
  }

  const drilling = (...more: string[]) => {
    const child = spawn(process.execPath, [PROGRAM, 'verify', '--drill', '-D', one.server.dataDir, '--drill-dir', scratch(), ...more], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', PGWAL_STATE_DIR: one.state }, stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => { said += text.toString() })
    const ended = new Promise<{ code: number | null; said: string }>((resolve) => { child.once('close', (code) => { resolve({ code, said }) }) })
    return { child, ended }
  }

  const expectAsBefore = async (): Promise<void> => {
    expect(fs.readdirSync(scratch())).toEqual([])
    await eventually(async () => processes().length === 0, 'no process of the copy')
    expect(await one.server.query('SELECT pg_is_in_recovery() AS recovery, failed_count::int AS failed FROM pg_stat_archiver')).toEqual([{ recovery: false, failed: 0 }])
    expect(fs.readdirSync(one.archive).filter((name) => !name.startsWith('00000001'))).toEqual([])
  }

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s while restore_command of verify --drill hangs', async (signal) => {
    const mark = `${one.server.root}/hangs`
    fs.rmSync(mark, { force: true })
    const { child, ended } = drilling('--restore-command', `touch ${mark}; exec sleep 3600`)
    await eventually(async () => fs.existsSync(mark) || child.exitCode !== null, 'the replay')
    child.kill(signal)
    const { code, said } = await ended
    expect(code, said).toBe(130)
    expect(said).toContain('The copy and its server are gone again')
    expect(said).not.toMatch(/ {4}at /)
    await expectAsBefore()
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('%s while the server of verify --from-backup replays, and does not do what it is asked for', async (signal) => {
    const { child, ended } = drilling('--from-backup', one.backups)
    // What replays is held on the spot.
    let held: number | undefined
    await eventually(async () => {
      const [place] = fs.readdirSync(scratch())
      const file = `${scratch()}/${place ?? ''}/data/postmaster.pid`
      const postmaster = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8').split('\n')[0]) : 0
      const startup = postmaster === 0 ? undefined : fs.readdirSync('/proc').find((name) => {
        try {
          return /^\d+$/.test(name) && Number(fs.readFileSync(`/proc/${name}/stat`, 'latin1').split(') ').at(-1)!.split(' ')[1]) === postmaster && /startup/.test(fs.readFileSync(`/proc/${name}/cmdline`, 'latin1'))
        } catch {
          return false
        }
      })
      if (startup !== undefined) {
        held = Number(startup)
        process.kill(held, 'SIGSTOP')
      }
      return held !== undefined || child.exitCode !== null
    }, 'the replay')
    expect(held).toBeDefined()
    child.kill(signal)
    const { code, said } = await ended
    expect(code, said).toBe(130)
    await expectAsBefore()
  })
})
