// Every setting of every major with values that suit its type and values that do not: the servers agree on each.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NEWEST_MAJOR, parseValue, sameValue, settingInfo, settingName, settingNames } from '../../../src/postgres/settings/index.ts'
import { MAJORS } from '../../support/server.ts'
import { LONG, SEED } from '../../support/seed.ts'
import { NEEDS_A_SESSION, Oracles, disagreements } from '../conf/oracle.ts'

const WORDS = ['', ' ', 'on', 'OFF', 'of', 'o', 'tr', 'TRUE', 'truex', 'y', 'n', 'no', '1', '0', '01', ' 1', 'on ', 'banana', 'ｏｎ', 'none', 'auto', 'debug', 'info', 'archive', 'Replica', 'fatal', 'all', 'regress', 'TLSv1.2', '"on"']
const NUMBERS = ['', ' ', '0', '1', '-1', '+1', ' 1', '1 ', '\t1\n', '1\v', '1\u00a0', '01', '010', '08', '08.5', '010.5', '0x10', '0X1f', '0x', '0xg', '0x1p3', '0x1.8', '0x.8p1', '-0x10', '1e2', '1e', '1E+1', '1e-1', '1.5', '.5', '5.', '.', '-.5', '- 1', '1e-400', '1e400', '1e-310', '2.5', '3.5', '0.5', '-0.4', '0.4999999999',
  'inf', '-Infinity', 'nan', 'NaN(1)', 'infx', '1kB', '1 kB', '1kb', '1KB', '1MB', '1.5MB', '30.1GB', '0.5kB', '1B', '1024B', '8191B', '1TB', ' 1 kB ', '1 k B', '1kBx', '1kBxy', '1ms', '1s', '1min', '1h', '1d', '1us', '500us', '501us', '1500us', '1.5min', '1.5d', '1S', '1sec', '1min2', '64', '100', '128', '256kB', '8GB', '2147483647', '2147483648', '-2147483648', '-2147483649', '9223372036854775807', '9223372036854775808', '99999999999999999999', '0xFFFFFFFFFFFFFFFFFF', '01777777777777777777777', '1e9', '1e10', '1_000', '1,000', '１', 'banana', '16', '24', '32kB', '0700', '0777', '01000', '4096', '1GB', '1000s', '90s']
const TEXTS = ['', ' ', 'a', 'a,b', 'a b', 'a,,b', 'a,', ',a', '"a', '"a""b", c', '"a"b', '""', '*', '2 (a, b)', 'ANY 1 (*)', 'FIRST (a)', 'first', '0 (a)', '2 (a', '2 a', 'a, 1', '"a b"', 'a-b', 'a$', '$a', '1a', '1', 'any', 'any 1 (first)', '1 (1, 2)', '( a )', 'a"b', '"any", b', 'ä', '4294967297 (a)', 'all', 'heap, btree', 'xlog', 'HEAP2', 'ALL, "all"', 'stderr', 'stderr,csvlog', 'STDERR, "csvlog"', 'jsonlog', 'syslog', 'eventlog', 'view', 'view, foreign-table', 'set,inherit', 'utf8',
  '0/0', '0/', '/1', 'FFFFFFFF/1', '1FFFFFFFF/1', '0/0 ', 'slot_1', 'Slot', 'now', 'today', '2024-01-01 00:00:00', '2024-01-01 00:00:00+00', '2024-01-28 12:00:00.5 UTC', '2024-01-28 12:00Z', 'C', 'POSIX', 'GMT', 'gmt', '5.5', '-12', 'Default', 'a.b', 'x'.repeat(63), 'x'.repeat(64), 'é'.repeat(32), 'receipt', 'receipt,authentication', 'all,receipt', 'on', 'ON', 'on,receipt', 'wal', 'data,wal_init', 'DATA', '18446744073709551615', '18446744073709551616', '-18446744073709551616', '0x', 'abc', 'latest', 'current', 'immediate', 'iso', 'ISO, MDY', 'ISO, SQL', 'ISO MDY', 'postgresx, euro', 'german, us', 'european, mdy', 'default', 'default, iso', 'a\tb', 'a;b', 'a_b, c', '"']

const quote = (value: string): string => `'${value.replaceAll("'", "''").replaceAll('\n', '\\n')}'`
const testable = (major: number): string[] => settingNames(major).filter((name) => !NEEDS_A_SESSION.has(name))
const valuesFor = (name: string, major: number): readonly string[] => ({ bool: WORDS, enum: WORDS, integer: NUMBERS, real: NUMBERS, string: TEXTS })[settingInfo(name, major)!.type]

