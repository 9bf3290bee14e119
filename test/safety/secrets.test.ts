// Passwords from every place that has them: in nothing that is printed, kept for others or seen in the process list. And disks that refuse.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pgwal, PROGRAM, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'
import { snapshot } from '../plan/support.ts'

const SECRET = 'hunter2-9f31'
const root = process.getuid?.() === 0
let server: TestServer
let state: string
let passfile: string
let before: Awaited<ReturnType<typeof snapshot>>
const mounted: string[] = []
const env = () => ({ PGWAL_STATE_DIR: state, PGPASSWORD: `${SECRET}-env`, PGPASSFILE: passfile })
const enabling = (directory: string) => ['enable', '-D', server.dataDir, '--archive-dir', directory, '--yes', '--no-restart']

beforeAll(async () => {
  server = await TestServer.create(15, {
    hba: 'local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n', initdb: [],
    conf: `primary_conninfo = 'host=/nowhere user=x password=${SECRET}-conninfo'\narchive_command = 'pg_receivewal -d "postgresql://u:${SECRET}-uri@h/" --password=${SECRET}-arg %p'\n`,
  })
  // The first password is set while everybody may come in.
  const hba = path.join(server.dataDir, 'pg_hba.conf')
  const rules = fs.readFileSync(hba)
  fs.writeFileSync(hba, 'local all all trust\n')
  await server.start()
  await server.query(`ALTER ROLE postgres PASSWORD '${SECRET}-env'`)
  fs.writeFileSync(hba, rules)
  await server.pgCtl('reload')
  state = await stateDirectory()
  passfile = path.join(state, 'pgpass')
  fs.writeFileSync(passfile, `*:*:*:postgres:${SECRET}-pass\n`, { mode: 0o600 })
  before = await snapshot(server)
})
afterAll(async () => {
  for (const one of mounted) try { execFileSync('umount', [one], { stdio: 'ignore' }) } catch { /* gone already */ }
  await server.remove()
  fs.rmSync(state, { recursive: true, force: true })
})

/** Command lines of all processes, and environments of all but pgwal itself, which has its own from the caller. */
function processList(): string {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      return line.includes(PROGRAM) ? line : `${line}\n${fs.readFileSync(`/proc/${pid}/environ`, 'latin1')}`
    } catch {
      // Gone, or another user's.
      return ''
    }
  }).join('\n')
}

it('no password in any output, the process list, or a file of the journal that others can read', async () => {
  const archive = path.join(server.root, 'wal')
  const seen: string[] = []
  const watch = process.platform === 'linux' ? setInterval(() => seen.push(processList()), 20) : undefined
  try {
    for (const args of [['doctor', '-D', server.dataDir], ['settings', '-D', server.dataDir], [...enabling(archive), '--verbose'], ['verify', '-D', server.dataDir, '--timeout', '1'], ['history'], ['undo', '--yes', '--force']]) {
      for (const json of args.includes('--yes') ? [[]] : [[], ['--json']]) {
        const { stdout, stderr, code } = await pgwal([...args, ...json], env())
        expect([0, 1, 2], stderr).toContain(code)
        expect(stdout + stderr, args.join(' ')).not.toContain(SECRET)
      }
    }
  } finally {
    clearInterval(watch)
  }
  expect(seen.join('\n')).not.toContain(SECRET)
  const modes = new Set<string>()
  const walk = (directory: string): void => {
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      const file = path.join(directory, entry.name)
      modes.add(`${entry.isDirectory() ? 'directory' : 'file'} ${(fs.statSync(file).mode & 0o777).toString(8)}`)
      if (entry.isDirectory()) walk(file)
    }
  }
  walk(state)
  expect([...modes].sort()).toEqual(['directory 700', 'file 600'])
})

it.skipIf(!root)('read-only mounts, full disks and a bind-mounted file: a clear error and the old state, or it works (skipped: needs root)', async ({ skip }) => {
  const mount = (...args: string[]): void => {
    try {
      execFileSync('mount', args, { stdio: 'ignore' })
      mounted.unshift(args.at(-1)!)
    } catch {
      skip('no right to mount')
    }
  }
  const unmount = (): void => {
    execFileSync('umount', [mounted.shift()!], { stdio: 'ignore' })
  }
  const conf = path.join(server.dataDir, 'postgresql.conf')
  const refused = async (label: string, directory: string, extra: Record<string, string> = {}): Promise<void> => {
    const { code, stdout, stderr } = await pgwal(enabling(directory), { ...env(), ...extra })
    expect([1, 2], `${label}\n${stdout}${stderr}`).toContain(code)
    expect(stdout + stderr, label).toMatch(/no space|read-only|space left|ENOSPC|EROFS|full/i)
    expect(await snapshot(server), label).toEqual(before)
    expect(await server.query('SELECT 1 AS one', [], { password: `${SECRET}-env` })).toEqual([{ one: 1 }])
  }
  const disk = path.join(server.root, 'disk')
  fs.mkdirSync(disk)

  mount('-t', 'tmpfs', '-o', `size=1m,nr_inodes=1,uid=${server.account.uid},mode=755`, 'pgwal-test', disk)
  await refused('no inode for the archive directory', path.join(disk, 'wal'))
  execFileSync('mount', ['-o', 'remount,ro', disk])
  await refused('an archive on a read-only disk', path.join(disk, 'wal'))
  unmount()
  mount('-t', 'tmpfs', '-o', 'size=4k,mode=700', 'pgwal-test', disk)
  await refused('no space for the journal', path.join(server.root, 'wal-2'), { PGWAL_STATE_DIR: disk })
  unmount()
  mount('--bind', server.dataDir, server.dataDir)
  execFileSync('mount', ['-o', 'remount,ro,bind', server.dataDir])
  await refused('configuration that is mounted read-only', path.join(server.root, 'wal-2'))
  unmount()

  const elsewhere = path.join(server.root, 'mounted.conf')
  fs.copyFileSync(conf, elsewhere)
  fs.chownSync(elsewhere, server.account.uid, server.account.gid)
  fs.chmodSync(elsewhere, fs.statSync(conf).mode)
  mount('--bind', elsewhere, conf)
  const enabled = await pgwal(enabling(path.join(server.root, 'wal-3')), env())
  expect(enabled.code, enabled.stdout + enabled.stderr).toBe(0)
  expect(fs.readFileSync(elsewhere, 'utf8')).toMatch(/^archive_mode = on/m)
  const undone = await pgwal(['undo', '--yes'], env())
  expect(undone.code, undone.stdout + undone.stderr).toBe(0)
  unmount()
  expect(fs.readFileSync(elsewhere)).toEqual(fs.readFileSync(conf))
  expect(await snapshot(server)).toEqual(before)
})
