// Archive commands that lose WAL or archive none, each on a live server: what doctor says, that the fault is real, and a
// clean bill after the remedy.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { eventually } from '../support/eventually.ts'
import { names, Patient, remedy } from '../support/patient.ts'

let patient: Patient
beforeAll(async () => {
  patient = await Patient.create(17)
})
afterAll(() => patient.remove())

/** The command with `A` for the archive and `S` for a directory of the server's. */
const command = (text: string) => text.replaceAll(/\bA\b/g, patient.archive).replaceAll(/\bS\b/g, patient.server.root)
const inArchive = async () => (await fs.readdir(patient.archive)).sort()

async function cure(): Promise<void> {
  await clear()
  await patient.set()
  await patient.reload()
  await patient.drain()
  expect(names(await patient.alarms())).toEqual([])
  await clear()
}

async function clear(): Promise<void> {
  for (const name of await inArchive()) await fs.rm(path.join(patient.archive, name), { recursive: true })
}

/** `[row, command, alarms, words of the first remedy, what is true of it]` */
type Row = readonly [row: string, command: string, alarms: readonly string[], remedy: string, truth: (segment: string) => Promise<void>]

const discards = ['archive-command/discards']
const nothingStored = async () => {
  await eventually(async () => (await patient.waiting()).length === 0)
  expect(await inArchive()).toEqual([])
}
const emptyArchive: Row[] = ['/bin/true', ':', 'exit 0', 'cd .', 'echo "archived %f"', 'env true', 'sh -c "exit 0" # cp %p A/%f', 'S/quiet.sh %p %f', 'test -f %p && true']
  .map((text) => ['A02', text, discards, 'pgwal enable', nothingStored])

const replaced = async (segment: string) => eventually(async () => {
  const stored = await fs.readFile(path.join(patient.archive, segment)).catch(() => Buffer.alloc(0))
  return stored.length === 1 << 20
}, 'the replacement of another file')
const kept = async (segment: string) => {
  await eventually(async () => (await patient.waiting()).length === 0)
  expect(await fs.readFile(path.join(patient.archive, segment), 'utf8')).toBe('of another server')
}

const rows: readonly Row[] = [
  ...emptyArchive,
  ['A03', 'cp %p A/current.wal', ['archive-command/fixed-target', 'archive-command/overwrites', 'archive-command/not-atomic'], 'pgwal enable', async () => {
    await patient.drain()
    expect(await inArchive()).toEqual(['current.wal'])
  }],
  ['A04', 'cp %p A/', ['archive-command/overwrites', 'archive-command/not-atomic'], 'pgwal enable', replaced],
  ['A04', 'cp -t A %p', ['archive-command/overwrites', 'archive-command/not-atomic'], 'pgwal enable', replaced],
  ['A06', 'cp %p A/%f', ['archive-command/overwrites', 'archive-command/not-atomic'], 'pgwal enable', replaced],
  ['A06', 'cat < "%p" > "A"/%f', ['archive-command/overwrites', 'archive-command/not-atomic'], 'pgwal enable', replaced],
  ['A06', 'dd if=%p of=A/%f status=none', ['archive-command/overwrites', 'archive-command/not-atomic'], 'pgwal enable', replaced],
  ['A06', 'install -m 600 %p A/%f', ['archive-command/overwrites', 'archive-command/not-atomic'], 'pgwal enable', replaced],
  ['A06', 'cp %p A/.%f.tmp && mv A/.%f.tmp A/%f', ['archive-command/overwrites'], 'pgwal enable', replaced],
  ['A08', 'cp -n %p A/%f || exit 0', ['archive-command/skips-existing', 'archive-command/hides-failure', 'archive-command/not-atomic'], 'pgwal enable', kept],
  ['A08', 'test -f A/%f || cp %p A/%f', ['archive-command/skips-existing', 'archive-command/not-atomic'], 'pgwal enable', kept],
  ['A10', 'rsync -a %p A/%f', ['archive-command/overwrites'], 'pgwal enable', replaced],
  ['A10', 'rsync -a --ignore-existing %p A/%f', ['archive-command/skips-existing'], 'pgwal enable', kept],
  ['A11', 'cat nowhere/%f %p | gzip > A/%f.gz', ['archive-command/pipe-hides-failure', 'archive-command/overwrites', 'archive-command/not-atomic'], 'gzip <', async (segment) => {
    await eventually(async () => (await patient.waiting()).length === 0)
    expect(await inArchive()).toContain(`${segment}.gz`)
  }],
  ['A24', 'test ! -f A/%f.gz && gzip < %p > A/%f.gz', ['archive-command/not-atomic'], 'pgwal enable', async (segment) => {
    await eventually(async () => (await inArchive()).includes(`${segment}.gz`))
  }],
  ['A30', 'S/careless.sh %p %f', ['archive-command/hides-failure', 'archive-command/overwrites', 'archive-command/not-atomic', 'archive-directory/parent-missing'], 'pgwal enable', nothingStored],
  ['A30', 'cp %p /no/such/%f 2>/dev/null; true', ['archive-command/hides-failure', 'archive-command/overwrites', 'archive-command/not-atomic', 'archive-directory/parent-missing'], 'pgwal enable', nothingStored],
]

