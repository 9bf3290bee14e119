// Where pgwal keeps what it needs to undo a run: in hands of nobody else, never in a temporary directory, never in PGDATA.
// https://specifications.freedesktop.org/basedir-spec/latest/
import { codeOf, UserError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { octal } from '../platforms/reading.ts'

/** Where Windows keeps what programs have for the whole machine. */
export function programData({ env }: Host): string {
  return (env['ProgramData'] ?? env['PROGRAMDATA'] ?? 'C:/ProgramData').replaceAll('\\', '/')
}

/** The path, whether or not it exists. */
export async function stateDirectory(host: Host): Promise<string> {
  const chosen = host.env['PGWAL_STATE_DIR']
  if (chosen !== undefined && chosen !== '') return (host.os === 'win32' ? chosen.replaceAll('\\', '/') : chosen).replace(/(?<=.)\/+$/, '')
  if (host.os === 'win32') return `${programData(host)}/pgwal`
  const self = await host.self()
  if (self.privileged) return '/var/lib/pgwal'
  const xdg = host.env['XDG_STATE_HOME']
  if (xdg !== undefined && xdg.startsWith('/')) return `${xdg}/pgwal`
  const home = host.env['HOME'] ?? self.home
  return `${home === undefined || home === '' ? '' : home}/.local/state/pgwal`
}

/**
 * The state directory, made with its parents where it is missing.
 * @throws UserError `state-directory-unsafe` when others could change what is in it
 */
export async function ensureStateDirectory(host: Host): Promise<string> {
  const directory = await stateDirectory(host)
  await ensureDirectory(host, directory)
  if (host.os === 'win32') return directory
  const [info, self] = [await host.stat(directory), await host.self()]
  if (info.uid !== self.uid || (info.mode & 0o022) !== 0) {
    throw new UserError('state-directory-unsafe', { path: directory, mode: octal(info.mode) })
  }
  return directory
}

/** Makes a directory that only we may enter, and what is missing above it. */
export async function ensureDirectory(host: Host, directory: string): Promise<void> {
  const missing: string[] = []
  for (let path = directory; ; path = parentOf(path)) {
    try {
      if ((await host.stat(path)).kind !== 'directory') throw new UserError('state-directory-unsafe', { path, mode: '-' })
      break
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || parentOf(path) === path) throw error
      missing.unshift(path)
    }
  }
  for (const path of missing) {
    await host.makeDirectory(path, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  }
}

/** The directory that a path lies in. The root of a drive lies in itself, as `/` does: a bare `C:` would be wherever somebody was there last. */
export function parentOf(path: string): string {
  if (/^[A-Za-z]:[\\/][^\\/]*$/.test(path)) return path.slice(0, 3)
  const at = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))
  return at <= 0 ? path.slice(0, at + 1) || path : path.slice(0, at)
}
