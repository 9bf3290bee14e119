// pg_service.conf: https://www.postgresql.org/docs/current/libpq-pgservice.html
// Not read with an INI library: those part names at dots, take `;` and `#` in a value for a comment, and undo quotes; libpq does none of that.

/** The parameters of a service, by libpq's names; undefined when the file has no such section. The first of two equal names counts. */
export function serviceFrom(content: string, service: string): ReadonlyMap<string, string> | undefined {
  let found: Map<string, string> | undefined
  let inside = false
  for (const raw of content.split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('[')) {
      if (inside) break
      inside = line.startsWith(`[${service}]`)
      if (inside) found = new Map()
      continue
    }
    const equals = line.indexOf('=')
    if (found === undefined || equals <= 0) continue
    const name = line.slice(0, equals)
    if (!found.has(name)) found.set(name, line.slice(equals + 1))
  }
  return found
}
