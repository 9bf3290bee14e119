// Commands in settings, and what a percent sign in them means.
// https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-ARCHIVE-COMMAND
// Source: replace_percent_placeholders in PostgreSQL's src/common/percentrepl.c (16 and later).

/** The letters that the server replaces behind a percent sign, for each command that it runs from a setting. */
export const PLACEHOLDERS: Readonly<Record<string, string>> = {
  archive_command: 'pf',
  restore_command: 'pfr',
  archive_cleanup_command: 'r',
  recovery_end_command: 'r',
  ssl_passphrase_command: 'p',
}

/** From this major on a percent sign before anything else is an error; before, it is passed on as it is. */
export const STRICT_PLACEHOLDERS = 16

/** What stands in a command as a placeholder and is none, each once; a percent sign at the end too. */
export function unknownPlaceholders(command: string, letters: string): string[] {
  const found = [...command.matchAll(/%([\s\S]?)/g)].filter(([, letter]) => letter !== '%' && (letter === '' || !letters.includes(letter!)))
  return [...new Set(found.map(([all]) => all))]
}
