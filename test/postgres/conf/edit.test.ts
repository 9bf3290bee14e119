// Where a setting is written, and that nothing else changes.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyChange, changedFiles, invertEdit, applyEdit, parseConf, planSetting, planSettings, printConf, quoteValue, readConfiguration, removeSetting, valueBytes, withFile } from '../../../src/postgres/conf/index.ts'
import type { Change, Configuration, FileSource } from '../../../src/postgres/conf/index.ts'
import { LONG, SEED } from '../../support/seed.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const text = (raw: Uint8Array): string => Buffer.from(raw).toString('latin1')

function memory(files: Readonly<Record<string, string>>): FileSource {
  const missing = (): never => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  }
  return {
    read: async (name) => files[name] === undefined ? missing() : bytes(files[name]),
    list: async (name) => {
      const found = Object.keys(files).filter((each) => each.startsWith(`${name}/`)).map((each) => ({ name: each.slice(name.length + 1), directory: false }))
      return found.length === 0 ? missing() : found
    },
  }
}

async function read(main: string, others: Readonly<Record<string, string>> = {}, options: { commandLine?: readonly (readonly [string, string])[]; major?: number } = {}): Promise<Configuration> {
  return readConfiguration(memory({ '/d/postgresql.conf': main, ...others }), { configFile: '/d/postgresql.conf', major: options.major ?? 15, commandLine: options.commandLine ?? [] })
}

const mainText = (configuration: Configuration): string => text(configuration.files.find(({ path }) => path === '/d/postgresql.conf')!.bytes)

