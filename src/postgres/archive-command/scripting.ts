// The archive command and its script for the shell that the server uses.
import { CMD_SCRIPT_NAME, cmdArchiveCommand, cmdArchiveScript, cmdPathProblem, cmdRestoreCommand, cmdScriptProblem } from './writer-cmd.ts'
import { ARCHIVE_SCRIPT_NAME, archiveCommand, archiveScript, pathProblem, restoreCommand } from './writer.ts'
import type { ArchiveScriptOptions, PathProblem } from './writer.ts'

/** `cmd` on Windows, where system() runs cmd.exe. */
export type Shell = 'sh' | 'cmd'

export interface ArchiveScripting {
  /** The script's name beside postgresql.conf. */
  readonly scriptName: string
  /** Why a path can be no archive directory; undefined where it can. */
  directoryProblem(path: string): PathProblem | undefined
  /** Why a path cannot be the script's; undefined where it can. */
  scriptProblem(path: string, dataDir: string): PathProblem | undefined
  /** The script's text, with the line ends of its shell. */
  script(options: ArchiveScriptOptions): string
  /** The value of archive_command, not yet quoted for postgresql.conf. */
  command(scriptPath: string, dataDir: string): string
  /** The value of restore_command, not yet quoted, that takes files out of a directory as they are. */
  restoreCommand(directory: string): string
}

const SH: ArchiveScripting = {
  scriptName: ARCHIVE_SCRIPT_NAME,
  directoryProblem: pathProblem,
  scriptProblem: pathProblem,
  script: archiveScript,
  command: archiveCommand,
  restoreCommand: (directory) => restoreCommand(directory),
}

const CMD: ArchiveScripting = {
  scriptName: CMD_SCRIPT_NAME,
  directoryProblem: cmdPathProblem,
  scriptProblem: cmdScriptProblem,
  script: cmdArchiveScript,
  command: cmdArchiveCommand,
  restoreCommand: cmdRestoreCommand,
}

/** What pgwal writes for a shell. */
export function archiveScripting(shell: Shell): ArchiveScripting {
  return shell === 'cmd' ? CMD : SH
}
