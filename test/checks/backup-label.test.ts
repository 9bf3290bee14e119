import { expect, it } from 'vitest'
import check from '../../src/checks/backup-label.ts'
import { codes, NOW, run } from '../support/run-check.ts'

const server = (inRecovery = false) => ({ inRecovery })
const label = (exclusive: boolean, hours = 0) => ({ label: { path: '/data/backup_label', modified: new Date(NOW.getTime() - hours * 3_600_000), exclusive } })

it('none, and that of a copy which is being rolled forward', () => {
  expect(run(check, { strays: {}, server: server() })).toEqual([])
  expect(run(check, { strays: label(false), server: server(true) })).toEqual([])
})

it('one in the directory of a server that runs', () => {
  expect(run(check, { strays: label(false), server: server() })).toMatchObject([{ code: 'left-over', severity: 'warning', params: { word: '/data/backup_label', owner: 'postgres' }, at: { file: '/data/backup_label' } }])
})

it('an exclusive backup, and one that was forgotten', () => {
  expect(codes(run(check, { strays: label(true, 2), server: server() }))).toEqual(['info exclusive'])
  expect(codes(run(check, { strays: label(true, 25), server: server() }))).toEqual(['warning exclusive'])
})
