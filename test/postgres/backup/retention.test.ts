// Which WAL may go: the same files as the real pg_archivecleanup removes, on generated archives.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBefore, planRetention } from '../../../src/postgres/backup/retention.ts'
import { DEBIAN_BIN } from '../../support/server.ts'
import { LONG, SEED } from '../../support/seed.ts'

const CLEANUP = `${DEBIAN_BIN}/pg_archivecleanup`
const RUNS = LONG ? 1000 : 40

const hex = (number: number): string => number.toString(16).toUpperCase().padStart(8, '0')
const segment = fc.tuple(fc.constantFrom(1, 2, 9, 10, 17), fc.constantFrom(0, 1, 255), fc.integer({ min: 0, max: 6 })).map((parts) => parts.map(hex).join(''))
const entry = fc.oneof(
  { weight: 6, arbitrary: segment },
  segment.map((name) => `${name}.partial`),
  segment.map((name) => `${name}.gz`),
  segment.map((name) => `${name}.partial.gz`),
  segment.map((name) => `${name}.00000028.backup`),
  fc.constantFrom(1, 2, 10).map((timeline) => `${hex(timeline)}.history`),
  segment.map((name) => name.toLowerCase()),
  segment.map((name) => `${name}.tmp`),
  segment.map((name) => `archtemp.${name}.1.2`),
  segment.map((name) => name.slice(1)),
  segment.map((name) => `${name}0`),
  fc.constantFrom('README', '.hidden', 'pgwal-archive.sh', 'x.backup'),
)

describe.skipIf(!fs.existsSync(CLEANUP))('pg_archivecleanup', () => {
  it.each([{ flags: [] }, { flags: ['-x', '.gz'] }])('removes the same files: $flags', ({ flags }: { flags: string[] }) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pgwal-cleanup-'))
    try {
      fc.assert(fc.property(fc.uniqueArray(entry, { maxLength: 40 }), segment, (names, keepFrom) => {
        for (const name of names) fs.writeFileSync(path.join(directory, name), '')
        execFileSync(CLEANUP, [...flags, directory, keepFrom])
        const left = fs.readdirSync(directory)
        for (const name of left) fs.rmSync(path.join(directory, name))
        expect(left.sort()).toEqual(names.filter((name) => !isBefore(name, keepFrom, { compressed: flags.length > 0 })).sort())
      }), { seed: SEED, numRuns: RUNS })
    } finally {
      fs.rmSync(directory, { recursive: true })
    }
  })
})

it('.backup files go with the segments that they speak of, where that is asked for', () => {
  const keepFrom = '000000020000000000000005'
  expect(isBefore('000000010000000000000004.00000028.backup', keepFrom)).toBe(false)
  expect(isBefore('000000010000000000000004.00000028.backup', keepFrom, { backupHistory: true })).toBe(true)
  expect(isBefore('000000010000000000000004.00000028.backup.zst', keepFrom, { backupHistory: true })).toBe(true)
  expect(isBefore('000000010000000000000005.00000028.backup', keepFrom, { backupHistory: true })).toBe(false)
  expect(isBefore('00000001.history', keepFrom, { backupHistory: true })).toBe(false)
})

describe('planRetention', () => {
  const backup = (day: number, segmentNumber: number, timeline = 1) =>
    ({ name: `day${day}`, finishedAt: `2026-11-${String(day).padStart(2, '0')}T00:00:00.000Z`, startSegment: hex(timeline) + hex(0) + hex(segmentNumber) })
  const other = (segmentNumber: number) => ({ file: `${segmentNumber}`, label: 'pg_basebackup base backup', startTime: '', startSegment: hex(1) + hex(0) + hex(segmentNumber) })
  const names = (list: readonly { name: string }[] | undefined) => list?.map(({ name }) => name)

  it('the newest stay, whatever order they come in, and the WAL from the oldest of them on', () => {
    const plan = planRetention([backup(2, 20), backup(1, 10), backup(4, 40), backup(3, 30)], [], { keep: 2, giveUpOthers: false })
    expect([names(plan?.keep), names(plan?.remove), plan?.keepFrom]).toEqual([['day4', 'day3'], ['day2', 'day1'], hex(1) + hex(0) + hex(30)])
    // A backup that was taken later may need older WAL: one of a server that was restored to an earlier point.
    expect(planRetention([backup(3, 30), backup(4, 5, 2)], [], { keep: 2, giveUpOthers: false })?.keepFrom).toBe(hex(2) + hex(0) + hex(5))
  })

  it('the one that was made just now is the newest, also where the clock was ahead before', () => {
    const plan = planRetention([backup(28, 10), backup(2, 20), backup(27, 5)], [], { keep: 2, giveUpOthers: false, newest: 'day2' })
    expect([names(plan?.keep), names(plan?.remove), plan?.keepFrom]).toEqual([['day2', 'day28'], ['day27'], hex(1) + hex(0) + hex(10)])
  })

  it('fewer than are to be kept: none goes; none at all: nothing is said', () => {
    const plan = planRetention([backup(1, 10)], [], { keep: 7, giveUpOthers: false })
    expect([names(plan?.keep), plan?.remove, plan?.keepFrom]).toEqual([['day1'], [], hex(1) + hex(0) + hex(10)])
    expect(planRetention([], [other(1)], { keep: 7, giveUpOthers: true })).toBeUndefined()
    expect(names(planRetention([backup(1, 10)], [], { keep: 0, giveUpOthers: false })?.keep)).toEqual(['day1'])
  })

  it('backups of others keep their WAL until they are given up', () => {
    const backups = [backup(1, 10), backup(2, 20)]
    const others = [other(25), other(7), other(3)]
    expect(planRetention(backups, others, { keep: 1, giveUpOthers: false })).toMatchObject({ keepFrom: hex(1) + hex(0) + hex(3), others: [{ file: '7' }, { file: '3' }] })
    expect(planRetention(backups, others, { keep: 1, giveUpOthers: true })).toMatchObject({ keepFrom: hex(1) + hex(0) + hex(20), others: [{ file: '7' }, { file: '3' }] })
  })
})