describe('what reports success', () => {
  beforeAll(async () => {
    await patient.write(`${patient.server.root}/quiet.sh`, '#!/bin/sh\n# nothing yet\nexit 0\n', 0o755)
    await patient.write(`${patient.server.root}/careless.sh`, '#!/bin/sh\ncp "$1" "/no/such/directory/$2" 2>/dev/null\nlogger -t wal "archived $2" 2>/dev/null || :\nexit 0\n', 0o755)
  })

  it.each(rows)('%s %s', async (_row, text, alarms, words, truth) => {
    await patient.setCommand(command(text))
    await patient.reload()
    // Another file of the segment's name lies there already.
    const [{ name: segment }] = await patient.server.query<{ name: string }>('SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS name') as [{ name: string }]
    if (truth === replaced || truth === kept) await patient.write(path.join(patient.archive, segment), 'of another server')
    await patient.switchWal()
    await truth(segment)
    await fs.rm(path.join(patient.archive, segment), { force: true })
    const found = await patient.alarms()
    expect(names(found).sort()).toEqual([...alarms].sort())
    expect(found[0]!.at).toEqual({ file: patient.conf, line: expect.any(Number) as number })
    expect(found.map((one) => remedy(one)).join('\n')).toContain(words)
    await cure()
  })
})

describe('what the configuration file makes of a command', () => {
  const lost = 'configuration-backslashes/lost'

  /** The remedy as it is printed: the whole value, with its quotes. */
  async function cureAsTold(): Promise<void> {
    const found = (await patient.alarms()).find(({ name }) => name === lost)
    expect(found).toMatchObject({ severity: 'error', at: { file: patient.conf, line: expect.any(Number) as number } })
    const line = (await fs.readFile(patient.conf, 'utf8')).split('\n')[found!.at!.line! - 1]
    expect(line).toMatch(/^archive_command/)
    const told = /(archive_command = '.*') /.exec(remedy(found))?.[1]
    await patient.set(told)
    await patient.reload()
    expect(names(await patient.alarms())).not.toContain(lost)
  }

  it('A18: a blank that was escaped for the shell', async () => {
    await patient.makeDirectory(`${patient.server.root}/with blank`, 0o755)
    await fs.copyFile(patient.script, `${patient.server.root}/with blank/pgwal-archive.sh`)
    await patient.own(`${patient.server.root}/with blank/pgwal-archive.sh`)
    await patient.set(String.raw`archive_command = '/bin/sh ${patient.server.root}/with\ blank/pgwal-archive.sh "%p" "%f" || exit 1'`)
    await patient.reload()
    await patient.failOnce()
    await cureAsTold()
    await patient.drain()
    expect(names(await patient.alarms())).toEqual([])
    await cure()
  })

  it('A18: a path of Windows', async () => {
    await patient.set(String.raw`archive_command = 'printf "%%s" "C:\new\archive" > ${patient.server.root}/written'`)
    await patient.reload()
    await patient.switchWal()
    const written = () => fs.readFile(`${patient.server.root}/written`, 'utf8').catch(() => '')
    await eventually(async () => (await written()) !== '')
    expect(await written()).toBe('C:\newarchive')
    await cureAsTold()
    await cure()
  })
})

it('A21: found by hand, not by the server: another PATH', async () => {
  const elsewhere = `${patient.server.root}/tools`
  await patient.makeDirectory(elsewhere, 0o755)
  await patient.write(`${elsewhere}/store-wal`, `#!/bin/sh\nexec /bin/sh ${patient.script} "$1" "$2"\n`, 0o755)
  await patient.setCommand('store-wal %p %f || exit 1')
  await patient.reload()
  await patient.failOnce()
  // Whoever looks has it in the PATH.
  const host = new NodeHost({ ...patient.host.env, PATH: `${elsewhere}:${process.env['PATH']!}` })
  const [found] = (await patient.alarms({}, {}, host)).filter(({ name }) => name.startsWith('archive-command/'))
  expect(found).toMatchObject({ name: 'archive-command/program-off-path', severity: 'error', params: { program: 'store-wal', elsewhere: `${elsewhere}/store-wal` }, at: { file: patient.conf } })
  expect(remedy(found)).toContain(`${elsewhere}/store-wal`)
  // The remedy: the full path.
  await patient.setCommand(`${elsewhere}/store-wal %p %f || exit 1`)
  await patient.reload()
  await patient.drain()
  expect(names(await patient.alarms({}, {}, host))).toEqual([])
  await cure()
})