/** Text before, name, value, text after, and how. */
const WRITTEN: readonly (readonly [title: string, before: string, name: string, value: string, after: string, how: string])[] = [
  ['the value alone changes', "  archive_mode\t=   off\t# keep, 'this'\r\n", 'archive_mode', 'on', "  archive_mode\t=   on\t# keep, 'this'\r\n", 'replace'],
  ['quotes stay', "archive_mode = 'off'\n", 'archive_mode', 'on', "archive_mode = 'on'\n", 'replace'],
  ['no quotes stay none', 'archive_timeout=60#s\n', 'archive_timeout', '5min', 'archive_timeout=5min#s\n', 'replace'],
  ['quotes where they are needed', 'archive_command = a\n', 'archive_command', "cp %p '/x'", "archive_command = 'cp %p ''/x'''\n", 'replace'],
  ['quotes where nothing separates name and value', "archive_command'a'\n", 'archive_command', 'b', "archive_command'b'\n", 'replace'],
  ['quotes for a fraction with unit', 'max_wal_size = 1GB\n', 'max_wal_size', '1.5GB', "max_wal_size = '1.5GB'\n", 'replace'],
  ['quotes for an address', "listen_addresses = localhost\n", 'listen_addresses', '10.0.0.5', "listen_addresses = '10.0.0.5'\n", 'replace'],
  ['the spelling of the name stays', 'ARCHIVE_MODE = off\n', 'archive_mode', 'on', 'ARCHIVE_MODE = on\n', 'replace'],
  ['an old name stays', 'sort_mem = 1MB\n', 'work_mem', '2MB', 'sort_mem = 2MB\n', 'replace'],
  ['the winning line of several', 'archive_mode = off\narchive_mode = off # 2\n', 'archive_mode', 'on', 'archive_mode = off\narchive_mode = on # 2\n', 'replace'],
  ['a comment without blank', "archive_command='a'#x", 'archive_command', 'b', "archive_command='b'#x", 'replace'],
  ['bytes of another encoding stay', '# \xe9\narchive_mode = off # \xfc\x00\n', 'archive_mode', 'on', '# \xe9\narchive_mode = on # \xfc\x00\n', 'replace'],
  ['after the default', '#wal_level = replica\n#archive_mode = off\t\t# x\n\t\t\t# (change requires restart)\n#y = 1\n', 'archive_mode', 'on', '#wal_level = replica\n#archive_mode = off\t\t# x\narchive_mode = on\n\t\t\t# (change requires restart)\n#y = 1\n', 'after-default'],
  ['after the default with a blank', '# archive_mode = off\n', 'archive_mode', 'on', '# archive_mode = off\narchive_mode = on\n', 'after-default'],
  ['after the default in its own shape, not in prose', '# archive_mode = maybe\n#archive_mode = off\n#archive_mode = always\n', 'archive_mode', 'on', '# archive_mode = maybe\n#archive_mode = off\narchive_mode = on\n#archive_mode = always\n', 'after-default'],
  ['not after prose', '# archive_mode is a setting\n# archive_mode\nx.y = 1\n', 'archive_mode', 'on', '# archive_mode is a setting\n# archive_mode\nx.y = 1\narchive_mode = on\n', 'append'],
  ['not after a longer name', '#archive_mode_x = off\n', 'archive_mode', 'on', '#archive_mode_x = off\narchive_mode = on\n', 'append'],
  ['after a default without LF', '#archive_mode = off', 'archive_mode', 'on', '#archive_mode = off\narchive_mode = on\n', 'after-default'],
  ['after a default with CRLF', '#archive_mode = off\r\n#b\r\n', 'archive_mode', 'on', '#archive_mode = off\r\narchive_mode = on\r\n#b\r\n', 'after-default'],
  ['after a default with CRLF in a file with LF', 'a.b = 1\n#archive_mode = off\r\n', 'archive_mode', 'on', 'a.b = 1\n#archive_mode = off\r\narchive_mode = on\r\n', 'after-default'],
  ['after a default that is indented', '   #archive_mode = off\n', 'archive_mode', 'on', '   #archive_mode = off\narchive_mode = on\n', 'after-default'],
  ['after a default of an old name', '#sort_mem = 1MB\n', 'work_mem', '2MB', '#sort_mem = 1MB\nwork_mem = 2MB\n', 'after-default'],
  ['at the end', 'a.b = 1\n', 'archive_mode', 'on', 'a.b = 1\narchive_mode = on\n', 'append'],
  ['at the end of a line without LF', 'a.b = 1', 'archive_mode', 'on', 'a.b = 1\narchive_mode = on\n', 'append'],
  ['at the end of a comment without LF', 'a.b = 1\n# x', 'archive_mode', 'on', 'a.b = 1\n# x\narchive_mode = on\n', 'append'],
  ['at the end of a file with CRLF', 'a.b = 1\r\n', 'archive_mode', 'on', 'a.b = 1\r\narchive_mode = on\r\n', 'append'],
  ['at the end of a file with CRLF whose last line has none', 'a.b = 1\r\nc.d = 2', 'archive_mode', 'on', 'a.b = 1\r\nc.d = 2\r\narchive_mode = on\r\n', 'append'],
  ['at the end of a file that ends in CR', 'a.b = 1\r\nc.d = 2\r', 'archive_mode', 'on', 'a.b = 1\r\nc.d = 2\r\narchive_mode = on\r\n', 'append'],
  ['in an empty file', '', 'archive_mode', 'on', 'archive_mode = on\n', 'append'],
  ['in a file of one LF', '\n', 'archive_mode', 'on', '\narchive_mode = on\n', 'append'],
  ['a custom name', 'a.b = 1\n', 'my.setting', 'x y', "a.b = 1\nmy.setting = 'x y'\n", 'append'],
  ['a value with LF', '', 'archive_command', 'a\nb', "archive_command = 'a\\nb'\n", 'append'],
  ['a value with a backslash last', '', 'archive_command', 'C:\\x\\', "archive_command = 'C:\\\\x\\\\'\n", 'append'],
  ['an empty value', '', 'archive_command', '', "archive_command = ''\n", 'append'],
]

