// A real quota that is used up: btrfs on a loop device, because most kernels have it and its quotas need no tools of their own.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'
import { snapshot } from '../plan/support.ts'

const root = process.getuid?.() === 0

let mounted: string | undefined
let image: string

/** A btrfs with quotas, or why there is none. */
function mountWithQuotas(): string | undefined {
  if (!root) return 'needs root'
  const run = (program: string, ...args: string[]): void => { execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }) }
  const where = fs.mkdtempSync('/tmp/pgwal-quota-')
  image = `${where}.img`
  try {
    fs.writeFileSync(image, '')
    fs.truncateSync(image, 256 << 20)
    run('mkfs.btrfs', '-q', '-M', image)
    run('mount', '-o', 'loop', image, where)
    mounted = where
    run('btrfs', 'quota', 'enable', where)
    fs.chmodSync(where, 0o755)
    return undefined
  } catch (error) {
    return `no file system with quotas: ${(error as Error).message.trim().split('\n').at(-1)!}`
  } finally {
    if (mounted === undefined) fs.rmSync(where, { recursive: true, force: true })
  }
}

const reason = mountWithQuotas()

/** A part of the file system with a quota of its own. */
function volume(name: string): string {
  const directory = path.join(mounted!, name)
  execFileSync('btrfs', ['subvolume', 'create', directory], { stdio: 'ignore' })
  return directory
}

/** From now on nothing more can be written there; undefined: as much as wanted. */
function limit(directory: string, bytes: number | 'none'): void {
  execFileSync('btrfs', ['qgroup', 'limit', String(bytes), directory], { stdio: 'ignore' })
}

/** Uses up what there is, to the last byte that goes into a file. */
function useUp(directory: string): void {
  limit(directory, 1 << 20)
  for (const size of [1 << 16, 1 << 10, 1]) {
    try {
      for (let at = 0; at < 4_000; at++) fs.writeFileSync(path.join(directory, `filler-${size}-${at}`), Buffer.alloc(size))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno !== -122) throw error
    }
  }
}

afterAll(() => {
  if (mounted !== undefined) {
    execFileSync('umount', [mounted])
    fs.rmdirSync(mounted)
  }
  if (root) fs.rmSync(image, { force: true })
})

describe.skipIf(reason !== undefined)(`a quota that is used up${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let server: TestServer
  let before: Awaited<ReturnType<typeof snapshot>>
  let state: string

  beforeAll(async () => {
    server = await TestServer.create(16, { hba: 'local all all trust\nhost all all 127.0.0.1/32 trust\n', conf: 'autovacuum = off\n' })
    await server.start()
    before = await snapshot(server)
    state = await stateDirectory()
  })
  afterAll(async () => {
    await server.remove()
    fs.rmSync(state, { recursive: true, force: true })
  })

  it('each change of the Host says EDQUOT, and leaves what was there', async () => {
    const host = new NodeHost()
    const full = volume('host')
    const file = path.join(full, 'postgresql.conf')
    const journal = path.join(full, 'journal')
    fs.writeFileSync(file, 'old')
    fs.writeFileSync(journal, 'one\n')
    useUp(full)
    const big = new Uint8Array(1 << 20)
    for (const change of [
      () => host.replace(file, big, { expect: host.sha256(fs.readFileSync(file)) }),
      () => host.replace(path.join(full, 'new'), big, { expect: null }),
      () => host.append(journal, big),
      () => host.copyFile('/proc/self/exe', path.join(full, 'copy')),
    ]) await expect(change(), String(change)).rejects.toMatchObject({ code: 'EDQUOT', message: expect.stringMatching(/disk quota exceeded$/) as string })
    expect([fs.readFileSync(file, 'utf8'), fs.readFileSync(journal, 'utf8')]).toEqual(['old', 'one\n'])
    expect(fs.readdirSync(full).filter((name) => !name.startsWith('filler-')).sort()).toEqual(['journal', 'postgresql.conf'])
    // What takes nothing goes on.
    await host.removeFile(journal)
  })

  const enabling = async (archive: string, stateDir = state) => pgwal(['enable', '-D', server.dataDir, '--archive-dir', archive, '--yes'], { PGWAL_STATE_DIR: stateDir })
  const refused = async (done: Awaited<ReturnType<typeof pgwal>>): Promise<void> => {
    expect([1, 2], done.stdout + done.stderr).toContain(done.code)
    expect(done.stdout + done.stderr).toMatch(/quota/i)
    expect(await snapshot(server)).toEqual(before)
    expect(await server.query("SELECT current_setting('archive_mode') AS mode")).toEqual([{ mode: 'off' }])
  }

  it('the journal has no room: nothing is done', async () => {
    const full = volume('state')
    fs.chmodSync(full, 0o700)
    useUp(full)
    await refused(await enabling(path.join(server.root, 'wal'), full))
  })

  it('the configuration has no room: put back', async () => {
    const etc = volume('etc')
    fs.chownSync(etc, server.account.uid, server.account.gid)
    const conf = path.join(server.dataDir, 'postgresql.conf')
    const there = path.join(etc, 'postgresql.conf')
    fs.copyFileSync(conf, there)
    fs.chmodSync(there, before['postgresql.conf']!.mode)
    fs.chownSync(there, server.account.uid, server.account.gid)
    // Longer than what goes into a directory's own blocks.
    fs.appendFileSync(there, `# ${'x'.repeat(200_000)}\n`)
    fs.renameSync(conf, `${conf}.kept`)
    fs.symlinkSync(there, conf)
    const [linked, kept] = [await snapshot(server), before]
    before = linked
    useUp(etc)
    await refused(await enabling(path.join(server.root, 'wal')))
    // With room again, all goes well, and the way back too.
    limit(etc, 'none')
    const enabled = await enabling(path.join(server.root, 'wal'))
    expect(enabled.code, enabled.stdout + enabled.stderr).toBe(0)
    useUp(etc)
    const undone = await pgwal(['undo', '--yes'], { PGWAL_STATE_DIR: state })
    expect(undone.code, undone.stdout + undone.stderr).toBe(1)
    expect(undone.stdout + undone.stderr).toMatch(/quota/i)
    // What is still configured still works.
    expect(fs.existsSync(path.join(server.dataDir, 'pgwal-archive.sh'))).toBe(true)
    expect(await server.query("SELECT current_setting('archive_mode') AS mode")).toEqual([{ mode: 'on' }])
    limit(etc, 'none')
    const again = await pgwal(['undo', '--yes'], { PGWAL_STATE_DIR: state })
    expect(again.code, again.stdout + again.stderr).toBe(0)
    expect(await snapshot(server)).toEqual(linked)
    fs.rmSync(conf)
    fs.renameSync(`${conf}.kept`, conf)
    before = kept
    expect(await snapshot(server)).toEqual(before)
  })

  it('the archive has no room: doctor says so', async () => {
    const archive = volume('archive')
    fs.chownSync(archive, server.account.uid, server.account.gid)
    const enabled = await enabling(archive)
    expect(enabled.code, enabled.stdout + enabled.stderr).toBe(0)
    useUp(archive)
    const { checks } = (await pgwal(['doctor', '-D', server.dataDir, '--json'])).json().clusters[0]
    const found = checks.find(({ id }: { id: string }) => id === 'archive-directory')
    expect(found.findings.map(({ code }: { code: string }) => code), JSON.stringify(found)).toContain('full')
    const undone = await pgwal(['undo', '--yes'], { PGWAL_STATE_DIR: state })
    expect(undone.code, undone.stdout + undone.stderr).toBe(0)
    expect(await snapshot(server)).toEqual(before)
  })
})
