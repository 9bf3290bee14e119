import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import check from '../../src/checks/upgrade-settings.ts'
import { checkLoads, quoteValue } from '../../src/postgres/conf/index.ts'
import { parseValue, settingInfo, settingNames } from '../../src/postgres/settings/index.ts'
import { binDirectory } from '../support/install-servers.mjs'
import { CLUSTER, codes, configuration, known, run, unknown } from '../support/run-check.ts'
import type { FilesOf } from '../support/run-check.ts'
import { LONG, SEED } from '../support/seed.ts'
import { MAJORS, runAs, serverAccount } from '../support/server.ts'
import type { Account, Major } from '../support/server.ts'

const MiB = 2 ** 20

async function found(files: FilesOf, from: number, forVersion: number, uses: object = {}) {
  const facts = { configuration: await configuration(files, from) }
  return run(check, facts, { identity: known({ systemIdentifier: '1', segmentSize: 64 * MiB }), recoveryConf: known({}), roleSettings: known([]), ...uses }, { cluster: { ...CLUSTER, major: from }, forVersion })
}
const conf = (text: string, from: number, forVersion: number, uses: object = {}) => found({ conf: text }, from, forVersion, uses)

/** Settings that are gone or refuse what they took: the first major that does not start with the line, and what is said. */
const REFUSED: readonly (readonly [line: string, since: number, code: string])[] = [
  ['wal_keep_segments = 10', 13, 'renamed'],
  ["promote_trigger_file = '/tmp/promote'", 16, 'promote-trigger-file'],
  ["stats_temp_directory = 'pg_stat_tmp'", 15, 'removed'],
  ['vacuum_defer_cleanup_age = 100', 16, 'vacuum-defer-cleanup-age'],
  ['old_snapshot_threshold = -1', 17, 'removed'],
  ['db_user_namespace = off', 17, 'removed'],
  ['trace_recovery_messages = log', 17, 'removed'],
  ['operator_precedence_warning = off', 14, 'removed'],
  ['vacuum_cleanup_index_scale_factor = 0.1', 14, 'removed'],
  ['force_parallel_mode = off', 16, 'renamed'],
  ['password_encryption = on', 14, 'value-refused'],
  ['max_files_per_process = 30', 13, 'value-refused'],
  ['wal_compression = ye', 15, 'value-refused'],
  ['Stats_Temp_Directory = pg_stat_tmp', 15, 'removed'],
]

it.each(REFUSED)('%s is refused from %i on', async (line, since, code) => {
  for (const forVersion of [since - 1, since, 18].filter((major) => major > 12)) {
    const told = (await conf(`\n${line}\n`, 12, forVersion) as readonly { code: string }[]).filter((one) => one.code !== 'default-changed')
    if (forVersion < since) expect(told).toEqual([])
    else expect(told).toMatchObject([{ code, severity: 'error', params: { major: forVersion }, at: { file: '/etc/postgresql.conf', line: 2 } }])
  }
})

it('wal_keep_segments is converted by the size of a segment, where that is known', async () => {
  expect(await conf('wal_keep_segments = 10', 12, 13)).toMatchObject([{ params: { successor: 'wal_keep_size', value: '640MB' } }, { code: 'default-changed' }])
  expect(await conf('wal_keep_segments = 10', 12, 13, { identity: unknown('not-readable') })).toMatchObject([{ code: 'wal-keep-segments', params: { value: '10' } }, {}])
})

it('each place that sets it is told: an included file, postgresql.auto.conf, the command line', async () => {
  const files = { conf: "include 'more.conf'\nwal_keep_size = 1", auto: 'promote_trigger_file = x', more: { '/etc/more.conf': '\npromote_trigger_file = y' }, commandLine: [['vacuum_defer_cleanup_age', '5']] as const }
  expect(await found(files, 15, 16)).toMatchObject([
    { code: 'vacuum-defer-cleanup-age', at: { file: 'command line' } },
    { code: 'promote-trigger-file', params: { value: 'y' }, at: { file: '/etc/more.conf', line: 2 } },
    { code: 'promote-trigger-file', params: { value: 'x' }, at: { file: '/data/postgresql.auto.conf', line: 1 } },
  ])
})