describe('a setting is written', () => {
  test.each(WRITTEN)('%s', async (_title, before, name, value, after, how) => {
    const configuration = await read(before)
    const change = planSetting(configuration, name, value)
    if (change.kind !== 'edit') throw new Error(change.kind)
    expect(change.how).toBe(how)
    const changed = applyChange(configuration, change)
    expect(mainText(changed)).toBe(after)
    expect(changed.get(name)!.value).toBe(value)
    const edit = change.edits[0]!
    expect(changed.get(name)!.source).toEqual({ file: edit.file, line: edit.line })
    // Once more changes nothing, and undoing gives back the same bytes.
    expect(planSetting(changed, name, value)).toEqual({ kind: 'none', name })
    expect(text(applyEdit(bytes(after), invertEdit(edit)))).toBe(before)
  })

  test('in the included file that decides', async () => {
    const configuration = await read("archive_mode = off\ninclude_dir 'c'\n", { '/d/c/a.conf': 'archive_mode = off\n', '/d/c/b.conf': 'archive_mode = off # this\n' })
    const { changes, configuration: changed } = planSettings(configuration, [['archive_mode', 'on']])
    expect(changes[0]).toMatchObject({ kind: 'edit', edits: [{ file: '/d/c/b.conf', line: 1 }] })
    expect(changedFiles(configuration, changed).map(({ path, after }) => [path, text(after)])).toEqual([['/d/c/b.conf', 'archive_mode = on # this\n']])
  })

  test('in the main file although an include follows', async () => {
    const configuration = await read("#archive_mode = off\ninclude_dir 'c'\n", { '/d/c/a.conf': 'wal_level = replica\n' })
    expect(applyChange(configuration, planSetting(configuration, 'archive_mode', 'on')).get('archive_mode')).toEqual({ value: 'on', source: { file: '/d/postgresql.conf', line: 2 } })
  })

  test('not where it says so already in other words', async () => {
    for (const [line, name, value] of [['archive_mode = TRUE', 'archive_mode', 'on'], ['archive_timeout = 1min', 'archive_timeout', '60s'], ['wal_level = hot_standby', 'wal_level', 'replica'], ["work_mem = ' 4 MB '", 'WORK_MEM', '4096kB']] as const) {
      expect(planSetting(await read(line), name, value).kind).toBe('none')
    }
    expect(planSetting(await read("archive_command = 'A'"), 'archive_command', 'a').kind).toBe('edit')
  })

  test('with ALTER SYSTEM where postgresql.auto.conf decides', async () => {
    const others = { '/d/postgresql.auto.conf': "archive_mode = 'off'\n" }
    expect(planSetting(await read('archive_mode = off', others), 'archive_mode', 'on')).toEqual({ kind: 'alter-system', name: 'archive_mode', value: 'on', at: { file: '/d/postgresql.auto.conf', line: 1 }, forbidden: false })
    expect(planSetting(await read('allow_alter_system = off', others, { major: 17 }), 'archive_mode', 'on')).toMatchObject({ kind: 'alter-system', forbidden: true })
    expect(planSetting(await read('allow_alter_system = off', others, { major: 16 }), 'archive_mode', 'on')).toMatchObject({ kind: 'alter-system', forbidden: false })
  })

  test('nowhere where the command line decides', async () => {
    expect(planSetting(await read('archive_mode = off', {}, { commandLine: [['archive_mode', 'off']] }), 'archive_mode', 'on')).toEqual({ kind: 'command-line', name: 'archive_mode', value: 'off' })
    expect(planSetting(await read('', {}, { commandLine: [['archive-mode', 'on']] }), 'archive_mode', 'on').kind).toBe('none')
  })

  test('nowhere where no line of a file can decide', async () => {
    expect(planSetting(await read(''), 'config_file', '/x').kind).toBe('impossible')
    expect((await read('data_directory = \'/x\'')).get('data_directory')).toMatchObject({ value: '/x' })
  })

  test('never with NUL, or under a name that a file cannot hold', async () => {
    const configuration = await read('')
    expect(() => planSetting(configuration, 'archive_command', 'a\0b')).toThrow(RangeError)
    expect(() => planSetting(configuration, 'archive mode', 'on')).toThrow(RangeError)
    expect(() => planSetting(configuration, 'a.b.c', 'on')).toThrow(RangeError)
  })

  test('several at once', async () => {
    const configuration = await read('#wal_level = replica\n#archive_mode = off\narchive_timeout = 0 # s')
    const { changes, configuration: changed } = planSettings(configuration, [['archive_mode', 'on'], ['archive_command', "cp '%p' x"], ['wal_level', 'logical'], ['archive_timeout', '60'], ['archive_mode', 'always']])
    expect(changes.map(({ kind }) => kind)).toEqual(['edit', 'edit', 'edit', 'edit', 'edit'])
    expect(mainText(changed)).toBe("#wal_level = replica\nwal_level = logical\n#archive_mode = off\narchive_mode = always\narchive_timeout = 60 # s\narchive_command = 'cp ''%p'' x'\n")
    // The edits in order, by themselves, make the same file.
    const edits = changes.flatMap((change: Change) => change.kind === 'edit' ? change.edits : [])
    expect(text(edits.reduce((raw, edit) => applyEdit(raw, edit), bytes(mainText(configuration))))).toBe(mainText(changed))
  })
})

