// pgwal recover where archive and backup are compressed: each file in its own form, and what makes them whole again may be missing.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { packBackup, takePlainBackup } from '../support/base-backup.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, Recoverable } from '../support/recoverable.ts'
import { DEBIAN_BIN, runAs } from '../support/server.ts'

const PROGRAMS = { gz: 'gzip', lz4: 'lz4', zst: 'zstd' } as const
const here = (program: string): boolean => ['/usr/bin', '/bin', '/usr/local/bin'].some((directory) => fs.existsSync(`${directory}/${program}`))
/** A PATH on which nothing is found; what pgwal starts has the system's directories all the same. */
const BARE = '/var/empty'

describe.each(['gz', 'lz4', 'zst'] as const)('17: an archive of .%s', (ending) => {
  const program = PROGRAMS[ending]
  if (!here(program)) {
    it.skip(`skipped: ${program} is not on this machine`, () => undefined)
    return
  }
  let one: Recoverable
  beforeAll(async () => {
    one = await Recoverable.prepare(17, { command: (archive) => `${program} -c %p >${archive}/%f.${ending}` })
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/first`)
    await one.server.query('CREATE TABLE t AS SELECT generate_series(1, 100) AS n')
    await one.server.query("SELECT pg_create_restore_point('here')")
    await one.archived()
    await one.server.query('DROP TABLE t')
    await one.archived()
  })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())

  it('is searched for the target, and restored from', async () => {
    const run = await one.recover('--json', '--to', 'here')
    expect(run.json().plan).toMatchObject({ target: { seen: true, lastIn: { lsn: expect.any(String) }, firstOut: { lsn: expect.any(String) } } })
    await one.started(run, async (query) => {
      await open(query)
      expect(await query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 100 }])
    })
    const verified = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--timeout', '30'], { PGWAL_STATE_DIR: one.state })
    expect(verified.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'archive-round-trip'), verified.stdout).toMatchObject({ verdict: 'pass', detail: { code: 'identical' } })
    expect(await one.refused('--to', 'nowhere')).toMatchObject({ code: 'target-no-such-point', message: expect.stringContaining(' here') as string })
  })

  it('without the program: its name and what to install, in both languages, for a drill as well', async () => {
    for (const lang of ['en', 'zh-TW']) {
      const run = await pgwal(one.args('--json', '--to', 'latest', '--lang', lang), { PGWAL_STATE_DIR: one.state, PATH: BARE })
      expect([run.code, run.json().error.code], run.stdout).toEqual([2, 'archive-needs-program'])
      expect(run.json().error.message).toContain(program)
      expect(run.json().error.remedy).toContain(`apt install ${program}`)
    }
    const drilled = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--from-backup', one.backups], { PGWAL_STATE_DIR: one.state, PATH: BARE })
    expect(drilled.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'backup-drill'), drilled.stdout).toMatchObject({ verdict: 'fail', findings: [{ code: 'archive-needs-program', params: { program } }] })
    expect(fs.existsSync(one.into)).toBe(false)
  })

  it('whose newest segments are plain again: without the program only where its files are needed', async () => {
    // As after a change of the archive command: what is new lies there as it is.
    const names = one.segments()
    for (const name of names.slice(-1)) await runAs(one.server.account, 'sh', ['-c', `${program} -dc <${one.archive}/${name} >${one.archive}/${name.slice(0, 24)} && rm ${one.archive}/${name}`])
    const run = await pgwal(one.args('--json', '--to', 'latest'), { PGWAL_STATE_DIR: one.state, PATH: BARE })
    expect([run.code, run.json().error.code], run.stdout).toEqual([2, 'archive-needs-program'])
    for (const name of names.slice(0, -1)) await runAs(one.server.account, 'sh', ['-c', `${program} -dc <${one.archive}/${name} >${one.archive}/${name.slice(0, 24)}`])
    const plain = await pgwal(one.args('--json', '--to', 'latest', '--dry-run'), { PGWAL_STATE_DIR: one.state, PATH: BARE })
    expect(plain.code, plain.stdout).toBe(0)
  })
})

describe.skipIf(!Object.values(PROGRAMS).every(here))('18: a tar backup whose files are each compressed in another way', () => {
  let one: Recoverable
  let packed: string
  let oid: string
  const inPacked = async (line: string): Promise<void> => {
    const done = await runAs(one.server.account, 'sh', ['-c', line], { cwd: packed })
    expect(done.code, line + done.stderr).toBe(0)
  }
  beforeAll(async () => {
    one = await Recoverable.withTablespace(18)
    await takePlainBackup(one.server, `${one.server.root}/plain`)
    await one.archived()
    packed = `${one.backups}/packed`
    await packBackup(one.server, `${one.server.root}/plain`, packed)
    oid = fs.readdirSync(`${one.server.root}/plain/pg_tblspc`)[0]!
    // As -X stream adds it: the WAL of the backup, which then need not be in the archive.
    const [first] = one.segments()
    await inPacked(`tar -cf pg_wal.tar -C ${one.archive} ${one.segments().join(' ')}`)
    await fsp.rm(`${one.archive}/${first!}`)
  })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())

  // Of tar files, which cluster they are of is seen only when they are unpacked.
  const args = (): string[] => ['--json', '--to', 'latest', '--archive', one.archive]
  const form: Record<string, string> = {}
  const pack = async (forms: Readonly<Record<string, '' | 'gz' | 'lz4' | 'zst'>>): Promise<void> => {
    for (const [member, ending] of Object.entries(forms)) {
      const before = form[member] ?? ''
      if (before !== '') await inPacked(`${PROGRAMS[before as 'gz']} -dc <${member}.tar.${before} >${member}.tar && rm ${member}.tar.${before}`)
      if (ending !== '') await inPacked(`${PROGRAMS[ending]} -c ${member}.tar >${member}.tar.${ending} && rm ${member}.tar`)
      form[member] = ending
    }
  }

  it.each([['gz', 'lz4', 'zst'], ['zst', '', 'gz'], ['', 'zst', 'lz4']] as const)('base.tar %s, a tablespace %s, its WAL %s', async (base, space, wal) => {
    await pack({ base, [oid]: space, pg_wal: wal })
    const run = await one.recover(...args())
    expect(run.json().plan, run.stdout + run.stderr).toMatchObject({ backup: { format: 'tar', manifest: true }, tablespaces: [{ oid, location: `${one.server.root}/space` }] })
    expect(run.json().done).toMatchObject({ compared: true })
    await one.started(run, async (query) => {
      await open(query)
      expect(await query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 100 }])
    })
  })

  it.each(['base', 'space', 'pg_wal'])('the program for %s is missing: it is named, with what to install', async (which) => {
    const member = which === 'space' ? oid : which
    await pack({ base: '', [oid]: '', pg_wal: '', [member]: 'lz4' })
    const run = await pgwal(one.args(...args()), { PGWAL_STATE_DIR: one.state, PATH: BARE })
    expect([run.code, run.json().error], run.stdout).toMatchObject([2, { code: 'backup-needs-program', message: expect.stringContaining('lz4') as string, remedy: expect.stringContaining('apt install lz4') as string }])
  })

  it('a form that nobody knows, and a file that is there twice, are named', async () => {
    await pack({ base: '', [oid]: '', pg_wal: '' })
    await inPacked('cp base.tar base.tar.bz2')
    const refused = await one.refused(...args())
    expect(refused).toMatchObject({ code: 'backup-form-unknown', message: expect.stringContaining('base.tar.bz2') as string })
    await inPacked(`mv base.tar.bz2 base.tar.gz`)
    expect(await one.refused(...args())).toMatchObject({ code: 'backup-form-unknown', message: expect.stringMatching(/base\.tar(\.gz)?, base\.tar/) as string })
    await inPacked('rm base.tar.gz')
  })

  it('one that is cut off: in tar\'s own words', async () => {
    await inPacked('cp -p base.tar whole && truncate -s 5000000 base.tar')
    expect((await one.refused(...args())).message).toContain(`${packed}/base.tar could not be restored: tar: Unexpected EOF in archive`)
    await inPacked('mv whole base.tar')
  })
})

describe.skipIf(!fs.existsSync(`${DEBIAN_BIN}/pg_basebackup`))('15: one tar file that has its WAL in itself (pg_basebackup -X fetch)', () => {
  let one: Recoverable
  beforeAll(async () => {
    one = await Recoverable.prepare(15, { binDir: DEBIAN_BIN })
    await one.server.start()
    await one.archived()
    const taken = await runAs(one.server.account, `${DEBIAN_BIN}/pg_basebackup`, ['-D', `${one.backups}/one`, '-F', 'tar', '-z', '-X', 'fetch', '-c', 'fast', '-h', one.server.socketDir, '-p', `${one.server.port}`, '-U', 'postgres'])
    expect(taken.code, taken.stderr).toBe(0)
    await one.server.query('CREATE TABLE t AS SELECT 1 AS n')
    await one.archived()
  })
  afterAll(() => one.remove())

  it('is restored though the archive no longer has the segment that it begins with', async () => {
    const [history] = fs.readdirSync(one.archive).filter((name) => name.endsWith('.backup'))
    const first = history!.slice(0, 24)
    for (const name of one.segments().filter((segment) => segment <= first)) await fsp.rm(`${one.archive}/${name}`)
    await one.started(await one.recover('--json', '--to', 'latest', '--archive', one.archive), async (query) => {
      await open(query)
      expect(await query('SELECT n FROM t')).toEqual([{ n: 1 }])
    })
  })
})
