// Judges an existing archive_command by what it does, not by how it is spelt. What cannot be told is `unknown`.
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
// Placeholders: src/common/percentrepl.c (16 and newer), src/backend/postmaster/shell_archive.c.
import { evaluate, type Evaluation, F, isKnownPath, P, shown, type State } from './evaluate.ts'
import type { Answer, Judgement, JudgementKind, Problem, ProblemCode } from './judgement.ts'
import { PLACEHOLDERS, STRICT_PLACEHOLDERS, unknownPlaceholders } from './placeholders.ts'
import { ShellSyntaxError } from './syntax.ts'
import { CMD_SCRIPT_NAME, readCmdScript } from './writer-cmd.ts'
import { ARCHIVE_SCRIPT_MARKER, ARCHIVE_SCRIPT_NAME } from './writer.ts'

export interface ReadOptions {
  /** `cmd` on Windows, where system() runs cmd.exe. */
  readonly shell: 'sh' | 'cmd'
  /** Major version of the server. */
  readonly major: number
  /** The text of a script, undefined where it cannot be read. */
  readonly script?: (path: string) => string | undefined
  /** The server's environment, where it is known. */
  readonly environment?: ReadonlyMap<string, string> | undefined
}

/** Of the server's environment only what changes what a command means. */
const INHERITED = ['PG_READY_RENAME']

const MARKER = ARCHIVE_SCRIPT_MARKER.replace(/ \d+$/, ' ')

interface ReadScript {
  readonly archiveDir: string | undefined
  /** The batch file for cmd.exe holds none: nothing that comes with Windows reads a segment's header fast enough. */
  readonly systemIdentifier: bigint | undefined
}

/** What pgwal's own script says of itself; undefined for any other text. */
export function readArchiveScript(text: string): ReadScript | undefined {
  const batch = readCmdScript(text)
  if (batch !== undefined) return { archiveDir: batch.archiveDir?.replaceAll('\\', '/'), systemIdentifier: undefined }
  if (!text.split('\n', 3).some((line) => line.startsWith(MARKER))) return undefined
  const quoted = /^archive=((?:'[^']*'|\\')+)$/m.exec(text)?.[1]
  const identifier = /^cluster=(\d+)/m.exec(text)?.[1]
  return {
    archiveDir: quoted?.replace(/'([^']*)'|\\(')/g, (_all, inside: string | undefined, quote: string | undefined) => inside ?? quote ?? ''),
    systemIdentifier: identifier === undefined ? undefined : BigInt(identifier),
  }
}

/** Reads the value of archive_command, as the server has it (not as it is quoted in postgresql.conf). Never throws for any text. */
export function readArchiveCommand(text: string, options: ReadOptions): Judgement {
  // %NAME% of cmd.exe has to be written %%NAME%% as well.
  const badPlaceholders = unknownPlaceholders(text, PLACEHOLDERS['archive_command']!)
  const expanded = text.replace(/%([pf%])/g, (_all, letter: string) => (letter === 'p' ? P : letter === 'f' ? F : '%'))
  const base = { remote: false, usesP: expanded.includes(P), usesF: expanded.includes(F), badPlaceholders }
  const bad: Problem[] = badPlaceholders.map((detail) => ({ code: 'bad-placeholder', detail }))
  const nothing = { overwrites: 'unknown', atomic: 'unknown', durable: 'unknown', propagatesFailure: 'unknown' } as const
  if (text.trim() === '') return { ...base, ...nothing, kind: 'empty', problems: bad }

  let systemIdentifier: bigint | undefined
  let evaluation: Evaluation
  try {
    evaluation = evaluate(expanded, {
      shell: options.shell, script: options.script, environment: new Map(INHERITED.flatMap((name) => { const value = options.environment?.get(name); return value === undefined ? [] : [[name, value]] })), ownName: options.shell === 'cmd' ? CMD_SCRIPT_NAME : ARCHIVE_SCRIPT_NAME,
      own: (script) => {
        const read = readArchiveScript(script)
        systemIdentifier = read?.systemIdentifier ?? systemIdentifier
        return read
      },
    })
  } catch (error) {
    if (!(error instanceof ShellSyntaxError)) throw error
    return { ...base, ...nothing, kind: 'unknown', problems: [...bad, { code: 'syntax', detail: error.message }] }
  }
  // The server itself stops at a placeholder that it does not know.
  if (badPlaceholders.length > 0 && options.major >= STRICT_PLACEHOLDERS) bad.push({ code: 'always-fails' })
  return { ...base, ...judge(evaluation, bad, base), ...(systemIdentifier === undefined ? {} : { systemIdentifier }) }
}

type Judged = Omit<Judgement, 'usesP' | 'usesF' | 'badPlaceholders' | 'systemIdentifier'>

