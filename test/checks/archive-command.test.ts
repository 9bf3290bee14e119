import { describe, expect, it } from 'vitest'
import check from '../../src/checks/archive-command.ts'
import type { ArchiveCommandFact } from '../../src/facts/archive-command.ts'
import { readArchiveCommand } from '../../src/postgres/archive-command/index.ts'
import { CLUSTER, codes, run, settings } from '../support/run-check.ts'

const at = { file: '/etc/postgresql.conf', line: 7 }

async function found(text: string, major = 15, more: Partial<ArchiveCommandFact> = {}, mode = 'on') {
  const judgement = readArchiveCommand(text, { shell: 'sh', major })
  const command: ArchiveCommandFact = text === '' ? { via: 'none', text, both: false, at, ...more }
    : { via: 'command', text, both: false, at, judgement, ...(judgement.destination === undefined ? {} : { destination: judgement.destination }), ...more }
  return run(check, { command, settings: await settings({ conf: `archive_mode = ${mode}` }) }, {}, { cluster: { ...CLUSTER, major } })
}

describe('nothing is configured', () => {
  it('an error with archive_mode on, and beside the point with it off', async () => {
    expect(await found('')).toMatchObject([{ code: 'empty', severity: 'error', at }])
    expect(await found('', 15, {}, 'off')).toEqual({ skip: { code: 'archive-mode-off', params: {} } })
  })
})

it('a module that archives is preloaded, and nothing more', async () => {
  const preloaded = async (libraries: string, major = 15) => {
    const command: ArchiveCommandFact = { via: 'none', text: '', both: false, at }
    return run(check, { command, settings: await settings({ conf: `archive_mode = on\nshared_preload_libraries = '${libraries}'` }, undefined, major) }, {}, { cluster: { ...CLUSTER, major } })
  }
  expect(await preloaded('pg_stat_statements, "$libdir/basic_archive"')).toMatchObject([{ code: 'preloaded-only', severity: 'error', params: { library: '$libdir/basic_archive', literal: "'$libdir/basic_archive'" }, at: { line: 2 } }])
  expect(codes(await preloaded('pg_stat_statements'))).toEqual(['error empty'])
  expect(codes(await preloaded('basic_archive', 14))).toEqual(['error empty'])
})

describe('what Barman moves on', () => {
  it('is not its archive: replacing there is no warning, where the directory is Barman\'s', async () => {
    const severity = async (text: string, spool?: true) => codes(await found(text, 15, spool === undefined ? {} : { spool })).find((code) => code.endsWith('overwrites'))
    expect(await severity('rsync -a %p barman@backup:/var/lib/barman/main/incoming/%f', true)).toBe('info overwrites')
    expect(await severity('rsync -a %p barman@backup:/var/lib/barman/main/wals/%f')).toBe('warning overwrites')
    const spool = (text: string) => readArchiveCommand(text, { shell: 'sh', major: 15 }).spool
    for (const text of ['rsync -a %p barman@backup:/b/main/incoming/%f', 'rsync -a %p b:/b/incoming/', 'cp %p /b/incoming/%f', 'scp %p b:/b/incoming/']) expect(spool(text), text).toBe(true)
    for (const text of ['rsync -a %p b:/b/incoming/main/%f', 'cp %p /b/incoming.old/%f', 'cp %p /a/%f', 'pgbackrest --stanza=main archive-push %p']) expect(spool(text), text).toBeUndefined()
  })
})

describe('a command', () => {
  it.each([
    ['/bin/true', ['error discards']],
    ['wal-e wal-push %p && pgbackrest --stanza=main archive-push %p', ['error takes-ahead']],
    ['exit 0', ['error discards']],
    ['false', ['error always-fails']],
    ['cp %p /a/fixed.wal', ['error fixed-target']],
    ['cp %f /a/%f', ['error f-as-source']],
    ['cp %p /a/%f || true', ['error hides-failure']],
    ['cat %p | gzip > /a/%f.gz', ['error pipe-hides-failure']],
    ['cp %p /a/%f', ['warning overwrites']],
    ['test ! -f /a/%f && cp %p /a/%f', ['warning not-atomic', 'info fails-when-identical']],
    ['cp %p /a/%f &', ['error background']],
    ['mv %p /a/%f', ['error touches-source']],
    ['pgbackrest --stanza=main archive-push %p', []],
    ['wal-g wal-push "%p"', []],
  ])('%s', async (text, expected) => {
    const all = codes(await found(text))
    for (const one of expected) expect(all).toContain(one)
    if (expected.length === 0) expect(all.filter((one) => !one.startsWith('info'))).toEqual([])
  })

  it('what decides is not followed by what is beside the point', async () => {
    expect(codes(await found('/bin/true'))).toEqual(['error discards'])
  })

  it('carries the place and the fix', async () => {
    expect(await found('cp %p /a/%f')).toMatchObject([{ code: 'overwrites', at, params: { command: 'cp %p /a/%f' }, fix: { kind: 'archive', directory: '/a' } }, {}, {}])
  })

  it('an unknown placeholder stops 16, and is only noted before', async () => {
    expect(codes(await found('cp %p /a/%d/%f', 16))).toContain('error bad-placeholder')
    expect(codes(await found('cp %p /a/%d/%f', 16))).not.toContain('error always-fails')
    expect(codes(await found('cp %p /a/%d/%f', 15))).toContain('info bad-placeholder-later')
  })

  it('a program that does not exist', async () => {
    expect(await found('/no/such %p %f', 15, { unread: { path: '/no/such', why: 'missing' } })).toMatchObject([{ code: 'program-missing', params: { program: '/no/such' } }])
  })

  it('what cannot be read is not judged', async () => {
    expect(await found('store %p %f', 15, { offPath: { program: 'store', path: '/usr/bin:/bin', elsewhere: '/opt/bin/store' } })).toMatchObject([{ code: 'program-off-path', severity: 'error', params: { program: 'store', path: '/usr/bin:/bin', elsewhere: '/opt/bin/store' } }])
    expect(codes(await found('/opt/a.sh %p %f', 15, { unread: { path: '/opt/a.sh', why: 'closed' } }))).toEqual(['skip not-readable'])
    expect(codes(await found('/opt/a %p %f', 15, { unread: { path: '/opt/a', why: 'not-text' } }))).toEqual(['skip unknown-destination'])
  })
})

describe('a library', () => {
  const library = (both: boolean, major: number) => found('x', major, { via: 'library', text: 'basic_archive', both, judgement: undefined } as never)
  it('alone', async () => {
    expect(await library(false, 16)).toEqual([])
  })
  it('beside a command: ignored by 15, refused from 16 on', async () => {
    expect(codes(await library(true, 15))).toEqual(['warning both-set'])
    expect(codes(await library(true, 16))).toEqual(['error both-set-stops'])
  })
})