it('what this major does not start with either is left to configuration-loads', async () => {
  expect(await conf('wal_keep_segments = 10\nno_such = 1\nwal_level = wrong', 15, 18)).toEqual([])
})

it('a path with .. is the same file to all majors', async () => {
  const more = { '/etc/sub/../more.conf': 'stats_temp_directory = x' }
  expect(await found({ conf: "include 'sub/../more.conf'", more }, 14, 15)).toMatchObject([{ code: 'removed', at: { file: '/etc/more.conf' } }])
})

describe('percent signs, from 16 on', () => {
  it('in each command that the server runs', async () => {
    const text = "archive_mode = on\narchive_command = 'cp %p /a/$(date +%Y)/%f'\nrestore_command = 'cp /a/%f %p %r %%x'\nrecovery_end_command = 'echo 50%'\n"
    expect(await conf(text, 15, 16)).toMatchObject([
      { code: 'placeholder', severity: 'error', params: { name: 'archive_command', detail: '%Y' }, at: { line: 2 } },
      { code: 'placeholder', severity: 'warning', params: { name: 'recovery_end_command', detail: '%' }, at: { line: 4 } },
    ])
    expect(await conf(text, 14, 15)).toEqual([])
    expect(await conf(text, 16, 17)).toEqual([])
  })
  it('are no loss while nothing is archived', async () => {
    expect(codes(await conf("archive_command = 'echo %Y'", 15, 16))).toEqual(['warning placeholder'])
  })
})

it('a command beside a library', async () => {
  expect(await conf("archive_library = basic_archive\narchive_command = 'cp %p /a/%f'", 15, 16)).toMatchObject([{ code: 'both-set', severity: 'error', params: { library: 'basic_archive' }, at: { line: 2 } }])
  expect(await conf("archive_library = basic_archive\narchive_command = ''", 15, 16)).toEqual([])
  expect(await conf("archive_library = ''\narchive_command = 'cp %p /a/%f'", 15, 16)).toEqual([])
})

it('recovery.conf', async () => {
  expect(await conf('', 15, 16, { recoveryConf: known({ file: '/data/recovery.conf' }) })).toMatchObject([{ code: 'recovery-conf', severity: 'error', at: { file: '/data/recovery.conf' } }])
  expect(codes(await conf('', 15, 16, { recoveryConf: unknown('not-readable', { target: '/data' }) }))).toEqual(['skip not-readable'])
})

it('defaults that change where nothing is set', async () => {
  expect(await conf('', 13, 14)).toMatchObject([
    { code: 'default-changed', severity: 'info', params: { name: 'checkpoint_completion_target', before: '0.5', after: '0.9' } },
    { code: 'default-changed', params: { name: 'password_encryption', before: 'md5', after: 'scram-sha-256' } },
  ])
  expect(await conf('checkpoint_completion_target = 0.5\npassword_encryption = md5', 13, 14)).toEqual([])
  expect(await conf('', 14, 18)).toEqual([])
})

it('values of roles and databases', async () => {
  const of = (name: string, value: string, role: string | null = null, database: string | null = null) => ({ name, value, role, database })
  const settings = [of('force_parallel_mode', 'on', 'a"b'), of('password_encryption', 'on', null, 'x'), of('work_mem', '4MB'), of('my.own', '1'), of('operator_precedence_warning', 'on', 'r', 'x'), of('search_path', 'a')]
  const told = await conf('password_encryption = md5\ncheckpoint_completion_target = 0.5', 13, 16, { roleSettings: known(settings) })
  expect(told).toMatchObject([
    { code: 'role-setting', severity: 'error', params: { statement: 'ALTER ROLE "a""b" RESET force_parallel_mode' } },
    { params: { statement: 'ALTER DATABASE "x" RESET password_encryption' } },
    { params: { statement: 'ALTER ROLE "r" IN DATABASE "x" RESET operator_precedence_warning' } },
  ])
})

