// docs/coverage.md names checks, codes and tests that exist.
import fs from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { checks } from '../../src/checks/index.ts'
import { probes } from '../../src/probes/index.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

interface Row {
  readonly id: string
  readonly kind: string
  readonly foundBy: string
  readonly madeIn: string
  readonly reason: string
}

async function readRows(): Promise<Row[]> {
  const text = await fs.readFile(path.join(ROOT, 'docs/coverage.md'), 'utf8')
  return text.split('\n').filter((line) => /^\| [A-Z]\d/.test(line)).map((line) => {
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim())
    expect(cells, line).toHaveLength(5)
    const [id, kind, foundBy, madeIn, reason] = cells as [string, string, string, string, string]
    return { id, kind, foundBy, madeIn, reason }
  })
}

/** Code words of a cell, in their order. */
function words(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word!)
}

const rows = await readRows()
const units = new Map([...checks, ...probes].map((unit) => [unit.id, new Set(Object.keys(unit.text.en.findings))]))

describe('docs/coverage.md', () => {
  it('names no row twice, in the order of its sections', () => {
    const ids = rows.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)].sort())
  })

  it.each(rows.map((row) => [row.id, row] as const))('%s: what it names exists', async (_id, { kind, foundBy, madeIn, reason }) => {
    expect(kind).not.toBe('')
    if (foundBy !== '') {
      // `check`: `code`, `code`; `check`: `code`
      for (const part of foundBy.split(';')) {
        const [id, ...codes] = words(part)
        expect(part.trim()).toMatch(/^`[a-z-]+`: `[a-z0-9-]+`(, `[a-z0-9-]+`)*$/)
        expect(units.has(id!), `no check ${id}`).toBe(true)
        for (const code of codes) expect(units.get(id!)!.has(code), `${id} has no code ${code}`).toBe(true)
      }
    }
    if (madeIn !== '') {
      const files = words(madeIn)
      expect(files).not.toEqual([])
      for (const file of files) await fs.access(path.join(ROOT, file))
    }
    if (foundBy === '') expect(reason, 'neither found nor explained').not.toBe('')
    else expect(`${madeIn}${reason}`, 'found, but by what test?').not.toBe('')
  })
})
