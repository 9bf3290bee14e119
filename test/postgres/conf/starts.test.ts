// What decides at a real start: `postgres -C` for values, precedence and exit status, and real starts for the rules
// between settings. PGWAL_LONG=1 starts a server for every case.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkLoads, planSetting, quoteValue } from '../../../src/postgres/conf/index.ts'
import { parseValue, settingInfo } from '../../../src/postgres/settings/index.ts'
import { MAJORS } from '../../support/server.ts'
import { LONG } from '../../support/seed.ts'
import { NAMES, VALUES } from './cases.ts'
import { Starter } from './starts.ts'

let starters: Starter[]
beforeAll(async () => {
  starters = await Promise.all(MAJORS.map((major) => Starter.create(major)))
})
afterAll(async () => {
  await Promise.all(starters.map((starter) => starter.remove()))
})

/** A value as `postgres -C` prints it: numbers in the unit of the setting. */
function printed(name: string, text: string, major: number): string {
  const parsed = parseValue(name, text, major)
  if (!parsed.ok) throw new Error(parsed.error)
  return typeof parsed.value === 'number' ? String(parsed.value) : parsed.canonical
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

describe('postgres -C', () => {
  test('prints the values of the hand-made cases', async () => {
    // Each value costs a process; whether a value is taken is asked of all majors elsewhere, cheaper.
    const asked = starters.filter(({ major }) => LONG || [12, 15, 18].includes(major))
    await Promise.all(asked.map(async (starter) => {
      for (const { setting, text, printed: wanted } of VALUES.filter(({ from, to }) => from <= starter.major && starter.major <= to)) {
        await starter.write({ 'main.conf': bytes(`${setting} = ${quoteValue(text)}\n`) })
        const { code, value } = await starter.ask(setting)
        // Refused only where the server has to act on the value: -C stops before.
        const deferred = setting === 'wal_consistency_checking' && starter.major >= 15
        if (!deferred) expect(code === 0 ? value : undefined, `${starter.major} ${setting} = ${text}`).toBe(wanted)
        expect(checkLoads(await starter.read()).errors.filter(({ code: kind }) => kind !== 'conflict').length === 0, `${starter.major} ${setting} = ${text}`).toBe(wanted !== undefined)
      }
    }))
  })

  test('knows the same names', async () => {
    await Promise.all(starters.map(async (starter) => {
      await starter.write({ 'main.conf': bytes('') })
      for (const [name] of NAMES) {
        const { code } = await starter.ask(name)
        expect(code === 0, `${starter.major} ${name}`).toBe(settingInfo(name, starter.major) !== undefined)
      }
    }))
  })

  // Text, name that is asked for, command line.
  const CONFIGURATIONS: readonly (readonly [text: string, name: string, commandLine?: readonly (readonly [string, string])[], auto?: string])[] = [
    ['work_mem = 1MB\nwork_mem = 2MB', 'work_mem'],
    ['work_mem = banana\nwork_mem = 2MB', 'work_mem'],
    ['work_mem = 2MB\nwork_mem = banana', 'work_mem'],
    ['Work_Mem = banana\nwork_mem = 2MB', 'work_mem'],
    ['work_mem = 3MB\nsort_mem = 2MB', 'work_mem'],
    ['sort_mem = banana\nwork_mem = 2MB', 'work_mem'],
    ['archive_mode=banana\narchive_mode=on', 'archive_mode'],
    ['Archive_Mode=banana\narchive_mode=on', 'archive_mode'],
    ['work_mem = 1MB', 'work_mem', [['work_mem', '3MB']]],
    ['work_mem = 1MB', 'work_mem', [['sort_mem', '3MB']]],
    ['work_mem = 1MB', 'work_mem', [['work_mem', '3MB'], ['work_mem', '4MB']]],
    ['work_mem = 1MB', 'work_mem', [['work-mem', '3MB']]],
    ['work_mem = banana', 'work_mem', [['work_mem', '3MB']]],
    ['work_mem = 1MB', 'work_mem', [['work_mem', 'banana']]],
    ['work_mem = 1MB', 'work_mem', [['no_such', '1']]],
    ['work_mem = 1MB', 'work_mem', [], "work_mem = '5MB'\n"],
    ['work_mem = banana', 'work_mem', [], "work_mem = '5MB'\n"],
    ['work_mem = 1MB', 'work_mem', [['work_mem', '3MB']], "work_mem = '5MB'\n"],
    ['work_mem = 1MB', 'work_mem', [], "WORK_MEM = 'banana'\n"],
    ['a.b = 1\na.b = 2', 'a.b'],
    ['a.b = 1\nA.B = 2', 'a.b'],
    ['no_such = 1', 'work_mem'],
    ['no.such = 1', 'work_mem'],
    ['block_size = 8192', 'work_mem'],
    ['is_superuser = on', 'work_mem'],
    ['server_version = 99', 'work_mem'],
    ["config_file = '/x'", 'work_mem'],
    ["work_mem = 1MB\nx", 'work_mem'],
    ["include 'missing'", 'work_mem'],
    ["include_if_exists 'missing'\nwork_mem = 7MB", 'work_mem'],
    ["recovery_target_name=a\nrecovery_target_xid=3", 'work_mem'],
    ["recovery_target_name=a\nrecovery_target_xid=''", 'work_mem'],
    ["recovery_target_xid=''\nrecovery_target_name=a", 'work_mem'],
    ["recovery_target_name=a\nRecovery_target_name=b", 'recovery_target_name'],
    ["recovery_target_name=''\nrecovery_target_time='2020-01-01'", 'work_mem'],
    ["recovery_target_name=a", 'recovery_target_name', [['recovery_target_xid', '5']]],
    ["recovery_target_name=a", 'recovery_target_name', [['recovery_target_name', 'b']]],
    ['log_statement_stats=on\nlog_parser_stats=on', 'work_mem'],
    ['log_parser_stats=on\nlog_statement_stats=on', 'work_mem'],
    ['log_parser_stats=on\nlog_parser_stats=off\nlog_statement_stats=on', 'work_mem'],
    ['log_parser_stats=off\nlog_statement_stats=on', 'log_parser_stats', [['log_parser_stats', 'on']]],
    ['max_connections=262143', 'max_connections'],
    ['max_connections=262000\nmax_wal_senders=200', 'max_connections'],
    ['max_wal_senders=262143', 'max_wal_senders'],
    ["unix_socket_directories=','", 'work_mem'],
    ["default_text_search_config = ''", 'work_mem'],
    ["default_table_access_method = 'no_such'", 'work_mem'],
    ["synchronized_standby_slots = 'a b'", 'work_mem'],
    ["synchronized_standby_slots = 'a, b'", 'work_mem'],
    ["role = 'NONE'", 'work_mem'],
    ["session_authorization = ''", 'work_mem'],
    ["transaction_isolation = 'serializable'\ntransaction_read_only = on\ntransaction_deferrable = on", 'work_mem'],
    ["timezone = '+24'\nlog_timezone = 'GMT'", 'work_mem'],
  ]
  test.each(CONFIGURATIONS.map(([text, name, commandLine = [], auto = '']) => ({ text, name, commandLine, auto })))('$text, asked for $name', async ({ text, name, commandLine, auto }) => {
    await Promise.all(starters.map(async (starter) => {
      await starter.write({ 'main.conf': bytes(text), 'auto.conf': bytes(auto) })
      const [server, configuration] = [await starter.ask(name, commandLine), await starter.read(commandLine)]
      // Rules that the server looks at after -C has answered.
      const late = ['unix_socket_directories', 'wal_level', ...starter.major >= 18 ? ['max_connections'] : []]
      const { errors, uncertain } = checkLoads(configuration)
      const ours = errors.filter((error) => !(error.code === 'conflict' && late.includes(error.name!)))
      expect(ours.length === 0, `${starter.major}: ${server.stderr} ${JSON.stringify(ours)} ${JSON.stringify(uncertain)}`).toBe(server.code === 0)
      if (server.code === 0) expect(printed(name, configuration.get(name)?.value ?? settingInfo(name, starter.major)!.default, starter.major)).toBe(server.value)
    }))
  })

  test('finds the data directory where the file says', async () => {
    await Promise.all(starters.map(async (starter) => {
      const elsewhere = `${starter.server.root}/elsewhere`
      await starter.write({ 'main.conf': bytes(`data_directory = '/no'\nwork_mem = 1MB\nDATA_DIRECTORY = '/none'\ndata_directory = '${elsewhere}'\n`), '../elsewhere/postgresql.auto.conf': bytes('work_mem = 9MB\n'), 'auto.conf': bytes('work_mem = 5MB\n') })
      const configuration = await starter.read()
      expect(configuration.dataDir).toBe(elsewhere)
      expect((await starter.ask('work_mem')).value).toBe('9216')
      expect(configuration.get('work_mem')!.value).toBe('9MB')
      expect((await starter.ask('data_directory')).value).toBe(elsewhere)
      expect(configuration.get('data_directory')!.source).toEqual({ file: starter.configFile, line: 4 })
    }))
  })

  test('reads back what was planned', async () => {
    const values = ["it's", 'C:\\archive\\new\\', 'a # b', ' ', '', 'on', '4MB', '\\', "'", "''", '"x"', 'tab\there', 'CR\rLF\nx', 'ä€\u{1f600}', '\u0001\u007f', '10.0.0.5', '$x', "cp '%p' \"/a b/%f\"", 'x'.repeat(500)]
    await Promise.all(starters.map(async (starter) => {
      for (const value of values) {
        await starter.write({ 'main.conf': bytes('archive_command = \'old\' # keep\r\n') })
        const change = planSetting(await starter.read(), 'archive_command', value)
        if (change.kind !== 'edit') throw new Error(change.kind)
        const [edit] = change.edits
        await starter.write({ 'main.conf': Buffer.concat([bytes('archive_command = '), edit!.after, bytes(' # keep\r\n')]) })
        const { code, value: read } = await starter.ask('archive_command')
        expect(code).toBe(0)
        expect(read).toBe(value)
      }
    }))
  })
})

/** What real starts are needed for: text of the file. */
const RULES = [
  'wal_level=minimal',
  'wal_level=minimal\nmax_wal_senders=0',
  'wal_level=minimal\nmax_wal_senders=0\narchive_mode=on',
  'max_connections=3',
  'max_connections=10\nsuperuser_reserved_connections=9',
  'max_connections=10\nsuperuser_reserved_connections=10',
  'min_wal_size=31MB',
  'min_wal_size=32MB',
  "archive_mode=on\narchive_command='/bin/true'",
  "listen_addresses='a b'",
  "unix_socket_directories=''\nlisten_addresses=''",
]
const RULES_OF_SOME: readonly (readonly [text: string, from: number])[] = [
  ['wal_level=minimal\nmax_wal_senders=0\nsummarize_wal=on', 17],
  ['max_connections=10\nreserved_connections=7', 16],
  ['max_connections=10\nreserved_connections=6', 16],
  ["archive_mode=on\narchive_command='/bin/true'\narchive_library='no_such'", 16],
  ['sync_replication_slots=on', 17],
  ['wal_consistency_checking=banana', 15],
  ['max_worker_processes=262143', 18],
]
const MORE_RULES = [
  '', 'max_connections=4\nmax_wal_senders=10', 'min_wal_size=2MB', 'max_wal_size=20MB', 'max_wal_size=20MB\nmin_wal_size=32MB', 'archive_mode=on', 'archive_mode=always\nwal_level=logical',
  "listen_addresses='\"a'", "listen_addresses=','", "listen_addresses='localhost'", "listen_addresses='*'", "unix_socket_directories=''", "unix_socket_directories=','", "unix_socket_directories='\"/tmp'", "unix_socket_directories='/tmp, /tmp'",
  "recovery_target_name=a\nrecovery_target_xid=3", 'log_statement_stats=on\nlog_parser_stats=on', 'autovacuum=on\ntrack_counts=off', 'hot_standby=on\nwal_level=minimal\nmax_wal_senders=0', 'max_replication_slots=0',
  "shared_preload_libraries='\"x'", "shared_preload_libraries='a,,b'", "external_pid_file='/no/such'", "log_directory=''", 'temp_buffers=100', 'wal_buffers=1', 'max_prepared_transactions=10', "plpgsql.variable_conflict=banana", 'data_sync_retry=on', "event_source=''", "jit_provider=''",
]

describe('real starts', () => {
  const cases = [...RULES.map((text) => ({ text, from: 12 })), ...RULES_OF_SOME.map(([text, from]) => ({ text, from })), ...LONG ? MORE_RULES.map((text) => ({ text, from: 12 })) : []]
  test.each(cases)('$text', async ({ text, from }) => {
    await Promise.all(starters.filter(({ major }) => major >= from).map(async (starter) => {
      await starter.write({ 'main.conf': bytes(`unix_socket_directories = '${starter.server.socketDir}'\nlisten_addresses = ''\n${text}\n`) })
      const { up, log } = await starter.starts()
      const { loads, errors } = checkLoads(await starter.read([['port', String(starter.server.port)], ['shared_buffers', '1MB']]))
      expect(loads, `${starter.major}: ${JSON.stringify(errors)}\n${log}`).toBe(up)
    }))
  })
})