it('is not judged without an upgrade, where a file is closed, or where the version is not known', async () => {
  const facts = { configuration: await configuration({}) }
  expect(codes(run(check, facts))).toEqual(['skip not-applicable'])
  expect(codes(run(check, facts, {}, { forVersion: 15 }))).toEqual(['skip not-applicable'])
  expect(codes(await found({ closed: ['/data/postgresql.auto.conf'] }, 13, 16))).toEqual(['skip not-readable'])
  expect(codes(await conf('', 0, 17))).toEqual(['skip not-readable'])
})

describe('against the servers of the newer major', () => {
  let account: Account
  let directory: string
  beforeAll(async () => {
    account = await serverAccount()
    directory = await fs.mkdtemp('/tmp/pgwal-test-upgrade-')
    if (process.getuid?.() === 0) await fs.chown(directory, account.uid, account.gid)
  })
  afterAll(() => fs.rm(directory, { recursive: true, force: true }))

  /** Whether `postgres -C`, which looks at every line but at no rule between settings, takes the files of an older one. It needs no cluster. */
  async function taken(text: string, major: Major): Promise<{ readonly taken: boolean; readonly stderr: string }> {
    await fs.writeFile(path.join(directory, 'postgresql.conf'), text)
    const { code, stderr } = await runAs(account, path.join(binDirectory(major), 'postgres'), ['-C', 'port', '-D', directory])
    return { taken: code === 0, stderr }
  }
  const refusals = (told: Awaited<ReturnType<typeof found>>) => codes(told).filter((code) => code.startsWith('error'))

  it.each(REFUSED)('%s: the servers refuse it from %i on, and take it before', async (line, since) => {
    for (const major of LONG ? MAJORS : MAJORS.filter((one) => [since - 1, since, 18].includes(one))) {
      expect((await taken(`${line}\n`, major)).taken, `${major} ${line}`).toBe(major < since)
    }
  })

  it('the server names the line', async () => {
    const { stderr } = await taken('\nwal_keep_segments = 10\n', 13)
    expect(stderr).toMatch(/unrecognized configuration parameter "wal_keep_segments" in file ".*" line 2/)
    expect((await taken('\nwal_keep_size = 640MB\n', 13)).taken).toBe(true)
  })

  const pairs: readonly (readonly [Major, Major])[] = [...MAJORS.slice(1).map((major, at) => [MAJORS[at]!, major] as const), [12, 15], [12, 18], [14, 17]]
  it.each(pairs)(`generated files of %i at %i (seed ${SEED})`, async (from, to) => {
    let state = SEED + from * 100 + to
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return Math.floor((state / 2 ** 31) * below)
    }
    const names = settingNames(from).filter((name) => settingInfo(name, from)!.context !== 'internal')
    const gone = names.filter((name) => settingInfo(name, to) === undefined)
    let refused = 0
    for (let round = 0; round < (LONG ? 100 : 6); round++) {
      const lines = Array.from({ length: 4 }, (_, at) => {
        const name = at === 0 && round % 2 === 0 && gone.length > 0 ? gone[random(gone.length)]! : names[random(names.length)]!
        const { words, aliases, type, min, max, default: usual } = settingInfo(name, from)!
        const choices = [usual, ...(type === 'enum' ? [...words, ...aliases.keys()] : type === 'bool' ? ['t', 'yes', '0', 'off'] : type === 'string' ? [] : [String(min), String(max)])]
        return { name, value: choices[random(choices.length)]! }
      }).filter(({ name, value }) => [from, to].every((major) => settingInfo(name, major) === undefined || (({ ok, depends }: { ok: boolean; depends?: string }) => (major === to || ok) && depends === undefined)(parseValue(name, value, major))))
      const text = lines.map(({ name, value }) => `${name} = ${quoteValue(value)}\n`).join('')
      const files = await configuration({ conf: text }, from)
      if (checkLoads(files.configuration).errors.some(({ code }) => code !== 'conflict')) continue
      const told = await conf(text, from, to)
      const expected = refusals(told).every((code) => code === 'error conflict')
      if (!expected) refused++
      expect((await taken(text, to)).taken, `${from} to ${to}:\n${text}${refusals(told).join('\n')}`).toBe(expected)
    }
    if (gone.length > 0) expect(refused).toBeGreaterThan(0)
  })
})
