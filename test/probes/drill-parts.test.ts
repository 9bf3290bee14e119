// The parts of a drill that decide: the copy's configuration, and what its log proves.
import { describe, expect, it } from 'vitest'
import { parseConf } from '../../src/postgres/conf/index.ts'
import { settingInfo } from '../../src/postgres/settings/index.ts'
import { copyConfiguration, tablespaceMap } from '../../src/probes/drill/copy-configuration.ts'
import { foundMark, readRecoveryLog } from '../../src/probes/drill/log.ts'

const copy = {
  major: 17, socketDir: '/d/s', port: 5432, restoreCommand: "cp '/a''b/%f' \"%p\"", target: { name: 'pgwal_1' }, segmentSize: 64 << 20,
  limits: new Map([['max_prepared_transactions', '7']]),
}

describe('the configuration of the copy', () => {
  const of = (major: number) => new Map(parseConf(new TextEncoder().encode(copyConfiguration({ ...copy, major }))).entries.map(({ name, value }) => [name, value]))

  it.each([12, 13, 14, 15, 16, 17, 18])('holds only settings that %i has', (major) => {
    for (const name of of(major).keys()) expect(settingInfo(name, major), name).toBeDefined()
  })

  it('reaches out of the copy nowhere', () => {
    expect(Object.fromEntries(of(17))).toMatchObject({
      archive_mode: 'off', archive_command: '', archive_library: '', listen_addresses: '', unix_socket_directories: '/d/s', shared_preload_libraries: '',
      max_logical_replication_workers: '0', autovacuum: 'off', event_triggers: 'off', primary_conninfo: '', hot_standby: 'off',
      restore_command: copy.restoreCommand, recovery_target_name: 'pgwal_1', max_prepared_transactions: '7', min_wal_size: '320MB',
    })
  })

  it('maps each tablespace into the copy', () => {
    expect(tablespaceMap([])).toBeUndefined()
    expect(tablespaceMap([{ oid: '16384', path: '/d/tablespaces/16384' }])).toBe('16384 /d/tablespaces/16384\n')
  })
})

describe('the log of the copy', () => {
  const line = (level: string, text: string) => `2026-03-01 12:00:00.000 GMT [7] ${level}:  ${text}\n`
  const good = line('LOG', 'restored log file "000000010000000000000005" from archive') + line('LOG', 'recovery stopping at restore point "pgwal_1", time 2026-03-01') + line('LOG', 'redo done at 0/5000028 system usage: CPU')

  it('proves the mark by its name and its place', () => {
    const log = readRecoveryLog(good)
    expect(log).toMatchObject({ stoppedAt: ['pgwal_1'], redoDone: 0x5000028n, restored: '000000010000000000000005' })
    expect(foundMark(log, 'pgwal_1', 0x5000090n)).toBe(true)
    expect(foundMark(log, 'pgwal_2', 0x5000090n)).toBe(false)
    expect(foundMark(log, 'pgwal_1', 0x6000090n)).toBe(false)
    expect(foundMark(log, 'pgwal_1', 0x5000028n)).toBe(false)
    expect(foundMark(readRecoveryLog(line('LOG', 'redo done at 0/5000028')), 'pgwal_1', 0x5000090n)).toBe(false)
  })

  it('has the error as the cause, and the place of a broken record', () => {
    const log = readRecoveryLog(line('LOG', 'incorrect resource manager data checksum in record at 0/5000060') + line('FATAL', 'recovery ended before configured recovery target was reached') + line('LOG', 'database system is shut down'))
    expect(log).toMatchObject({ cause: 'recovery ended before configured recovery target was reached', badRecord: { lsn: 0x5000060n } })
    expect(readRecoveryLog('sh: 1: not found\n').cause).toBe('sh: 1: not found')
  })
})
