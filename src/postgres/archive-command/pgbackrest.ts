// The options of pgBackRest in an archive command: on its command line, in the environment, in its configuration files.
// https://pgbackrest.org/configuration.html, https://pgbackrest.org/command.html#command-archive-push

export interface PgbackrestCommand {
  /** By name, without the dashes; `y` or `n` for a switch. */
  readonly options: ReadonlyMap<string, string>
}

/** What the command hands to pgBackRest; undefined where its text does not run it. */
export function readPgbackrest(command: string): PgbackrestCommand | undefined {
  const rest = /(?:^|[\s/'"=;&|(])pgbackrest["']?(\s[^;&|)]*)/.exec(command)?.[1]
  if (rest === undefined) return undefined
  const words = [...rest.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replaceAll(/["']/g, ''))
  if (!words.includes('archive-push')) return undefined
  const options = new Map<string, string>()
  for (const [at, word] of words.entries()) {
    const [, no, name, value] = /^--(no-)?([a-z0-9-]+)(?:=(.*))?$/.exec(word) ?? []
    if (name === undefined) continue
    const next = words[at + 1]
    // Either `--stanza=main` or `--stanza main`; a switch takes no word.
    options.set(name, no !== undefined ? 'n' : value ?? (next === undefined || next.startsWith('--') || next === 'archive-push' || next === '%p' ? 'y' : next))
  }
  return { options }
}

/** A file in the form of pgBackRest: `name=value` below `[section]`; a later file adds to an earlier one. */
export function readPgbackrestConf(texts: readonly string[]): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  for (const text of texts) {
    let section = ''
    for (const line of text.split(/\r?\n/)) {
      const name = /^\s*\[(.+)\]\s*$/.exec(line)?.[1]
      if (name !== undefined) section = name
      const [, key, value] = /^\s*([a-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
      if (name !== undefined || key === undefined || value === undefined) continue
      if (!sections.has(section)) sections.set(section, new Map())
      sections.get(section)!.set(key, value)
    }
  }
  return sections
}

/** The value of an option for archive-push, from whatever decides it first; undefined where the default counts. */
export function pgbackrestOption(name: string, { options }: PgbackrestCommand, environment: ReadonlyMap<string, string> | undefined, sections: ReturnType<typeof readPgbackrestConf>): string | undefined {
  const stanza = options.get('stanza') ?? environment?.get('PGBACKREST_STANZA')
  const places = [...(stanza === undefined ? [] : [`${stanza}:archive-push`, stanza]), 'global:archive-push', 'global']
  const inFiles = places.map((section) => sections.get(section)?.get(name)).find((value) => value !== undefined)
  return options.get(name) ?? environment?.get(`PGBACKREST_${name.toUpperCase().replaceAll('-', '_')}`) ?? inFiles
}
