// Paths of includes, also those of Windows, which no server at hand can be asked about.
import { describe, expect, test } from 'vitest'
import { canonicalPath, configLocation, isAbsolutePath, parentDirectory } from '../../../src/postgres/conf/paths.ts'
import { readConfiguration } from '../../../src/postgres/conf/index.ts'

const posix = (major: number): { windows: boolean; major: number } => ({ windows: false, major })
const windows = { windows: true, major: 17 }

describe('on POSIX', () => {
  test.each([
    ['/a/b', '/a/b'], ['/a//b/', '/a/b'], ['/', '/'], ['//', '/'], ['/a/.', '/a'], ['/a/..', '/'], ['/a/b/..', '/a'], ['/a/b/../..', '/'], ['/..', '/'], ['a/..', '.'], ['..', '..'], ['.', '.'], ['../..', '../..'], ['/a/b/../.', '/a'],
  ])('%s is %s before and since 15', (path, expected) => {
    expect(canonicalPath(path, posix(14))).toBe(expected)
    expect(canonicalPath(path, posix(15))).toBe(expected)
  })
  test('dots in the middle are resolved since 15', () => {
    expect(canonicalPath('/a/../b', posix(14))).toBe('/a/../b')
    expect(canonicalPath('/a/../b', posix(15))).toBe('/b')
    expect(canonicalPath('/a/./b', posix(14))).toBe('/a/./b')
    expect(canonicalPath('/a/./b', posix(15))).toBe('/a/b')
    expect(canonicalPath('../a/../b', posix(15))).toBe('../b')
  })
  test('parents', () => {
    expect(['/a/b', '/a', '/', 'a', '/a//b', '/a/b/'].map((path) => parentDirectory(path, false))).toEqual(['/a', '/', '', '', '/a', '/a'])
  })
  test('a backslash is a character like any other', () => {
    expect(configLocation('a\\b', '/d', posix(17))).toBe('/d/a\\b')
    expect(isAbsolutePath('C:\\x', false)).toBe(false)
  })
})

describe('on Windows', () => {
  test('what is absolute', () => {
    expect(['C:\\x', 'C:/x', '\\x', '/x', '\\\\host\\x', 'C:x', 'x', '.\\x'].map((path) => isAbsolutePath(path, true))).toEqual([true, true, true, true, true, false, false, false])
  })
  test('relative names are joined with slashes', () => {
    expect(configLocation('conf.d\\a.conf', 'C:/Program Files/PostgreSQL/17/data', windows)).toBe('C:/Program Files/PostgreSQL/17/data/conf.d/a.conf')
    expect(configLocation('..\\a.conf', 'C:/pg/data', windows)).toBe('C:/pg/a.conf')
    expect(configLocation('D:\\a.conf', 'C:/pg/data', windows)).toBe('D:\\a.conf')
  })
  test('parents and shares', () => {
    expect(parentDirectory('C:\\pg\\data\\postgresql.conf', true)).toBe('C:\\pg\\data')
    expect(parentDirectory('C:/postgresql.conf', true)).toBe('C:/')
    expect(canonicalPath('\\\\host\\share\\..\\x\\', windows)).toBe('//host/x')
  })
  test('files are read from there', async () => {
    const files: Readonly<Record<string, string>> = {
      'C:\\pg\\data\\postgresql.conf': "include_dir = 'conf.d'\ninclude 'D:\\\\x.conf'\r\n",
      'C:/pg/data/conf.d/a.conf': 'work_mem = 1MB',
      'D:\\x.conf': 'archive_mode = on',
      'C:/pg/data/postgresql.auto.conf': "wal_level = 'logical'",
    }
    const configuration = await readConfiguration({
      read: async (name) => {
        if (files[name] === undefined) throw Object.assign(new Error(name), { code: 'ENOENT' })
        return Buffer.from(files[name])
      },
      list: async (name) => name === 'C:/pg/data/conf.d' ? [{ name: 'a.conf', directory: false }] : Promise.reject(Object.assign(new Error(name), { code: 'ENOENT' })),
    }, { configFile: 'C:\\pg\\data\\postgresql.conf', dataDir: 'C:\\pg\\data', major: 17, windows: true })
    expect(configuration.errors).toEqual([])
    expect(configuration.lines.map(({ name, wins }) => [name, wins])).toEqual([['work_mem', true], ['archive_mode', true], ['wal_level', true]])
  })
})
