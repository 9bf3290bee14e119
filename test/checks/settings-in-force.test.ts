import { describe, expect, it } from 'vitest'
import check from '../../src/checks/settings-in-force.ts'
import { CLUSTER, codes, known, run, settings } from '../support/run-check.ts'
import type { FilesOf } from '../support/run-check.ts'

async function found(files: FilesOf | undefined, running?: Readonly<Record<string, string>>) {
  return run(check, { settings: await settings(files, running) })
}

describe('what waits for a restart or a reload', () => {
  it('archive_mode edited: an error with both values and the line', async () => {
    expect(await found({ conf: 'archive_mode = on' }, { archive_mode: 'off@default' })).toMatchObject([
      { code: 'restart-pending', severity: 'error', params: { name: 'archive_mode', configured: 'on', running: 'off' }, at: { file: '/etc/postgresql.conf', line: 1 }, fix: { kind: 'in-force' } }])
  })
  it('archive_command edited: a reload', async () => {
    expect(codes(await found({ conf: "archive_command = 'x %p %f'" }, { archive_command: '' }))).toEqual(['error reload-pending'])
    expect(codes(await found({ conf: "archive_command = 'x %p %f'" }, { archive_command: 'y %p %f' }))).toEqual(['warning reload-pending'])
  })
  it('a line that was removed leaves the server with its value', async () => {
    expect(codes(await found({ conf: '' }, { archive_mode: 'on' }))).toEqual(['warning restart-pending'])
  })
  it('the same value in other words is nothing', async () => {
    expect(await found({ conf: "archive_mode = yes\nwal_level = hot_standby\narchive_timeout = 300\nwal_keep_size = '1 GB'" }, { archive_mode: 'on', wal_level: 'replica', archive_timeout: '5min', wal_keep_size: '1GB' })).toEqual([])
  })
  it('a sticky pending_restart of a change that was taken back is nothing', async () => {
    expect(await found({ conf: '' }, { archive_mode: 'off@default' })).toEqual([])
  })
  it('with the server down nothing waits', async () => {
    expect(await found({ conf: 'archive_mode = on' })).toEqual([])
  })
  it('a running server that cannot be asked may run with anything', async () => {
    const unasked = { ...await settings({ conf: 'archive_mode = on' }), liveMissing: { code: 'timeout', params: { target: '/run:5432' } } } as const
    expect(codes(run(check, { settings: unasked }))).toEqual(['skip timeout'])
    expect(run(check, { settings: unasked }, {}, { cluster: { ...CLUSTER, running: false } })).toEqual([])
  })
})

describe('what loses', () => {
  it('to postgresql.auto.conf', async () => {
    expect(await found({ conf: 'archive_mode = on', auto: "\n\narchive_mode = 'off'\n" })).toMatchObject([
      { code: 'overridden-by-auto-conf', severity: 'warning', params: { name: 'archive_mode', value: 'on', winner: 'off', place: '/data/postgresql.auto.conf:3' }, at: { file: '/etc/postgresql.conf', line: 1 } }])
  })
  it('to an included file, and to a later line', async () => {
    expect(await found({ conf: 'wal_level = logical\ninclude = \'more.conf\'', more: { '/etc/more.conf': 'wal_level = minimal\n' } })).toMatchObject([
      { code: 'overridden-by-include', severity: 'warning', params: { place: '/etc/more.conf:1' } }])
    expect(await found({ conf: 'wal_level = logical\n\nwal_level = replica' })).toMatchObject([{ code: 'overridden-by-duplicate', severity: 'info', params: { winnerLine: 3 } }])
  })
  it('to the command line', async () => {
    expect(await found({ conf: 'archive_mode = on', commandLine: [['archive-mode', 'off']] }, { archive_mode: 'off@command line' })).toMatchObject([
      { code: 'overridden-by-command-line', severity: 'warning', params: { value: 'on', winner: 'off' } }])
  })
  it('a loser with the same meaning does no harm', async () => {
    expect(await found({ conf: "archive_timeout = 5min\narchive_timeout = '300s'" })).toEqual([])
  })
  it('settings that have nothing to do with archiving do not alarm', async () => {
    expect(await found({ conf: 'work_mem = 4MB\nwork_mem = 8MB' }, { work_mem: '1MB' })).toEqual([])
  })
})

it('is not judged when a file that may decide is closed', async () => {
  expect(codes(await found({ conf: 'archive_mode = on', closed: ['/data/postgresql.auto.conf'] }, { archive_mode: 'on' }))).toEqual(['skip not-readable'])
  expect(codes(await found(undefined, { archive_mode: 'on' }))).toEqual(['skip config-unreadable'])
})

describe('another postgresql.conf in the data directory', () => {
  const other = async (conf: string, ...settingsThere: [string, string][]) =>
    run(check, { settings: await settings({ conf }) }, { strays: known({ conf: { path: '/data/postgresql.conf', settings: settingsThere.map(([name, value], at) => ({ name, value, line: at + 1 })) } }) })

  it('says what was meant for this server', async () => {
    expect(await other('', ['archive_mode', 'on'], ['archive_command', 'cp %p /a/%f'])).toMatchObject([{
      code: 'other-file', severity: 'warning', at: { file: '/data/postgresql.conf', line: 1 },
      params: { names: 'archive_mode, archive_command', path: '/data/postgresql.conf', configFile: '/etc/postgresql.conf', first: 'archive_mode', winner: 'off' },
    }])
    expect(codes(await other('archive_mode = on', ['archive_mode', 'off']))).toEqual(['info other-file'])
  })

  it('says the same, or nothing about archiving', async () => {
    expect(await other('archive_mode = on', ['archive_mode', 'yes'])).toEqual([])
    expect(await other('archive_mode = on')).toEqual([])
  })
})
