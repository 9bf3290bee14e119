/** doctor's facts as a file: written beside a report, and read again on another machine for the same one. */
import { codeOf, HostError, UserError } from '../errors.ts'
import { facts } from '../facts/index.ts'
import { factsFile, FactsFileError, readFactsFile } from '../facts/saved/file.ts'
import type { SavedFacts } from '../facts/saved/file.ts'
import type { Host } from '../host/host.ts'
import { typedPath } from '../platforms/index.ts'
import { isAbsolute } from '../platforms/reading.ts'
import { visibleJson } from '../report/json-text.ts'

/**
 * Writes the file, in place of an older one; for its owner alone, because it tells of the machine.
 * @throws UserError `facts-not-written`
 */
export async function writeFacts(host: Host, path: string, clusters: readonly object[]): Promise<void> {
  const { privileged } = await host.self()
  const target = isAbsolute(path) ? path : `${await host.realPath('.')}/${path}`
  const bytes = new TextEncoder().encode(`${visibleJson(factsFile(privileged, clusters))}\n`)
  try {
    const old = await host.read(target).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    })
    await host.replace(target, bytes, { expect: old === undefined ? null : host.sha256(old), mode: 0o600 })
  } catch (error) {
    if (error instanceof HostError) throw new UserError('facts-not-written', { path, reason: error.code }, { cause: error })
    throw error
  }
}

/**
 * Reads the file.
 * @throws UserError `facts-unreadable`, `facts-not-json`, `facts-version`, `facts-malformed`
 */
export async function readFacts(host: Host, path: string): Promise<SavedFacts> {
  try {
    return await readFactsFile(new TextDecoder().decode(await host.read(await typedPath(host, path))), facts)
  } catch (error) {
    if (error instanceof HostError) throw new UserError('facts-unreadable', { path, reason: error.code }, { cause: error })
    if (!(error instanceof FactsFileError)) throw error
    const { problem } = error
    switch (problem.code) {
      case 'not-json': throw new UserError('facts-not-json', { path, line: problem.line })
      case 'version': throw new UserError('facts-version', { path, found: problem.found })
      case 'malformed': throw new UserError('facts-malformed', { path, where: problem.where }, { cause: error })
    }
  }
}