describe('the servers', () => {
  let oracles: Oracles
  beforeAll(async () => {
    oracles = await Oracles.start()
  })
  afterAll(async () => {
    await oracles.stop()
  })

  /** One file for all majors; each ignores the rest by reading only its own settings. */
  const agree = async (pick: (name: string, major: number) => string): Promise<void> => {
    for (const oracle of oracles.all) {
      const lines = testable(oracle.major).map((name) => `${name} = ${quote(pick(name, oracle.major))}\n`)
      await oracles.write({ 'main.conf': Buffer.from(lines.join('')) })
      expect(disagreements(oracle.major, await oracles.read(oracle), await oracle.ask()), `PostgreSQL ${oracle.major}`).toEqual([])
    }
  }

  test('agree on every value for every setting', async () => {
    // In long runs every setting gets every value, whatever its type.
    const everything = [...new Set([...WORDS, ...NUMBERS, ...TEXTS])]
    const rounds = LONG ? everything.length : Math.max(WORDS.length, NUMBERS.length, TEXTS.length)
    for (let round = 0; round < rounds; round++) {
      await agree((name, major) => {
        const values = LONG ? everything : valuesFor(name, major)
        return values[round % values.length]!
      })
    }
  }, 3_600_000)

  test('agree on generated numbers', async () => {
    const digits = fc.stringMatching(/^[0-9]{0,12}$/)
    const number = fc.oneof(
      fc.tuple(fc.constantFrom('', '-', '+', ' '), digits, fc.constantFrom('', '.'), digits, fc.constantFrom('', 'e3', 'e-3', 'E'), fc.constantFrom('', 'B', 'kB', ' MB', 'GB', 'TB', 'us', 'ms', ' s', 'min', 'h', 'd ', 'x')).map((parts) => parts.join('')),
      fc.tuple(fc.constantFrom('0x', '0', '-0x'), fc.stringMatching(/^[0-9a-f]{0,9}$/), fc.constantFrom('', 'kB', 'MB', 's', '.8', 'p2')).map((parts) => parts.join('')),
    )
    const seen = fc.array(number, { minLength: 40, maxLength: 40 })
    console.log(`generated values: PGWAL_SEED=${SEED}`)
    await fc.assert(fc.asyncProperty(seen, async (values) => {
      let at = 0
      await agree(() => values[at++ % values.length]!)
    }), { seed: SEED, numRuns: LONG ? 300 : 10 })
  }, 3_600_000)
})

describe('a value', () => {
  test('is the same in other words', () => {
    for (const [name, a, b] of [['archive_mode', 'on', 'TRUE'], ['fsync', 'of', 'no'], ['work_mem', '4MB', '4096'], ['archive_timeout', '1h', '60min'], ['wal_level', 'archive', 'replica'], ['archive_command', 'x', 'x']] as const) expect(sameValue(name, a, b, 15), name).toBe(true)
    for (const [name, a, b] of [['archive_mode', 'on', 'always'], ['work_mem', '4MB', '4'], ['archive_command', 'x', 'X'], ['work_mem', 'x', 'y'], ['work_mem', 'x', '4MB']] as const) expect(sameValue(name, a, b, 15), name).toBe(false)
  })
  test('is printed as SHOW prints it', () => {
    for (const [name, text, shown] of [['work_mem', '4096', '4MB'], ['work_mem', '4097kB', '4097kB'], ['shared_buffers', '16384', '128MB'], ['shared_buffers', '17', '136kB'], ['archive_timeout', '3600', '1h'], ['archive_timeout', '61', '61s'], ['archive_timeout', '0', '0'], ['max_slot_wal_keep_size', '-1', '-1'], ['vacuum_cost_delay', '0.5', '500us'], ['vacuum_cost_delay', '2', '2ms'], ['checkpoint_completion_target', '0.90', '0.9'], ['cpu_tuple_cost', '1e-7', '1e-07'], ['random_page_cost', '1234567', '1.23457e+06'], ['unix_socket_permissions', '511', '0777'], ['fsync', 'y', 'on']] as const) {
      expect(parseValue(name, text, 15), name).toMatchObject({ ok: true, canonical: shown })
    }
  })
  test('that depends on the machine or the build says so', () => {
    for (const [name, text] of [['ssl', 'on'], ['bonjour', 'on'], ['huge_pages', 'on'], ['wal_compression', 'zstd'], ['wal_sync_method', 'fsync_writethrough'], ['TimeZone', 'Asia/Taipei'], ['lc_time', 'zh_TW.UTF-8'], ['max_stack_depth', '7MB'], ['shared_preload_libraries', 'pg_stat_statements'], ['hba_file', '/x'], ['unix_socket_group', 'x']] as const) {
      expect(parseValue(name, text, 15), name).toMatchObject({ ok: true, depends: expect.any(String) })
    }
    expect(parseValue('work_mem', '1TB', 17, { windows: true })).toMatchObject({ ok: true, depends: expect.any(String) })
    expect(parseValue('log_destination', 'eventlog', 17, { windows: true })).toEqual({ ok: true, canonical: 'eventlog', value: 'eventlog' })
  })
})

describe('the table', () => {
  test('knows contexts as they changed', () => {
    expect(settingInfo('restore_command', 13)!.context).toBe('postmaster')
    expect(settingInfo('restore_command', 14)!.context).toBe('sighup')
    expect(settingInfo('primary_conninfo', 12)!.restart).toBe(true)
    expect(settingInfo('primary_conninfo', 13)!.restart).toBe(false)
  })
  test('gives its own capitals, and takes any', () => {
    expect(settingInfo('datestyle', 15)!.name).toBe('DateStyle')
    expect(settingName('TimeZone', 15)).toBe('timezone')
    expect(settingName('SORT_MEM', 15)).toBe('work_mem')
  })
  test('answers for a major that it does not know from the nearest one, and says so', () => {
    expect(settingInfo('wal_level', NEWEST_MAJOR + 1)).toMatchObject({ tested: false, type: 'enum' })
    expect(settingInfo('wal_level', 11)).toMatchObject({ tested: false })
    expect(settingInfo('wal_level', NEWEST_MAJOR)!.tested).toBe(true)
  })
  test('takes every default of its own', () => {
    for (const major of MAJORS) {
      for (const name of settingNames(major)) {
        const { context, type, default: boot } = settingInfo(name, major)!
        // A few start from a text that only the server itself may give.
        if (context === 'internal' || (boot === '' && type === 'string')) continue
        expect(parseValue(name, boot, major).ok, `${major} ${name} = ${boot}`).toBe(true)
      }
    }
  })
})
