// The archive command for Windows, where system() runs cmd.exe, and the batch file behind it.
// https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/cmd
// Source: src/port/system.c (what the server hands to cmd.exe), src/include/port/win32_port.h (WIFEXITED: statuses above 255 count as a crash)
import type { PathProblem } from './writer.ts'

/** The name under which `pgwal enable` keeps the batch file, beside postgresql.conf. */
export const CMD_SCRIPT_NAME = 'pgwal-archive.cmd'

/** The line that tells our batch file from every other, with the version of its contract. */
export const CMD_SCRIPT_MARKER = 'rem pgwal-archive-script 1'

/** Characters that no name on Windows has, control characters, and the percent sign: what cmd.exe makes of it depends on how often a line is read. */
const IMPOSSIBLE = /[\u0000-\u001F\u007F<>"|?*%]/

/** Why a path can be no archive directory; undefined where it can. Drives only: the service's account reaches a share as another account. */
export function cmdPathProblem(path: string): PathProblem | undefined {
  if (!/^[A-Za-z]:[\\/]/.test(path)) return 'relative'
  if (IMPOSSIBLE.test(path.slice(2)) || path.includes(':', 2)) return 'control-character'
  return /^[A-Za-z]:[\\/]+$/.test(path) ? 'root' : undefined
}

/**
 * Why a batch file at this path cannot be named in archive_command. The server's command line goes through the code page of
 * the machine, and cmd.exe expands `%` in it whatever the quotes.
 */
export function cmdScriptProblem(path: string, dataDir: string): PathProblem | undefined {
  if (relativeTo(dataDir, path) !== undefined) return undefined
  return cmdPathProblem(path) ?? (/[^ -~]|\^/.test(path) ? 'control-character' : undefined)
}

function checked(path: string): string {
  const problem = cmdPathProblem(path)
  if (problem !== undefined) throw new RangeError(`not usable as a path here (${problem}): ${JSON.stringify(path)}`)
  return backslashes(path).replace(/\\+$/, '')
}

/** As cmd.exe and its commands take a path: to some of them a slash begins an option. */
export function backslashes(path: string): string {
  return path.replaceAll('/', '\\')
}

/** What follows the directory in a path right below it; undefined for any other path. */
function relativeTo(directory: string, path: string): string | undefined {
  const [base, whole] = [backslashes(directory).replace(/\\+$/, ''), backslashes(path)]
  if (!whole.toLowerCase().startsWith(`${base.toLowerCase()}\\`)) return undefined
  const name = whole.slice(base.length + 1)
  return name.includes('\\') ? undefined : name
}

/**
 * The value of archive_command (not yet quoted for postgresql.conf) that runs the batch file.
 *
 * A batch file in the data directory, where the archiver runs, is named relative to it: then blanks, percent signs and letters beyond
 * ASCII in that path never meet the code page of the command line. `|| exit 1` is for a batch file that is missing: cmd.exe then ends with
 * 9009, which the server takes for a crash of the archiver.
 * @throws RangeError see {@link cmdScriptProblem}
 */
export function cmdArchiveCommand(scriptPath: string, dataDir: string): string {
  const problem = cmdScriptProblem(scriptPath, dataDir)
  if (problem !== undefined) throw new RangeError(`not usable as a path here (${problem}): ${JSON.stringify(scriptPath)}`)
  const name = relativeTo(dataDir, scriptPath)
  return `"${name === undefined ? backslashes(scriptPath) : `.\\${name}`}" "%p" "%f" || exit 1`
}

/**
 * The value of restore_command (not yet quoted for postgresql.conf) that takes files out of a directory. 1 says that there is no such
 * file; a status above 125 ends recovery, as it must when the directory or the copy fails: src/backend/access/transam/xlogarchive.c.
 * @throws RangeError see {@link cmdPathProblem}
 */
export function cmdRestoreCommand(directory: string): string {
  const path = checked(directory)
  const file = `"${path}\\%f"`
  // `||` does not see every failure of cmd.exe's own commands.
  return `(if not exist "${path}" exit 255) & (if not exist ${file} exit 1) & (copy /b /y ${file} "%p" >nul) & (if errorlevel 1 exit 255)`
}

/**
 * The text of the batch file behind {@link cmdArchiveCommand}, with CRLF line ends.
 *
 * Only what cmd.exe itself does and fc.exe: no PowerShell, whose start takes longer than the copy and which policies forbid. `move`
 * replaces an existing file when a batch file runs it, `ren` never does, so `ren` publishes. What a command did is read from the
 * directory rather than from `||`, which does not see every failure of cmd.exe's own commands.
 *
 * @throws RangeError see {@link cmdPathProblem}
 */
export function cmdArchiveScript({ archiveDir }: { readonly archiveDir: string }): string {
  const path = checked(archiveDir)
  // The file is UTF-8; cmd.exe reads it line by line in the code page of the moment.
  const codePage = /[^ -~]/.test(path) ? 'chcp 65001 >nul 2>nul\n' : ''
  return `@echo off
${CMD_SCRIPT_MARKER}
rem
rem Stores one WAL file of PostgreSQL in a directory. The server calls it through archive_command with the path of the
rem file and its name. Written by pgwal enable; it needs nothing but cmd.exe and fc.exe.
rem
rem   exit 0  the file is in the archive under its name, complete
rem   exit 1  it is not; one line in the server's log says why. The server tries again.
rem
rem A file that is in the archive is never overwritten. To move the archive or to stop archiving, use pgwal or change
rem archive_command: do not make this file exit 0 without a copy, for then the server removes WAL that is nowhere else.
rem To try it by hand: cmd /c pgwal-archive.cmd FILE NAME

setlocal EnableExtensions DisableDelayedExpansion
${codePage}set "archive=${path}"
set "source=%~1"
set "file=%~2"
set "COPYCMD="
set "copying="

if "%file%"=="" goto badname
if "%file:~0,1%"=="." goto badname
for /f "delims=0123456789ABCDEFabchiklprstouy." %%C in ("%file%") do goto badname
set "target=%archive%\\%file%"

rem What is there tells more than errorlevel does: the first letter of a directory's attributes is d.
set "kind="
for %%I in ("%archive%") do set "kind=%%~aI"
if not "%kind:~0,1%"=="d" goto noarchive
if not exist "%source%" goto nosource
set "length="
for %%I in ("%source%") do set "length=%%~zI"
if exist "%target%" goto settle

rem What copies that were cut off left behind. One that is being written cannot be deleted.
if exist "%archive%\\.pgwal.%file%~*" del /q "%archive%\\.pgwal.%file%~*" >nul 2>nul

rem Copy to another name in the same directory ...
set "temporary=.pgwal.%file%~%RANDOM%%RANDOM%"
if exist "%archive%\\%temporary%" goto busy
set "copying=yes"
copy /b /y "%source%" "%archive%\\%temporary%" >nul
if errorlevel 1 goto copyfailed
set "stored="
for %%I in ("%archive%\\%temporary%") do set "stored=%%~zI"
if not "%stored%"=="%length%" goto short

rem ... and publish with ren, which never replaces a file. move would.
ren "%archive%\\%temporary%" "%file%" >nul 2>nul
if exist "%archive%\\%temporary%" goto notrenamed
if not exist "%target%" goto lost
exit 0

:notrenamed
if not exist "%target%" goto cannotcreate

rem The archive has a file of this name. The same content: an earlier attempt was cut off after its work was done.
:settle
set "kind="
for %%I in ("%target%") do set "kind=%%~aI"
if "%kind:~0,1%"=="d" goto isdirectory
"%SystemRoot%\\System32\\fc.exe" /b "%source%" "%target%" >nul 2>nul
if errorlevel 2 goto cannotcompare
if errorlevel 1 goto different
if not errorlevel 0 goto cannotcompare
set "stored="
for %%I in ("%target%") do set "stored=%%~zI"
if not "%stored%"=="%length%" goto different
call :clean
exit 0

:badname
set "file=?"
set "why=the second argument is not the name of a WAL file"
goto fail
:noarchive
set "why=the archive directory %archive% does not exist (or its drive is not there)"
goto fail
:nosource
set "why=there is no file %source%"
goto fail
:busy
set "why=another copy of this file is under way"
goto fail
:copyfailed
set "why=copy to %archive% failed"
goto fail
:short
set "why=the copy in %archive% has not all of the %length% bytes (is the disk full?)"
goto fail
:cannotcreate
set "why=%target% cannot be created"
goto fail
:lost
set "why=the copy vanished before it had its name: does another program clean up %archive%?"
goto fail
:isdirectory
set "why=%target% is a directory"
goto fail
:cannotcompare
set "why=%target% exists, but cannot be compared with %source%"
goto fail
:different
set "why=%target% exists with different content, and is not overwritten: does another server use this archive, or is it half a copy?"
goto fail

:fail
call :clean
setlocal EnableDelayedExpansion
>&2 echo pgwal-archive: !file!: !why!
exit 1

:clean
if defined copying if exist "%archive%\\%temporary%" del /q "%archive%\\%temporary%" >nul 2>nul
exit /b 0
`.replaceAll('\n', '\r\n')
}

/** The archive directory that a batch file of ours says it has; undefined for any other text. */
export function readCmdScript(text: string): { readonly archiveDir: string | undefined } | undefined {
  const marker = CMD_SCRIPT_MARKER.replace(/ \d+$/, ' ')
  if (!text.split(/\r?\n/, 3).some((line) => line.startsWith(marker))) return undefined
  return { archiveDir: /^set "archive=([^"\r\n]*)"\r?$/m.exec(text)?.[1] }
}
