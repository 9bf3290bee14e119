// What is wrong inside an archive, made for real on a live server's: what doctor finds, what it says to do, and a clean bill
// once that is done.
import fs from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DiagnoseOptions } from '../../src/app/diagnose.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { readSegmentHeader } from '../../src/postgres/wal/index.ts'
import { eventually } from '../support/eventually.ts'
import { findingsOf, Patient, remedy } from '../support/patient.ts'
import type { NamedFinding } from '../support/patient.ts'
import { TestServer } from '../support/server.ts'

const SEGMENT = 1 << 20
const MAJOR = 15
const WALDUMP = `/usr/lib/postgresql/${MAJOR}/bin`
/** The servers of these tests come without it. */
const HAS_WALDUMP = await there(`${WALDUMP}/pg_waldump`)
const ONLY = ['archive-backups', 'archive-gaps', 'archive-leftovers', 'archive-segments', 'archive-system-identifier', 'archive-timelines']

function there(file: string): Promise<boolean> {
  return fs.access(file).then(() => true, () => false)
}

let patient: Patient
/** Where its base backup begins, and segments before and after it, in their order; pg_wal has none of them any more. */
let before: string[]
let after: string[]
let backup: string

const archived = (name: string) => path.join(patient.archive, name)
const wal = (name: string) => path.join(patient.server.dataDir, 'pg_wal', name)

async function looked(options: DiagnoseOptions = {}, over: Partial<Cluster> = {}): Promise<NamedFinding[]> {
  return findingsOf(await patient.report({ only: ONLY, ...options }, over))
}

async function found(options: DiagnoseOptions = {}): Promise<string[]> {
  return (await looked(options)).map(({ name, severity }) => `${severity} ${name}`)
}

/** Has the finding, and no other above `info`; the first words of its remedy are these. */
async function expectOnly(name: string, params: object, says: string, options: DiagnoseOptions = {}, over: Partial<Cluster> = {}): Promise<NamedFinding> {
  const all = await looked(options, over)
  const one = all.find((finding) => finding.name === name)
  expect(one, JSON.stringify(all)).toMatchObject({ params })
  expect(all.filter((finding) => finding !== one && finding.severity !== 'info')).toEqual([])
  expect(remedy(one)).toContain(says)
  return one!
}

/** Changes a file of the archive for the time of `work`, and then expects nothing to be wrong. */
async function changed(name: string, change: (bytes: Buffer) => Buffer | undefined, work: () => Promise<void>): Promise<void> {
  const whole = await fs.readFile(archived(name))
  const other = change(Buffer.from(whole))
  if (other === undefined) await fs.rm(archived(name))
  else await fs.writeFile(archived(name), other)
  try {
    await work()
  } finally {
    await patient.write(archived(name), whole, 0o600)
  }
  expect(await found()).toEqual([])
}

/** Ends segments and has them archived. */
async function segments(count: number): Promise<string[]> {
  const names: string[] = []
  for (let at = 0; at < count; at++) names.push(await patient.switchWal())
  await eventually(async () => (await Promise.all(names.map((name) => there(archived(name))))).every(Boolean), 'these segments')
  await eventually(async () => (await patient.waiting()).length === 0, 'an empty queue')
  return names
}

async function takeBackup(): Promise<string> {
  const client = patient.server.client()
  await client.connect()
  try {
    await client.query("SELECT pg_backup_start('test', true)")
    await client.query('SELECT pg_backup_stop(true)')
  } finally {
    await client.end()
  }
  const name = (await fs.readdir(patient.archive)).filter((one) => one.endsWith('.backup')).sort().at(-1)!
  return name
}

beforeAll(async () => {
  patient = await Patient.create(MAJOR, 'wal_keep_size = 0\nmin_wal_size = 2MB\nmax_wal_size = 2MB')
  before = await segments(4)
  backup = await takeBackup()
  after = await segments(6)
  await eventually(async () => {
    await patient.server.query('CHECKPOINT')
    await segments(1)
    return !(await there(wal(after.at(-1)!)))
  }, 'pg_wal without these segments')
})
afterAll(() => patient.remove())

