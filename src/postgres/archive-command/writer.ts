// What pgwal puts into archive_command and restore_command, and the script behind the former.
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
// https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-ARCHIVE-COMMAND

/** The name under which `pgwal enable` keeps the script, beside postgresql.conf. */
export const ARCHIVE_SCRIPT_NAME = 'pgwal-archive.sh'

/** The line that tells our script from every other, with the version of its contract. */
export const ARCHIVE_SCRIPT_MARKER = '# pgwal-archive-script 1'

export type PathProblem = 'relative' | 'control-character' | 'root'

/** Why a path can be no archive directory and no script's place; undefined where it can. Blanks, quotes, `%` and the like are no problem. */
export function pathProblem(path: string): PathProblem | undefined {
  if (!path.startsWith('/')) return 'relative'
  // A line break would end the line of postgresql.conf that holds the command, and the one line of a message.
  if (/[\u0000-\u001F\u007F]/.test(path)) return 'control-character'
  return /^\/+$/.test(path) ? 'root' : undefined
}

function checked(path: string): string {
  const problem = pathProblem(path)
  if (problem !== undefined) throw new RangeError(`not usable as a path here (${problem}): ${JSON.stringify(path)}`)
  return path.replace(/\/+$/, '')
}

/** One word for any POSIX shell, whatever the text holds. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** For archive_command and its like, which read `%` themselves before the shell sees anything. */
function quoteInCommand(text: string): string {
  return shellQuote(text).replaceAll('%', '%%')
}

/**
 * The value of archive_command (not yet quoted for postgresql.conf) that runs the script at `scriptPath`.
 *
 * Without `|| exit 1`, a script that is missing (127) or killed (128 + signal) would end the archiver process itself,
 * uncounted in pg_stat_archiver.
 * @throws RangeError see {@link pathProblem}
 */
export function archiveCommand(scriptPath: string): string {
  return `/bin/sh ${quoteInCommand(checked(scriptPath))} "%p" "%f" || exit 1`
}

/** How files lie in an archive: as they are, or compressed, with the ending of their names. */
export type WalSuffix = '' | '.gz' | '.lz4' | '.zst'

/** What makes a compressed file whole again, from its input to its output. */
export const DECOMPRESSORS: Readonly<Record<Exclude<WalSuffix, ''>, string>> = { '.gz': 'gzip', '.lz4': 'lz4', '.zst': 'zstd' }

/** How a file is compressed, by the ending of its name; '' for every other ending. */
export function walSuffixOf(file: string): WalSuffix {
  const ending = /\.\w+$/.exec(file)?.[0] ?? ''
  return Object.hasOwn(DECOMPRESSORS, ending) ? ending as WalSuffix : ''
}

/** The program that makes a file whole again; undefined where its name does not say that it is compressed, or how. */
export function decompressorOf(file: string): string | undefined {
  const suffix = walSuffixOf(file)
  return suffix === '' ? undefined : DECOMPRESSORS[suffix]
}

/**
 * The value of restore_command (not yet quoted for postgresql.conf) for a directory of WAL files, plain or compressed.
 *
 * Exit 1 says "no such file here", and recovery takes that for the end of the archive. An archive that is not there, and a
 * copy that breaks, must not be mistaken for it: 255 makes recovery stop with an error.
 * @param suffixes the endings that the archive's files have, in the order in which they are looked for
 * @param until the name of a segment: what lies behind it, on whatever timeline, is not there for this server
 * @throws RangeError see {@link pathProblem}
 */
export function restoreCommand(archiveDir: string, suffixes: readonly WalSuffix[] = [''], until?: string): string {
  const directory = quoteInCommand(checked(archiveDir))
  const fetch = (suffix: WalSuffix): string => suffix === '' ? `cp ${directory}/"%f" "%p"` : `${DECOMPRESSORS[suffix]} -dc <${directory}/"%f"${suffix} >"%p"`
  const [only] = suffixes
  // A segment's name is 24 characters, and the first 8 of them its timeline. The x keeps expr from counting.
  const limit = until === undefined ? '' : `; f="%f"; case $f in ${'?'.repeat(24)}) LC_ALL=C expr "x\${f#${'?'.repeat(8)}}" \\> x${until.slice(8)} >/dev/null && exit 1; esac`
  const there = `test -d ${directory} || exit 255${limit}`
  if (only !== undefined && suffixes.length === 1) return `${there}; test -f ${directory}/"%f"${only} || exit 1; ${fetch(only)} || exit 255`
  return [there, ...suffixes.map((suffix) => `test -f ${directory}/"%f"${suffix} && { ${fetch(suffix)} || exit 255; exit 0; }`), 'exit 1'].join('; ')
}

export interface ArchiveScriptOptions {
  /** Absolute; must exist when the script runs. */
  readonly archiveDir: string
  readonly systemIdentifier: bigint
  /**
   * Whether `dd` knows `conv=fsync` (GNU, busybox and FreeBSD do). Default true; false costs one process more a file.
   */
  readonly ddCanSync?: boolean
}

/**
 * The text of the script behind {@link archiveCommand}: POSIX sh, runs with dash, bash and busybox.
 * @throws RangeError see {@link pathProblem}
 */