function judge(evaluation: Evaluation, bad: readonly Problem[], uses: { usesP: boolean; usesF: boolean }): Judged {
  const problems: Problem[] = [...bad]
  const add = (code: ProblemCode, detail?: string): void => {
    if (!problems.some((known) => known.code === code)) problems.push(detail === undefined ? { code } : { code, detail })
  }
  const { ends, opaque } = evaluation
  const stored = ends.filter((end) => end.status === 0 && end.store !== undefined && end.failed === undefined)
  const attempts = ends.some((end) => end.store !== undefined || end.failed !== undefined)

  if (!attempts && !evaluation.external) {
    if (opaque) return { kind: 'unknown', remote: false, overwrites: 'unknown', atomic: 'unknown', durable: 'unknown', propagatesFailure: 'unknown', problems: [...problems, ...evaluation.problems] }
    const succeeds = ends.some((end) => end.status === 0)
    add(succeeds ? 'discards' : 'always-fails')
    return { kind: 'placeholder', remote: false, overwrites: 'no', atomic: 'unknown', durable: 'no', propagatesFailure: succeeds ? 'no' : 'yes', problems }
  }
  for (const problem of evaluation.problems) add(problem.code, problem.detail)

  const best = stored.find((end) => end.store!.category !== 'unknown' && end.store!.category !== 'script') ?? stored[0] ?? ends.find((end) => end.store !== undefined)
  const store = best?.store
  const kind: JudgementKind = evaluation.scripts.length > 0 && store?.category !== 'pgwal' ? 'script' : store?.category ?? 'copy'
  const target = store?.target
  const place = target === undefined || store!.remote || !isKnownPath(target) ? undefined : placeOf(target)

  const propagation = failures(ends, add)
  const pick = (of: (state: State) => Answer): Answer => stored.length === 0 ? 'unknown' : stored.some((end) => of(end) === 'yes') ? 'yes' : stored.some((end) => of(end) === 'unknown') ? 'unknown' : 'no'
  const all = (of: (state: State) => Answer): Answer => stored.length === 0 ? 'unknown' : stored.some((end) => of(end) === 'no') ? 'no' : stored.some((end) => of(end) === 'unknown') ? 'unknown' : 'yes'
  const overwrites = pick((end) => end.overwrites)
  const atomic = all((end) => end.atomic)
  const durable = all((end) => end.synced === 'after' ? 'yes' : end.synced === 'no' ? 'no' : 'unknown')

  if (kind !== 'pgwal' && kind !== 'known-tool' && !uses.usesP && !evaluation.reads && !evaluation.external && !problems.some((problem) => problem.code === 'odd-exit-codes')) add('no-p')
  if (kind === 'copy' || (store !== undefined && store.target !== undefined)) {
    if (target !== undefined && !target.includes(F) && !target.includes(P) && isKnownPath(target)) {
      const certain = store!.tool === 'cat' || store!.category === 'known-tool' || /\.[A-Za-z0-9]+$/.test(target)
      add(certain ? 'fixed-target' : 'maybe-fixed-target', shown(target))
    } else if (store !== undefined && !uses.usesF && target === undefined && !store.remote && !opaque && !problems.some((problem) => problem.code === 'odd-exit-codes')) {
      add('no-f')
    }
  }
  const unguarded = stored.find((end) => end.overwrites === 'yes' && end.absent.size > 0)
  if (unguarded?.store?.target !== undefined) add('guard-elsewhere', shown(unguarded.store.target))
  if (overwrites === 'yes') add('overwrites', target === undefined ? undefined : shown(target))
  if (atomic === 'no') add('not-atomic')
  if (durable === 'no') add('not-durable')
  if (!evaluation.compares && ends.some((end) => end.present.size > 0) && ends.filter((end) => end.present.size > 0).every((end) => end.status !== 0)) add('fails-when-identical')
  if (stored.length === 0 && ends.every((end) => end.status !== 0)) add('always-fails')

  return {
    kind, ...(evaluation.lookedUp.length === 0 ? {} : { lookedUp: evaluation.lookedUp }), ...(store === undefined ? {} : { tool: store.tool }), ...(evaluation.scripts[0] === undefined ? {} : { script: evaluation.scripts[0] }),
    ...(place === undefined ? {} : place), remote: store?.remote ?? false, ...(store?.spool === true ? { spool: true } : {}),
    overwrites, atomic, durable,
    propagatesFailure: propagation === 'yes' && opaque && kind !== 'pgwal' ? 'unknown' : propagation,
    problems,
  }
}

/** The ways to end with 0 without the file being stored, and with a status that the archiver does not survive. */
function failures(ends: readonly State[], add: (code: ProblemCode, detail?: string) => void): Answer {
  let propagates: Answer = 'yes'
  for (const end of ends) {
    if (end.status === 255) add('exit-above-125')
    if (end.status !== 0 || end.identical) continue
    if (end.failed !== undefined) {
      add(end.failed)
      propagates = 'no'
    } else if (end.store === undefined) {
      add(end.skipped || end.present.size > 0 ? 'skips-existing' : 'may-discard')
    }
  }
  return propagates
}

function placeOf(target: string): { destination: string; suffix?: string } | undefined {
  const cut = target.lastIndexOf('/')
  const windows = /^[A-Za-z]:\/|^\/\//.test(target)
  if (cut < 0 || (!target.startsWith('/') && !windows)) return undefined
  const name = target.slice(cut + 1)
  const directory = target.slice(0, cut) || '/'
  if (directory.includes(F) || directory.includes(P) || !name.startsWith(F)) return undefined
  const suffix = name.slice(F.length)
  return { destination: windows ? directory.replaceAll('/', '\\') : directory, ...(suffix === '' ? {} : { suffix }) }
}
