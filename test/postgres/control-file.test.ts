// Read from the files of real servers of every major, and compared with what the servers say themselves.
import fs from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { CONTROL_FILE_BYTES, parseControlFile } from '../../src/postgres/control-file.ts'
import { MAJORS, TestServer } from '../support/server.ts'

// Those between have the layout of their neighbours.
const majors = MAJORS.filter((major) => process.env['PGWAL_LONG'] !== undefined || [12, 17, 18].includes(major))

describe.each(majors)('pg_control of PostgreSQL %i', (major) => {
  it('says what the server says, and a changed byte is noticed', async () => {
    const server = await TestServer.create(major, { conf: 'max_connections = 37\nmax_wal_senders = 4\nmax_worker_processes = 9\nmax_prepared_transactions = 3\nmax_locks_per_transaction = 71', initdb: ['--data-checksums'] })
    try {
      const first = parseControlFile(await fs.readFile(`${server.dataDir}/global/pg_control`))
      expect(first).toMatchObject({ state: 'shut-down', major })
      await server.start()
      const [row] = await server.query<Record<string, string>>(
        `SELECT s.system_identifier::text AS id, c.checkpoint_lsn::text AS lsn, c.redo_lsn::text AS redo, c.timeline_id AS timeline, i.wal_block_size AS block, i.bytes_per_wal_segment AS segment, i.data_page_checksum_version AS checksums
           FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_init() i`)
      const bytes = await fs.readFile(`${server.dataDir}/global/pg_control`)
      const control = parseControlFile(bytes.subarray(0, CONTROL_FILE_BYTES))
      if ('problem' in control) throw new Error(control.problem)
      const lsn = (value: bigint) => `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xFFFFFFFFn).toString(16).toUpperCase()}`
      expect({ ...control, checkpoint: lsn(control.checkpoint), redo: lsn(control.redo), systemIdentifier: String(control.systemIdentifier) }).toEqual({
        systemIdentifier: row!['id'], major, state: 'in-production', checkpoint: row!['lsn'], redo: row!['redo'], timeline: row!['timeline'],
        segmentSize: row!['segment'], blockSize: row!['block'], checksums: true,
        limits: { max_connections: 37, max_wal_senders: 4, max_worker_processes: 9, max_prepared_transactions: 3, max_locks_per_transaction: 71 },
      })
      const changed = Buffer.from(bytes)
      changed[33]! ^= 1
      expect(parseControlFile(changed)).toEqual({ problem: 'checksum' })
    } finally {
      await server.remove()
    }
  })
})

it('what is none is said to be none', () => {
  expect(parseControlFile(new Uint8Array(10))).toEqual({ problem: 'short' })
  expect(parseControlFile(new Uint8Array(8192))).toEqual({ problem: 'zeroed' })
  expect(parseControlFile(new Uint8Array(8192).fill(7))).toEqual({ problem: 'layout' })
})
