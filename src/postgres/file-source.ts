/** One entry of a directory. */
export interface DirectoryEntry {
  readonly name: string
  /** True for a directory, and for a symbolic link to one. */
  readonly directory: boolean
}

/**
 * Where the readers of postgresql.conf and pg_hba.conf get files from: the machine, a test's literal, or a candidate
 * that is not written yet. Paths are absolute. Both functions reject with an error whose `code` is the operating
 * system's (`ENOENT`, `EACCES`, `EISDIR`, `ENOTDIR` …), because PostgreSQL treats a missing file unlike the others.
 */
export interface FileSource {
  read(path: string): Promise<Uint8Array>
  list(directory: string): Promise<readonly DirectoryEntry[]>
}
