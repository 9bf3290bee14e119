// Checksums of whole files. Of a large one only the opening is done in another account's name: whoever has a file open may read it.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { promisify } from 'node:util'
import { codeOf, HostError } from '../errors.ts'
import { CRC32C_START, crc32cText, updateCrc32c } from '../postgres/backup/crc32c.ts'
import type { ChecksumAlgorithm } from '../postgres/backup/manifest.ts'
import type { ChecksumOptions, FileChecksum } from './host.ts'
import { atPlace, openRegular } from './place.ts'
import { guarded, hostError } from './system-error.ts'

const CHUNK = 1 << 20
/** Read at one go, in less than a millisecond. Most files of a cluster are: 8 kB to 64 kB. */
const SMALL = 256 << 10
const small = new Uint8Array(SMALL)
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

interface Opened {
  readonly fd: number
  readonly size: number
  readonly modified: Date
}

/**
 * See {@link Host.checksum}. The file is read as it is: one that changes meanwhile has a checksum of neither state. A small one is read to
 * its end in `look`, which acts for the account and for others that ask at the same time.
 *
 * @throws HostError `stopped` when `stop` says so
 */
export async function checksumOfFile(file: string, algorithm: ChecksumAlgorithm, options: ChecksumOptions, look: <T>(work: () => T) => Promise<T>): Promise<FileChecksum> {
  const stopped = (): void => {
    if (options.stop?.aborted === true) throw new HostError('read', file, 'stopped')
  }
  stopped()
  const sum = summing(algorithm)
  const syncsAfter = options.sync === true && process.platform === 'win32'
  const begun = await look(() => guarded('read', file, (): Opened | FileChecksum => {
    const fd = atPlace(file, true, (place) => openRegular(place, file))
    let kept = false
    try {
      const { size, mtime: modified } = fs.fstatSync(fd)
      if (size > SMALL) {
        kept = true
        return { fd, size, modified }
      }
      const done = readToEnd(fd, sum)
      if (options.sync === true && !syncsAfter) fs.fsyncSync(fd)
      return { hex: sum.hex(), size: done, modified }
    } finally {
      if (!kept) fs.closeSync(fd)
    }
  }))
  try {
    const done = 'hex' in begun ? begun : await theRest(begun, sum, stopped, options.sync === true && !syncsAfter)
    if (syncsAfter) await flush(file)
    return done
  } catch (error) {
    throw hostError('read', file, error)
  }
}

function readToEnd(fd: number, sum: Summing): number {
  let size = 0
  for (;;) {
    const bytesRead = fs.readSync(fd, small, 0, small.length, size)
    if (bytesRead === 0) return size
    sum.add(small.subarray(0, bytesRead))
    size += bytesRead
  }
}

async function theRest({ fd, modified }: Opened, sum: Summing, stopped: () => void, durable: boolean): Promise<FileChecksum> {
  try {
    const buffer = new Uint8Array(CHUNK)
    let size = 0
    for (;;) {
      stopped()
      const { bytesRead } = await read(fd, buffer, 0, CHUNK, size)
      if (bytesRead === 0) break
      sum.add(buffer.subarray(0, bytesRead))
      size += bytesRead
    }
    if (durable) await sync(fd)
    return { hex: sum.hex(), size, modified }
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
