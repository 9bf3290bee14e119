// The password file: https://www.postgresql.org/docs/current/libpq-pgpass.html

/** What a password is for. `database` is `replication` for a physical replication connection. */
export interface PasswordFor {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** Socket directories that libraries are built with: a lookup by any of them goes by the name `localhost`. */
const DEFAULT_SOCKET_DIRECTORIES = ['/var/run/postgresql', '/run/postgresql', '/tmp']

interface Field {
  readonly text: string
  readonly wildcard: boolean
}

/** The fields of a line: `:` parts them, `\` takes the next character as it is, and a bare `*` stands for anything. */
function fieldsOf(line: string): Field[] {
  const fields: Field[] = []
  let text = ''
  let escaped = false
  for (let at = 0; at <= line.length; at++) {
    const char = line[at]
    if (char === undefined || char === ':') {
      fields.push({ text, wildcard: text === '*' && !escaped })
      text = ''
      escaped = false
    } else if (char === '\\' && at + 1 < line.length) {
      text += line[++at]!
      escaped = true
    } else {
      text += char
    }
  }
  return fields
}

function fits(field: Field | undefined, wanted: string): boolean {
  return field !== undefined && (field.wildcard || field.text === wanted)
}

/** The password of the first line that fits, or undefined. */
export function passwordFrom(content: string, wanted: PasswordFor): string | undefined {
  const host = DEFAULT_SOCKET_DIRECTORIES.includes(wanted.host) || wanted.host === '' ? 'localhost' : wanted.host
  for (const line of content.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue
    const [lineHost, port, database, user, password] = fieldsOf(line)
    if (!fits(lineHost, host) && lineHost?.text !== wanted.host) continue
    if (!fits(port, String(wanted.port)) || !fits(database, wanted.database) || !fits(user, wanted.user)) continue
    return password === undefined || password.text === '' ? undefined : password.text
  }
  return undefined
}

/** The databases of lines that fit but for theirs: a password that was meant for this login, and is not used. */
export function otherDatabases(content: string, wanted: PasswordFor): string[] {
  const databases = content.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#')).flatMap((line) => fieldsOf(line)[2]?.text ?? [])
  return [...new Set(databases)].filter((database) => database !== wanted.database && passwordFrom(content, { ...wanted, database }) !== undefined)
}
