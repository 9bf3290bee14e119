// Changes commits in an archived segment, as no server of a test would write them, so that a server still takes them for whole.
import fs from 'node:fs'
import { CRC32C_START, updateCrc32c } from '../../src/postgres/backup/crc32c.ts'
import { LandmarkReader } from '../../src/postgres/wal/index.ts'

/** `change` gets each record: its header of 24 bytes, and from byte 26 on its time. The segment is of 1 MiB. */
export function changeCommits(file: string, change: (record: Buffer) => void): void {
  const bytes = fs.readFileSync(file)
  const start = BigInt(Number.parseInt(file.slice(-8), 16) * (1 << 20))
  for (const { kind, lsn, end } of new LandmarkReader().read(bytes, start)) {
    const at = Number(lsn - start)
    const record = bytes.subarray(at, at + bytes.readUInt32LE(at))
    // One that goes on in the next page stays as it is.
    if (kind !== 'commit' || Number(end - lsn) > record.length + 7) continue
    change(record)
    const crc = updateCrc32c(updateCrc32c(CRC32C_START, record.subarray(24)), record.subarray(0, 20))
    record.writeUInt32LE((crc ^ 0xFFFF_FFFF) >>> 0, 20)
  }
  fs.writeFileSync(file, bytes)
}