describe('a setting is removed', () => {
  test('with all of its lines, in every file', async () => {
    const configuration = await read("archive_mode = on\nx.y = 1\nArchive_Mode = off # x\ninclude 'a'\nwork_mem = 1MB\narchive_mode = on", { '/d/a': 'archive_mode = on\r\nwal_level = replica' })
    const change = removeSetting(configuration, 'archive_mode')
    const changed = applyChange(configuration, change)
    expect(changed.get('archive_mode')).toBeUndefined()
    expect(changedFiles(configuration, changed).map(({ after }) => text(after))).toEqual(["x.y = 1\ninclude 'a'\nwork_mem = 1MB\n", 'wal_level = replica'])
    expect(removeSetting(changed, 'archive_mode')).toEqual({ kind: 'none', name: 'archive_mode' })
  })
  test('from postgresql.auto.conf last', async () => {
    const configuration = await read('archive_mode = on\n', { '/d/postgresql.auto.conf': "archive_mode = 'off'\n" })
    const first = removeSetting(configuration, 'archive_mode')
    expect(first.kind).toBe('edit')
    expect(removeSetting(applyChange(configuration, first), 'archive_mode')).toMatchObject({ kind: 'alter-system', value: undefined })
  })
  test('takes back what was added', async () => {
    for (const before of ['', 'a.b = 1\n', '#archive_mode = off\n#b', 'a.b = 1\r\n']) {
      const configuration = await read(before)
      const added = applyChange(configuration, planSetting(configuration, 'archive_mode', 'on'))
      expect(mainText(applyChange(added, removeSetting(added, 'archive_mode')))).toBe(before)
    }
  })
})

describe('for any bytes', () => {
  const raw = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.string({ unit: fc.constantFrom('a', '.', '=', ' ', "'", '\\', '\n', '\r', '#', '0', '\0', '\x80', 'include', 'archive_mode = on\n', '#archive_mode = off') }).map(bytes))

  test('printing gives them back, and every span is where it says', () => {
    fc.assert(fc.property(raw, (before) => {
      const document = parseConf(before)
      expect(printConf(document)).toEqual(before)
      for (const { span, nameSpan, valueSpan, line } of document.entries) {
        expect(span.start <= nameSpan.start && nameSpan.end <= valueSpan.start && valueSpan.end <= span.end).toBe(true)
        expect(text(before.subarray(0, span.start)).split('\n')).toHaveLength(line)
      }
    }), { seed: SEED, numRuns: LONG ? 30000 : 3000 })
  })

  const value = fc.string({ unit: 'binary', maxLength: 12 }).filter((each) => !each.includes('\0'))
  test('a setting that is written is read back, nothing else changes, twice is once, and undone is untouched', async () => {
    await fc.assert(fc.asyncProperty(raw, value, async (before, wanted) => {
      const configuration = await read(text(before))
      const change = planSetting(configuration, 'archive_command', wanted)
      if (change.kind === 'none') return
      if (change.kind !== 'edit') throw new Error(change.kind)
      const [edit] = change.edits
      const after = applyEdit(before, edit!)
      const changed = withFile(configuration, '/d/postgresql.conf', after)
      expect(changed.get('archive_command')!.value).toBe(wanted)
      expect(text(applyEdit(after, invertEdit(edit!)))).toBe(text(before))
      expect(planSetting(changed, 'archive_command', wanted).kind).toBe('none')
      const others = (each: Configuration): string[] => each.lines.filter(({ name }) => name !== 'archive_command').map(({ name, value: its }) => `${name}=${its}`)
      expect(others(changed)).toEqual(others(configuration))
      expect(changed.errors.length).toBe(configuration.errors.length)
    }), { seed: SEED, numRuns: LONG ? 15000 : 1500 })
  })

  test('a quoted value is one token with that value', () => {
    fc.assert(fc.property(value, (wanted) => {
      const document = parseConf(Buffer.from(`a.b = ${quoteValue(wanted)}`))
      expect(document.errors).toEqual([])
      expect(Buffer.from(valueBytes(document, document.entries[0]!)).toString()).toBe(Buffer.from(wanted).toString())
    }), { seed: SEED, numRuns: LONG ? 20000 : 2000 })
  })
})
