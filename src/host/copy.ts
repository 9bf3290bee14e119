// Copies of single files. Only the opening is done in another account's name, as with checksums.
import fs from 'node:fs'
import { promisify } from 'node:util'
import { HostError } from '../errors.ts'
import { actingAs } from './acting.ts'
import type { Acting } from './host.ts'
import { atPlace, openRegular } from './place.ts'
import { guarded, hostError } from './system-error.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants
const CHUNK = 1 << 20
const read = promisify(fs.read)
const write = promisify(fs.write)
const close = promisify(fs.close)

/** See {@link Host.copyFile}. What was written stays when it fails. */
export async function copyFile(from: string, to: string, options: Acting & { readonly stop?: AbortSignal } = {}): Promise<number> {
  const source = guarded('read', from, () => actingAs(options.as, () => atPlace(from, true, (place) => openRegular(place, from))))
  try {
    const target = guarded('write', to, () => actingAs(options.as, () => atPlace(to, false, (place) => fs.openSync(place.path, O_WRONLY | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600))))
    try {
      const buffer = new Uint8Array(CHUNK)
      let size = 0
      for (;;) {
        if (options.stop?.aborted === true) throw new HostError('write', to, 'stopped')
        const { bytesRead } = await read(source, buffer, 0, CHUNK, size)
        if (bytesRead === 0) return size
        for (let written = 0; written < bytesRead;) written += (await write(target, buffer, written, bytesRead - written, size + written)).bytesWritten
        size += bytesRead
      }
    } finally {
      await close(target)
    }
  } catch (error) {
    throw hostError('copy', from, error)
  } finally {
    await close(source)
  }
}
