// Paths as the server joins them, for POSIX and for Windows.
// Source: PostgreSQL's src/port/path.c (is_absolute_path, join_path_components, canonicalize_path) and
// AbsoluteConfigLocation. Before 15 only `..` at the end of a path is resolved, from 15 on everywhere; with a
// symbolic link before the `..` the two reach different files.

export interface PathRules { readonly windows: boolean; readonly major: number }

function drive(path: string, windows: boolean): string {
  if (!windows) return ''
  return /^[A-Za-z]:/.exec(path)?.[0] ?? /^[\\/]{2}[^\\/]*/.exec(path)?.[0] ?? ''
}

export function isAbsolutePath(path: string, windows: boolean): boolean {
  return windows ? /^([\\/]|[A-Za-z]:[\\/])/.test(path) : path.startsWith('/')
}

/** The directory part, as get_parent_directory gives it. */
export function parentDirectory(path: string, windows: boolean): string {
  const prefix = drive(path, windows)
  const rest = path.slice(prefix.length)
  const trimmed = rest.replace(windows ? /[\\/]+$/ : /\/+$/, '')
  const cut = windows ? Math.max(trimmed.lastIndexOf('/'), trimmed.lastIndexOf('\\')) : trimmed.lastIndexOf('/')
  if (cut === -1) return prefix
  const head = trimmed.slice(0, cut).replace(windows ? /[\\/]+$/ : /\/+$/, '')
  return prefix + (head === '' ? trimmed[0]! : head)
}

export function canonicalPath(path: string, { windows, major }: PathRules): string {
  let clean = windows ? path.replaceAll('\\', '/').replace(/"$/, '/') : path
  const lead = windows && clean.startsWith('//') ? '/' : ''
  clean = lead + clean.slice(lead.length).replace(/\/+/g, '/')
  const prefix = drive(clean, windows)
  let rest = clean.slice(prefix.length)
  if (rest.length > 1) rest = rest.replace(/\/$/, '')
  return prefix + (major >= 15 ? resolveAll(rest) : resolveEnd(rest))
}

function resolveAll(path: string): string {
  if (path === '') return ''
  const absolute = path.startsWith('/')
  const kept: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') kept.push(part)
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop()
    else if (!absolute) kept.push('..')
  }
  return absolute ? `/${kept.join('/')}` : kept.join('/') || '.'
}

function resolveEnd(path: string): string {
  const absolute = path.startsWith('/')
  const parts = path.split('/').filter((part) => part !== '')
  let pending = 0
  while (parts.length > 0) {
    const last = parts.at(-1)!
    if (last === '.' && (parts.length > 1 || absolute || pending > 0)) parts.pop()
    else if (last === '..') {
      parts.pop()
      pending++
    } else if (pending > 0) {
      parts.pop()
      pending--
      if (parts.length === 0 && !absolute && pending === 0) return '.'
    } else break
  }
  if (absolute) return `/${parts.join('/')}`
  return [...parts, ...Array<string>(pending).fill('..')].join('/')
}

/** Where a file named in `callingFile` (or, without one, a file of the data directory) is looked for. */
export function configLocation(location: string, base: string, rules: PathRules): string {
  if (isAbsolutePath(location, rules.windows)) return location
  const tail = rules.major >= 15 ? location : location.replace(rules.windows ? /^(\.[\\/])+/ : /^(\.\/)+/, '')
  return canonicalPath(tail === '' ? base : `${base}/${tail}`, rules)
}
