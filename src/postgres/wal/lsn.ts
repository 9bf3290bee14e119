// https://www.postgresql.org/docs/current/datatype-pg-lsn.html

/** A position in the WAL, in bytes from its beginning (0 to 2^64 - 1). */
export type Lsn = bigint

/** Reads `16/B374D848`; undefined where the text is no LSN. */
export function lsnFromText(text: string): Lsn | undefined {
  const parts = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text)
  if (parts === null) return undefined
  return (BigInt(`0x${parts[1]!}`) << 32n) | BigInt(`0x${parts[2]!}`)
}

/** Writes an LSN as PostgreSQL 12 to 18 print it: no leading zeros on either side. */
export function lsnToText(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xFFFFFFFFn).toString(16).toUpperCase()}`
}