describe('one timeline', () => {
  it('healthy', async () => {
    expect(await found()).toEqual([])
    expect(await found({ deep: true })).toEqual([])
  })

  it('F01, F15: a gap, which matters by the base backups around it', async () => {
    await changed(after[2]!, () => undefined, async () => {
      await expectOnly('archive-gaps/gap-since-backup', { first: after[2], count: 1, backup }, 'copies of the archive')
    })
    await changed(before[1]!, () => undefined, async () => {
      expect(await found()).toEqual(['info archive-gaps/older-than-backups'])
    })
  })

  it('F14: times of change in any order', async () => {
    const names = (await fs.readdir(patient.archive)).sort().reverse()
    for (const [at, name] of names.entries()) await fs.utimes(archived(name), at * 1000, at * 1000)
    expect(await found()).toEqual([])
    const now = new Date()
    for (const name of names) await fs.utimes(archived(name), now, now)
  })

  it('F16: segments and no base backup, first as information, after a week as a warning', async () => {
    const [oldest] = (await fs.readdir(patient.archive)).sort()
    await changed(backup, () => undefined, async () => {
      expect(await found()).toEqual(['info archive-backups/none'])
      await fs.utimes(archived(oldest!), 1, 1)
      await expectOnly('archive-backups/none', { path: patient.archive }, 'pgwal backup')
    })
    await fs.utimes(archived(oldest!), new Date(), new Date())
  })

  it('what the only base backup needs is gone', async () => {
    const first = backup.slice(0, 24)
    await changed(first, () => undefined, async () => {
      await expectOnly('archive-backups/incomplete', { backup, missing: 1, first }, 'discard this base backup').catch(async () => {
        // The gap behind it is told as well: nothing excuses it.
        expect(await found()).toEqual(['error archive-backups/incomplete', 'warning archive-gaps/gap'])
      })
    })
  })

  it('F08: a segment cut short that pg_wal does not have any more', async () => {
    await changed(after.at(-1)!, (bytes) => bytes.subarray(0, 400_000), async () => {
      await expectOnly('archive-segments/wrong-size', { segment: after.at(-1), found: '400000', expected: String(SEGMENT) }, 'copy of the archive')
    })
    // Somewhere in the middle it is found by a look at all of them.
    await changed(after[1]!, (bytes) => bytes.subarray(0, 30), async () => {
      await expectOnly('archive-segments/wrong-size', { segment: after[1], found: '30' }, 'copy of the archive', { deep: true })
    })
  })

  it('F09: zeros', async () => {
    await changed(after.at(-1)!, () => Buffer.alloc(SEGMENT), async () => {
      await expectOnly('archive-segments/zeroed', { segment: after.at(-1), count: 1 }, 'copy of the archive')
    })
  })

  it('no WAL at all', async () => {
    await changed(after.at(-1)!, () => Buffer.alloc(SEGMENT, 'x'), async () => {
      await expectOnly('archive-segments/not-wal', { segment: after.at(-1), count: 1 }, 'copy of the archive')
    })
  })

  it('a segment under another one\'s name', async () => {
    const other = await fs.readFile(archived(after[0]!))
    await changed(after.at(-1)!, () => other, async () => {
      await expectOnly('archive-segments/misplaced', { segment: after.at(-1), count: 1 }, 'find out what wrote')
    })
  })

  it('a newer timeline under an older one\'s name', async () => {
    await changed(after.at(-1)!, (bytes) => { bytes.writeUInt32LE(9, 4); return bytes }, async () => {
      await expectOnly('archive-segments/other-timeline', { segment: after.at(-1), found: '9', expected: '1' }, 'copy of the archive')
    })
  })

  it('F18: a format that is not known is no alarm', async () => {
    await changed(after.at(-1)!, (bytes) => { bytes.writeUInt16LE(0xD1FF, 0); return bytes }, async () => {
      expect(await found()).toEqual(['info archive-segments/unknown-version'])
    })
  })

  it('F02: a segment of another cluster', async () => {
    const other = await TestServer.create(MAJOR)
    try {
      await other.start()
      await other.query('SELECT pg_switch_wal()')
      const [name] = (await fs.readdir(path.join(other.dataDir, 'pg_wal'))).filter((one) => /^[0-9A-F]{24}$/.test(one)).sort()
      const foreign = await fs.readFile(path.join(other.dataDir, 'pg_wal', name!))
      const header = readSegmentHeader(foreign)
      await changed(after.at(-1)!, () => foreign, async () => {
        await expectOnly('archive-system-identifier/foreign-segments', { segment: after.at(-1), found: String('error' in header ? '' : header.systemIdentifier) }, 'an archive of its own')
      })
    } finally {
      await other.remove()
    }
  })

  it.skipIf(!HAS_WALDUMP)('F10: damaged bytes, with pg_waldump', async () => {
    await patient.server.query('CREATE TABLE filled AS SELECT n, md5(n::text) FROM generate_series(1, 15000) AS n')
    await segments(1)
    const full = (await fs.readdir(patient.archive)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort().at(-2)!
    await eventually(async () => {
      await patient.server.query('CHECKPOINT')
      await segments(1)
      return !(await there(wal(full)))
    }, 'pg_wal without it')
    expect(await looked({ deep: true }, { binDir: WALDUMP })).toEqual([])
    await changed(full, (bytes) => { bytes[300_000]! ^= 0xFF; return bytes }, async () => {
      await expectOnly('archive-segments/damaged', { segment: full, count: 1 }, 'copy of the archive', { deep: true }, { binDir: WALDUMP })
    })
  })

  it('F11: of the last segment only the partial one', async () => {
    const last = (await segments(1))[0]!
    await segments(2)
    await fs.rename(archived(last), archived(`${last}.partial`))
    const finding = (await looked()).find(({ name }) => name === 'archive-leftovers/partial-only')
    expect(finding).toMatchObject({ severity: 'info', params: { segment: last, name: `${last}.partial` } })
    expect(remedy(finding)).toContain(last)
    await fs.rename(archived(`${last}.partial`), archived(last))
    expect(await found()).toEqual([])
  })

  it('F12: compressed and plain, and the same one twice; what is compressed is looked into', async () => {
    const last = after.at(-1)!
    const whole = await fs.readFile(archived(last))
    const packed = gzipSync(whole)
    await patient.write(archived(`${last}.gz`), packed)
    expect(await found()).toEqual(['info archive-leftovers/twice', 'info archive-leftovers/mixed-forms'])
    await fs.rm(archived(last))
    expect(await found()).toEqual(['info archive-leftovers/mixed-forms'])
    const broken: [string, Buffer][] = [
      ['wrong-size', packed.subarray(0, packed.length / 2)], ['wrong-size', gzipSync(whole.subarray(0, 400_000))], ['zeroed', gzipSync(Buffer.alloc(SEGMENT))], ['wrong-size', gzipSync(Buffer.alloc(0))],
    ]
    for (const [code, bytes] of broken) {
      await fs.writeFile(archived(`${last}.gz`), bytes)
      expect((await looked()).filter(({ severity }) => severity !== 'info')).toMatchObject([{ name: `archive-segments/${code}`, params: { segment: `${last}.gz` } }])
    }
    // In several parts, as parallel compressors write it.
    await fs.writeFile(archived(`${last}.gz`), Buffer.concat([gzipSync(whole.subarray(0, 300_000)), gzipSync(whole.subarray(300_000))]))
    expect(await found()).toEqual(['info archive-leftovers/mixed-forms'])
    // Compressed without a suffix: no alarm either.
    await fs.rm(archived(`${last}.gz`))
    await patient.write(archived(last), packed)
    expect(await found()).toEqual([])
    await patient.write(archived(last), whole)
  })

  it('copies that were never finished', async () => {
    const name = archived(`.${after[0]!}.tmp`)
    await patient.write(name, 'half')
    await fs.utimes(name, 1, 1)
    const [finding] = await looked()
    expect(finding).toMatchObject({ name: 'archive-leftovers/unfinished-copies', severity: 'info', params: { count: 1 } })
    expect(remedy(finding)).toContain('remove')
    await fs.rm(name)
    expect(await found()).toEqual([])
  })
})
