/** A text as a literal of SQL, for statements that a person copies. */
export function sqlLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
