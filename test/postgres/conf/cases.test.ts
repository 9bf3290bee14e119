// The hand-made cases, first by our own reading alone, then by every server.
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkLoads, parseConf, printConf, readConfiguration } from '../../../src/postgres/conf/index.ts'
import type { Configuration, FileSource } from '../../../src/postgres/conf/index.ts'
import { parseValue, settingInfo } from '../../../src/postgres/settings/index.ts'
import { MAJORS } from '../../support/server.ts'
import { ASSEMBLIES, NAMES, READINGS, VALUES } from './cases.ts'
import { Oracles, disagreements } from './oracle.ts'
import type { Files } from './oracle.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** Files in memory, with the errors that a disk would give. */
function memory(files: Readonly<Record<string, Uint8Array>>): FileSource {
  const fail = (code: string): never => {
    throw Object.assign(new Error(code), { code })
  }
  const isDirectory = (name: string): boolean => Object.keys(files).some((each) => each.startsWith(`${name}/`))
  return {
    read: async (name) => files[path.normalize(name)] ?? fail(isDirectory(path.normalize(name)) ? 'EISDIR' : 'ENOENT'),
    list: async (name) => {
      const directory = path.normalize(name)
      if (!isDirectory(directory)) return fail(files[directory] === undefined ? 'ENOENT' : 'ENOTDIR')
      const below = Object.keys(files).filter((each) => each.startsWith(`${directory}/`)).map((each) => each.slice(directory.length + 1))
      return [...new Set(below.map((each) => each.split('/')[0]!))].map((each) => ({ name: each, directory: isDirectory(`${directory}/${each}`) }))
    },
  }
}

function inDirectory(directory: string, files: Readonly<Record<string, string>>): Files {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [name, bytes(text.replaceAll('$DIR', directory))]))
}

async function readIn(files: Files, major: number): Promise<Configuration> {
  const placed = Object.fromEntries(Object.entries(files).map(([name, raw]) => [name === 'auto.conf' ? '/data/postgresql.auto.conf' : `/c/${name}`, raw]))
  return readConfiguration(memory(placed), { configFile: '/c/main.conf', dataDir: '/data', major })
}

/** `/c/a:1` as the cases write it. */
const short = (file: string, line: number): string => `@${file === '/data/postgresql.auto.conf' ? 'auto.conf' : path.normalize(file).replace(/^\/c\//, '')}:${line}`

describe('read as the server does', () => {
  test.each(READINGS)('%s', (_title, text, expected) => {
    const document = parseConf(bytes(text))
    expect(printConf(document)).toEqual(bytes(text))
    if ('errors' in expected) expect(document.errors.map(({ line }) => line)).toEqual(expected.errors)
    else {
      expect(document.errors).toEqual([])
      expect(document.entries.map(({ name, value }) => `${name}=${value}`)).toEqual(expected)
    }
  })
})

describe('assembled as the server does', () => {
  test.each(ASSEMBLIES)('%s', async (_title, files, expected) => {
    for (const major of MAJORS) {
      const configuration = await readIn(inDirectory('/c', files), major)
      const wanted = expected.filter((each) => each.includes('='))
      expect(configuration.errors.map(({ code, file, line }) => `${code} ${short(file, line)}`)).toEqual(expected.filter((each) => !each.includes('=')))
      for (const each of wanted) {
        const name = each.split('=')[0]!
        const { value, source } = configuration.get(name)!
        if (source === 'command line') throw new Error('nothing is on the command line here')
        expect(`${name}=${value} ${short(source.file, source.line)}`).toBe(each)
        // Exactly one line wins, and all others say which.
        const lines = configuration.lines.filter((line) => line.lostTo === undefined || line.lostTo !== 'command line')
        for (const line of lines) expect(line.wins).toBe(line.lostTo === undefined)
      }
    }
  })
})

describe('values', () => {
  test.each(VALUES)('$setting = "$text" from $from to $to', ({ setting, text, printed, from, to }) => {
    for (const major of MAJORS.filter((each) => from <= each && each <= to)) {
      const parsed = parseValue(setting, text, major)
      expect(parsed.ok, String(major)).toBe(printed !== undefined)
      if (parsed.ok && typeof parsed.value === 'number') expect(String(parsed.value)).toBe(printed)
      else if (parsed.ok && typeof parsed.value === 'boolean') expect(parsed.canonical).toBe(printed)
      else if (parsed.ok && settingInfo(setting, major)!.type === 'enum') expect(parsed.canonical).toBe(printed)
    }
  })
  test.each(NAMES)('%s is known to %j', (name, majors) => {
    expect(MAJORS.filter((major) => settingInfo(name, major) !== undefined)).toEqual(majors)
  })
})

describe('the servers', () => {
  let oracles: Oracles
  beforeAll(async () => {
    oracles = await Oracles.start()
  })
  afterAll(async () => {
    await oracles.stop()
  })

  const agree = async (files: Files): Promise<void> => {
    await oracles.write(files)
    await Promise.all(oracles.all.map(async (oracle) => {
      expect(disagreements(oracle.major, await oracles.read(oracle), await oracle.ask()), `PostgreSQL ${oracle.major}`).toEqual([])
    }))
  }

  test.each(READINGS)('agree: %s', async (_title, text) => {
    await agree({ 'main.conf': bytes(text) })
  })
  test.each(ASSEMBLIES)('agree: %s', async (_title, files) => {
    await agree(inDirectory(oracles.directory, files))
  })
  test('agree on every name', async () => {
    for (const [name] of NAMES) await agree({ 'main.conf': bytes(`${name} = 1`) })
  })
  test('name the first of several errors', async () => {
    await agree({ 'main.conf': bytes("a.b = 1\ninclude 'a'\nx\n"), a: bytes('c.d = 2\ny') })
  })
  test('give up after a hundred syntax errors in a file', async () => {
    const text = `${'x\n'.repeat(150)}a.b = 1\n`
    const configuration = await readIn({ 'main.conf': bytes(text) }, 18)
    expect(configuration.errors).toHaveLength(101)
    expect(configuration.errors.at(-1)!.code).toBe('too-many-errors')
    expect(configuration.lines).toEqual([])
    expect(checkLoads(configuration).loads).toBe(false)
  })
})