export function archiveScript(options: ArchiveScriptOptions): string {
  const archive = shellQuote(checked(options.archiveDir))
  const sync = options.ddCanSync ?? true
  return `#!/bin/sh
${ARCHIVE_SCRIPT_MARKER}
#
# Stores one WAL file of PostgreSQL in a directory. The server calls it through archive_command with the path of the
# file (%p) and its name (%f). Written by pgwal enable; it needs nothing but a shell and the basic tools.
#
#   exit 0  the file is in the archive under its name, complete, and on disk
#   exit 1  it is not; one line on stderr, which lands in the server's log, says why. The server tries again.
#
# A file that is in the archive is never overwritten. To move the archive or to stop archiving, use pgwal or change
# archive_command: do not make this script exit 0 without a copy, for then the server removes WAL that is nowhere else.

archive=${archive}
cluster=${options.systemIdentifier}   # "Database system identifier" of pg_controldata: WAL of no other cluster gets in

LC_ALL=C; export LC_ALL
PATH=\${PATH:+$PATH:}/usr/bin:/bin
umask 077                      # 027 lets the group read the archive

source=$1
file=$2
case $file in
    '' | .* | *[!A-Za-z0-9.]*) echo "pgwal-archive: the second argument is not the name of a WAL file" >&2; exit 1 ;;
esac
target=$archive/$file
busy=$archive/.pgwal.$file     # exists while the file is being copied ...
temporary=$busy~$$             # ... to here, in the same directory, by this very process
newline='
'
copying=

clean() {
    if [ -n "$copying" ] || [ -e "$busy" ]; then rm -f "$temporary" "$busy"; fi
}

# fail WHAT [OUTPUT]: one line, with the reason out of the first line of what a tool printed, and exit.
fail() {
    reason=\${2%%"$newline"*}
    clean
    printf 'pgwal-archive: %s: %s\\n' "$file" "$1\${reason:+: \${reason##*: }}" >&2
    exit 1
}

# Makes a file or a directory durable. Where sync takes no names, or the file system cannot sync a directory, everything
# is synced instead.
flush() {
    said=$(sync "$1" 2>&1) && return
    case $said in
        *'Invalid argument'* | *'not supported'*) ;;
        *) if sync . 2>/dev/null; then fail "sync of $1 failed" "$said"; fi ;;
    esac
    sync || fail "sync failed"
}

# The archive has a file of this name. The same content: an earlier attempt was cut off after its work was done.
settle() {
    clean
    said=$(cmp -s "$source" "$target" 2>&1)
    case $? in
        0)  flush "$target"
            flush "$archive"
            exit 0 ;;
        1)  length=$(wc -c <"$target")
            if head -c "$length" "$source" | cmp -s - "$target"; then
                fail "$target is an incomplete copy ($((length)) bytes), not made by this script: move it away, then this file is stored"
            fi
            fail "$target exists with different content, and is not overwritten: does another server use this archive?" ;;
        *)  fail "$target exists, but cannot be compared with $source" "$said" ;;
    esac
}

trap 'fail "interrupted by a signal"' HUP INT TERM

[ "\${#file}" -le 64 ] || fail "the name is longer than 64 characters"
[ -d "$archive" ] || fail "the archive directory $archive does not exist (or is not mounted)"
[ -f "$source" ] || fail "there is no file $source"
[ -r "$source" ] || fail "$source is not readable"

# Segments carry the identifier of their cluster (8 bytes at 24) and their own length (4 bytes at 32).
length=
hex='[0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F]'
case $file in
    $hex$hex$hex | $hex$hex$hex.partial)
        said=$(od -An -tu8 -tu4 -j24 -N16 "$source" 2>&1) || fail "the header of $source cannot be read" "$said"
        set -- $said
        [ "$1" = "$cluster" ] ||
            fail "$source belongs to another cluster or is no WAL (system identifier \${1:-missing}, this archive is for $cluster)"
        length=$5 ;;
esac

# What copies that were cut off left behind; those of running processes stay.
if [ -e "$busy" ]; then
    for left in "$busy"~*; do
        kill -0 "\${left##*~}" 2>/dev/null || rm -f "$left"
    done
fi

[ ! -d "$target" ] || fail "$target is a directory"
if [ -e "$target" ] || [ -L "$target" ]; then settle; fi

# Copy to the temporary name, which "set -C" creates and never opens when it exists.
copying=yes
${sync ? `said=$(exec 2>&1; : >"$busy" && set -C && exec dd if="$source" bs=1048576 conv=fsync >"$temporary") ||
    fail "copy to $archive failed" "$said"` : `said=$(exec 2>&1; : >"$busy" && set -C && exec dd if="$source" bs=1048576 >"$temporary") ||
    fail "copy to $archive failed" "$said"
flush "$temporary"`}
if [ -n "$length" ]; then
    case $said in
        *"$newline$((length / 1048576))+0 records out"*) ;;
        *)  stored=$(wc -c <"$temporary")
            [ "$stored" -eq "$length" ] || fail "$source has $((stored)) bytes, its header says $length" ;;
    esac
fi

# Publish under the final name: a hard link never replaces a file. Where there are no hard links, mv -n does not either,
# but for an instant between its look and its work; what then stands there is compared.
if ! said=$(ln "$temporary" "$target" 2>&1); then
    [ -e "$target" ] || mv -n "$temporary" "$target" 2>/dev/null
    [ -e "$target" ] || fail "$target cannot be created" "$said"
    settle
fi
clean
flush "$archive"
exit 0
`
}
