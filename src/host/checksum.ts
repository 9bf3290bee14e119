// Checksums of whole files. Only the opening is done in another account's name: whoever has a file open may read it.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { promisify } from 'node:util'
import { codeOf, HostError } from '../errors.ts'
import { CRC32C_START, crc32cText, updateCrc32c } from '../postgres/backup/crc32c.ts'
import type { ChecksumAlgorithm } from '../postgres/backup/manifest.ts'
import { actingAs } from './acting.ts'
import type { Acting, ChecksumOptions } from './host.ts'
import { atPlace, openRegular } from './place.ts'
import { guarded, hostError } from './system-error.ts'

const CHUNK = 1 << 20
const read = promisify(fs.read)
const sync = promisify(fs.fsync)
const close = promisify(fs.close)

interface Summing {
  add(bytes: Uint8Array): void
  hex(): string
}

function summing(algorithm: ChecksumAlgorithm): Summing {
  if (algorithm !== 'CRC32C') {
    const hash = createHash(algorithm)
    return { add: (bytes) => { hash.update(bytes) }, hex: () => hash.digest('hex') }
  }
  let crc = CRC32C_START
  return { add: (bytes) => { crc = updateCrc32c(crc, bytes) }, hex: () => crc32cText(crc) }
}

/**
 * See {@link Host.checksum}. The file is read as it is: one that changes meanwhile has a checksum of neither state.
 *
 * @throws HostError `stopped` when `stop` says so
 */
export async function checksumOfFile(file: string, algorithm: ChecksumAlgorithm, options: Acting & ChecksumOptions = {}): Promise<{ readonly hex: string; readonly size: number }> {
  const fd = guarded('read', file, () => actingAs(options.as, () => atPlace(file, true, (place) => openRegular(place, file))))
  try {
    const sum = summing(algorithm)
    const buffer = new Uint8Array(CHUNK)
    let size = 0
    for (;;) {
      if (options.stop?.aborted === true) throw new HostError('read', file, 'stopped')
      const { bytesRead } = await read(fd, buffer, 0, CHUNK, size)
      if (bytesRead === 0) break
      sum.add(buffer.subarray(0, bytesRead))
      size += bytesRead
    }
    if (options.sync === true) await (process.platform === 'win32' ? flush(file) : sync(fd))
    return { hex: sum.hex(), size }
  } catch (error) {
    throw hostError('read', file, error)
  } finally {
    await close(fd)
  }
}

/** Windows flushes for whoever may write. A file that is marked as read-only stays as the system has it. */
async function flush(file: string): Promise<void> {
  let fd
  try {
    fd = fs.openSync(file, 'r+')
  } catch (error) {
    if (['EPERM', 'EACCES'].includes(codeOf(error))) return
    throw error
  }
  try {
    await sync(fd)
  } finally {
    await close(fd)
  }
}
