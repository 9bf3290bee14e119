// Follows a command through everything that can happen to it: the target exists or not, each program succeeds or fails.
// What is left at the end are the ways in which the command can finish, with what had been stored by then.
import type { Answer, Problem, ProblemCode } from './judgement.ts'
import { parseCmd } from './parse-cmd.ts'
import { parseSh } from './parse-sh.ts'
import { ALWAYS_TRUE, archiverNamed, COMPRESSORS, INTERPRETERS, NEUTRAL, REMOVING_COMPRESSORS, SHELLS, UPLOADERS, WRAPPER_OPERANDS, WRAPPERS } from './programs.ts'
import { type Node, type Redirect, ShellSyntaxError, type Word } from './syntax.ts'

/** Stand for `%p` and `%f` in words: no text that a file can hold by accident. */
export const P = '\uE000'
export const F = '\uE001'
const UNKNOWN = '\uE002'

export interface Store {
  readonly tool: string
  readonly category: 'copy' | 'known-tool' | 'pgwal' | 'script' | 'unknown'
  /** The final path with F in it, or undefined where it cannot be told or is elsewhere. */
  readonly target: string | undefined
  readonly remote: boolean
  /** See Judgement. */
  readonly spool?: boolean
}

/** One way through the command, up to where it has come. */
export interface State {
  /** 255 stands for everything above 125. */
  readonly status: 0 | 1 | 255
  readonly exited: boolean
  /** Paths known not to exist, to exist, and to be identical to the source. */
  readonly absent: ReadonlySet<string>
  readonly present: ReadonlySet<string>
  readonly identical: boolean
  readonly store: Store | undefined
  /** A store was tried and failed; how that could be hidden. */
  readonly failed: ProblemCode | undefined
  readonly skipped: boolean
  readonly overwrites: Answer
  readonly atomic: Answer
  /** When something was synced: not at all, only before the last step of storing, or after it. */
  readonly synced: 'no' | 'before' | 'after' | 'unknown'
  readonly variables: ReadonlyMap<string, string>
  readonly options: ReadonlySet<string>
}

export interface Evaluation {
  readonly ends: readonly State[]
  readonly problems: readonly Problem[]
  /** Something that was not understood may have changed the outcome. */
  readonly opaque: boolean
  readonly compares: boolean
  readonly scripts: readonly string[]
  /** Programs without a path that get the file: looked up in the server's PATH. */
  readonly lookedUp: readonly string[]
  readonly external: boolean
  readonly reads: boolean
}

export interface EvaluateOptions {
  readonly shell: 'sh' | 'cmd'
  readonly script?: ((path: string) => string | undefined) | undefined
  /** Judges the text of a script that is pgwal's own; undefined where it is another. */
  readonly own: (text: string) => { readonly archiveDir: string | undefined } | undefined
  readonly ownName: string
  /** Variables that the command inherits, of those that count here. */
  readonly environment?: ReadonlyMap<string, string> | undefined
}

const MOST_STATES = 400
const MOST_DEPTH = 4

export function evaluate(source: string, options: EvaluateOptions): Evaluation {
  const evaluator = new Evaluator(options)
  const start: State = {
    status: 0, exited: false, absent: new Set(), present: new Set(), identical: false, store: undefined, failed: undefined, skipped: false,
    overwrites: 'no', atomic: 'unknown', synced: 'no', variables: new Map(options.environment), options: new Set(),
  }
  const tree = options.shell === 'cmd' ? parseCmd(source) : parseSh(source)
  const ends = evaluator.run(tree, [start], false)
  return { ends, problems: evaluator.problems, opaque: evaluator.opaque, compares: evaluator.compares, scripts: evaluator.scripts, lookedUp: [...evaluator.lookedUp], external: evaluator.external, reads: evaluator.reads }
}

const worse = (a: Answer, b: Answer): Answer => a === 'yes' || b === 'yes' ? 'yes' : a === 'unknown' || b === 'unknown' ? 'unknown' : 'no'
const success = (state: State, more: Partial<State> = {}): State => ({ ...state, status: 0, ...more })
const failure = (state: State, more: Partial<State> = {}): State => ({ ...state, status: 1, ...more })
/** What failed before does not matter where something else has stored the file in its stead. */
const madeUp = (before: State, ends: readonly State[]): State[] => ends.map((end) => end.status === 0 && end.store !== before.store ? { ...end, failed: undefined } : end)
const normal = (path: string): string => path.replace(/(?<=.)\/{2,}/g, '/').replace(/\/\.(?=\/|$)/g, '')

/** https://docs.pgbarman.org: the directory that archive_command of the rsync kind writes into. */
const SPOOL = new RegExp(`[/:]incoming/(?:${F})?$`)

interface StoreOptions {
  readonly tool: string
  readonly category: Store['category']
  readonly target: string | undefined
  readonly remote?: boolean
  readonly spool?: boolean
  /** What it does where the target exists. `skip`: nothing, with exit 0. */
  readonly existing: 'replace' | 'skip' | 'fail' | 'unknown'
  readonly atomic: Answer
  readonly durable?: Answer
  readonly failing?: 1 | 255
  /** What was stored before gets another name: whatever it replaced under the first one is no matter. */
  readonly moves?: boolean
}

/** Wrappers that look for a program elsewhere than the shell would, or may. */
const APART: ReadonlySet<string> = new Set(['sudo', 'doas', 'runuser', 'env', 'envdir', 'busybox'])

/**
 * Whether an archiver takes files whose turn has not come, and tells the server that they are archived: it renames their .ready.
 * https://github.com/wal-e/wal-e, https://wal-g.readthedocs.io/PostgreSQL/, https://postgrespro.github.io/pg_probackup/
 */
function takesAhead(tool: string, words: readonly string[], variables: ReadonlyMap<string, string>): boolean {
  const option = (pattern: RegExp) => words.map((word, at) => (pattern.test(word) ? (word.includes('=') ? word.replace(/^.*=/, '') : words[at + 1] ?? '') : undefined)).find((value) => value !== undefined)
  if (tool === 'wal-g') return /^(?:1|t|true)$/i.test(variables.get('PG_READY_RENAME') ?? '')
  if (tool === 'wal-e') return option(/^(?:-p|--pool-size)(?:=|$)/) !== '1'
  return tool === 'pg_probackup' && !words.includes('--no-ready-rename') && Number(option(/^--batch-size(?:=|$)/) ?? 1) > 1
}

class Evaluator {
  readonly problems: Problem[] = []
  readonly scripts: string[] = []
  readonly lookedUp = new Set<string>()
  opaque = false
  compares = false
  external = false
  /** Something reads the live WAL file. */
  reads = false
  #depth = 0
  /** Above 0 the PATH is another one: that of another account or machine, or of a file that sets it. */
  #apart = 0
  /** Archivers that take files before their turn comes. */
  readonly #ahead = new Set<string>()
  readonly #functions = new Map<string, Node>()

  constructor(readonly options: EvaluateOptions) {}

  problem(code: ProblemCode, detail?: string): void {
    if (!this.problems.some((known) => known.code === code && known.detail === detail)) this.problems.push(detail === undefined ? { code } : { code, detail })
  }

  /** `tested`: the status is looked at by what stands around, so that `set -e` does not act on it. */
  run(node: Node, states: readonly State[], tested: boolean): State[] {
    const going = states.filter((state) => !state.exited)
    const gone = states.filter((state) => state.exited)
    if (going.length === 0) return [...gone]
    return this.#fewer([...gone, ...this.#step(node, going, tested)])
  }

  #fewer(states: State[]): State[] {
    const distinct = new Map<string, State>()
    for (const state of states) {
      const key = JSON.stringify([state.status, state.exited, [...state.absent], [...state.present], state.identical, state.store, state.failed, state.skipped, state.overwrites, state.atomic, state.synced, [...state.variables], [...state.options]])
      if (!distinct.has(key)) distinct.set(key, state)
    }
    if (distinct.size <= MOST_STATES) return [...distinct.values()]
    this.opaque = true
    return [...distinct.values()].slice(0, MOST_STATES)
  }

  #step(node: Node, states: readonly State[], tested: boolean): State[] {
    switch (node.type) {
      case 'simple':
        return states.flatMap((state) => this.#exits(this.#simple(node, state), tested))
      case 'list': {
        let now: State[] = states.map((state) => success(state))
        for (const { node: item, background } of node.items) {
          if (!background) {
            now = this.run(item, now, tested)
            continue
          }
          // Whatever becomes of it, the command goes on at once with 0: what it stores is not stored yet.
          now = now.flatMap((state) => state.exited ? [state] : this.run(item, [state], true).map((after) =>
            ({ ...state, status: 0 as const, failed: after.store !== state.store || after.failed !== undefined ? 'background' as const : state.failed })))
        }
        return now
      }
      case 'and':
      case 'or': {
        const left = this.run(node.left, states, true)
        const goes = (state: State): boolean => !state.exited && (state.status === 0) === (node.type === 'and')
        return [...left.filter((state) => !goes(state)), ...left.filter(goes).flatMap((state) => madeUp(state, this.run(node.right, [state], tested)))]
      }
      case 'not':
        return this.run(node.body, states, true).map((state) => state.exited ? state : { ...state, status: state.status === 0 ? 1 : 0 })
      case 'if': {
        const asked = this.run(node.condition, states, true)
        const yes = asked.filter((state) => !state.exited && state.status === 0)
        const no = asked.filter((state) => !state.exited && state.status !== 0)
        return [...asked.filter((state) => state.exited), ...this.run(node.then, yes, tested), ...(node.otherwise === undefined ? no.map((state) => success(state)) : no.flatMap((state) => madeUp(state, this.run(node.otherwise!, [state], tested))))]
      }
      case 'loop': {
        // Once round, or twice; a loop that never ends is none of the ways to end.
        const ends = (state: State): boolean => state.exited || (state.status === 0) === node.until
        const first = this.run(node.condition, states, true)
        const again = first.filter((state) => !ends(state)).flatMap((state) => madeUp(state, this.run(node.condition, this.run(node.body, [state], tested), true)))
        return [...first.filter(ends), ...again.filter(ends)].map((state) => state.exited ? state : success(state))
      }
      case 'exists':
        return states.flatMap((state) => this.#existence(this.#text(node.path, state).replaceAll('\\', '/'), state))
      case 'group': {
        // A redirection of the group is one of each command in it: only its target matters here.
        const inner = this.run(node.body, states, tested)
        const after = node.redirects.length === 0 ? inner : inner.flatMap((state) => this.#redirected(node.redirects, 'sh', state, [state]))
        return node.subshell ? after.map((state) => ({ ...state, exited: false })) : after
      }
      case 'choice':
        return node.branches.flatMap((branch) => this.run(branch, states.map((state) => success(state)), tested)).concat(node.branches.length === 1 ? states.map((state) => success(state)) : [])
      case 'function':
        this.#functions.set(node.name, node.body)
        return states.map((state) => success(state))
      case 'pipe':
        return states.flatMap((state) => this.#exits(this.#pipe(node.stages, state), tested))
    }
  }

  #exits(states: State[], tested: boolean): State[] {
    return tested ? states : states.map((state) => state.status !== 0 && state.options.has('errexit') ? { ...state, exited: true } : state)
  }

  #pipe(stages: readonly Node[], state: State): State[] {
    const earlier = stages.slice(0, -1).flatMap((stage) => this.run(stage, [state], true))
    const feeds = stages.slice(0, -1).some((stage) => this.#mentions(stage, state, P))
    const stored = earlier.find((end) => end.status === 0 && end.store !== state.store)
    // In a pipe each part is a process of its own: variables and `exit` do not reach further.
    let ends = this.run(stages.at(-1)!, [stored === undefined ? state : { ...state, store: stored.store, overwrites: stored.overwrites, atomic: stored.atomic, synced: stored.synced }], true)
      .map((end) => ({ ...end, exited: state.exited, variables: state.variables }))
    const changes = feeds || stored !== undefined
    if (!changes) return ends
    if (stored === undefined && ends.some((end) => end.status === 0 && end.store === state.store && !end.identical && end.failed === undefined)
      && !ends.some((end) => end.store !== state.store)) return ends
    const broken = state.options.has('pipefail')
      ? failure(state, { failed: state.failed })
      : success(state, { failed: 'pipe-hides-failure' })
    ends = [...ends, broken]
    return ends
  }

  #mentions(node: Node, state: State, what: string): boolean {
    if (node.type === 'simple') {
      return [...node.words, ...node.redirects.map((redirect) => redirect.target)].some((word) => this.#text(word, state).includes(what))
    }
    if (node.type === 'group') return this.#mentions(node.body, state, what)
    if (node.type === 'list') return node.items.some((item) => this.#mentions(item.node, state, what))
    if (node.type === 'and' || node.type === 'or') return this.#mentions(node.left, state, what) || this.#mentions(node.right, state, what)
    if (node.type === 'not') return this.#mentions(node.body, state, what)
    if (node.type === 'pipe') return node.stages.some((stage) => this.#mentions(stage, state, what))
    return false
  }

  // --- words -----------------------------------------------------------------------------------------------------------

  #text(word: Word, state: State): string {
    return word.parts.map((part) => {
      if (part.kind === 'text') return part.text
      if (part.kind === 'output') return this.#output(part.source, state)
      if (part.name === '?') return String(state.status)
      const value = state.variables.get(part.name)
      if (part.operator === '' && value !== undefined) return value
      if (value !== undefined && /^##?\*\/$/.test(part.operator)) return baseName(value)
      if (value !== undefined && /^%%?\/\*$/.test(part.operator)) return directoryName(value)
      if (/^:?[-=]/.test(part.operator)) return value ?? part.operator.replace(/^:?[-=]/, '').replace(/^(["'])(.*)\1$/, '$2')
      if (/^:?\?/.test(part.operator) && value !== undefined) return value
      return `${UNKNOWN}${part.name}${part.operator}${UNKNOWN}`
    }).join('')
  }

  #output(source: string, state: State): string {
    try {
      const tree = parseSh(source)
      const words = tree.type === 'simple' && tree.redirects.length === 0 ? tree.words.map((word) => this.#text(word, state)).filter((word) => word !== '--') : []
      if (words.length === 2 && words[0] === 'basename') return baseName(words[1]!)
      if (words.length === 2 && words[0] === 'dirname') return directoryName(words[1]!)
      if (words[0] === 'echo' && words.length === 2) return words[1]!
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error
    }
    return `${UNKNOWN}$(${source})${UNKNOWN}`
  }

  // --- simple commands -------------------------------------------------------------------------------------------------

  #simple(node: Extract<Node, { type: 'simple' }>, state: State): State[] {
    let begun = state
    if (node.assignments.length > 0) {
      const variables = new Map(state.variables)
      for (const [name, word] of node.assignments) variables.set(name, this.#text(word, { ...state, variables }))
      begun = { ...state, variables }
    }
    const words = node.words.flatMap((word) => {
      const text = this.#text(word, begun)
      return text === `${UNKNOWN}@${UNKNOWN}` ? positional(begun) : [text]
    })
    const kept = node.words.length > 0 ? { ...begun, variables: state.variables } : begun
    const ends = words.length === 0 ? this.#assigned(node, begun) : this.#command(words, node.redirects, kept, begun)
    if (node.redirects.length === 0) return ends
    return this.#redirected(node.redirects, words[0] ?? 'cat', kept, ends)
  }

  /** An assignment has the status of the last command substitution in it. */
  #assigned(node: Extract<Node, { type: 'simple' }>, state: State): State[] {
    const output = node.assignments.flatMap(([, word]) => word.parts).filter((part) => part.kind === 'output').at(-1)
    if (output?.kind !== 'output') return [success(state)]
    const inner = this.#sub(output.source, state)
    return inner.map((end) => ({ ...end, exited: state.exited, variables: state.variables, options: state.options }))
  }

  /** Output into a file: a store, where the file's name follows the WAL file's. */
  #redirected(redirects: readonly Redirect[], program: string, before: State, ends: readonly State[]): State[] {
    const output = redirects.find((redirect) => redirect.descriptor === 1 && ['>', '>>', '>|', '&>'].includes(redirect.operator))
    const input = redirects.find((redirect) => redirect.operator === '<')
    if (input !== undefined) this.#source(this.#text(input.target, before))
    if (output === undefined) return [...ends]
    const target = normal(this.#path(this.#text(output.target, before)))
    const stores = target.includes(F) || target.includes(P) || (input !== undefined && this.#text(input.target, before).includes(P))
      || (READERS.has(this.#name(program)) && /^[^&]/.test(target) && target !== '/dev/null' && target.toLowerCase() !== 'nul')
    if (!stores || /^(?:\/dev\/(?:null|stdout|stderr)|nul|&\d)$/i.test(target) || isLog(target)) return [...ends]
    if (output.operator === '>>') this.problem('appends', shown(target))
    const tool = this.#name(program)
    const compressed = COMPRESSORS.has(tool)
    const existing = before.options.has('noclobber') && output.operator === '>' ? 'fail' : 'replace'
    return ends.filter((end) => end.status === 0).flatMap((end) => this.#store(end, {
      tool: compressed || tool === 'ssh' ? tool : tool === 'type' ? 'type' : tool, category: compressed ? 'known-tool' : 'copy', target, existing, atomic: 'no',
      durable: end.synced === 'after' ? 'yes' : 'no',
    })).concat(ends.filter((end) => end.status !== 0))
  }

  /** Where cmd.exe's paths are concerned, one kind of separator. */
  #path(text: string): string {
    return this.options.shell === 'cmd' ? text.replaceAll('\\', '/') : text
  }

  #name(program: string): string {
    const base = this.#path(program).replace(/^.*\//, '')
    return this.options.shell === 'cmd' ? base.toLowerCase().replace(/\.(?:exe|com)$/, '') : base.replace(/\.exe$/i, '')
  }

  #command(words: readonly string[], redirects: readonly Redirect[], state: State, begun: State): State[] {
    const program = words[0]!
    const name = this.#name(program)
    const rest = words.slice(1)
    const body = this.#functions.get(program)
    if (body !== undefined && this.#depth < MOST_DEPTH) {
      this.#depth++
      const variables = new Map(state.variables)
      rest.forEach((word, index) => variables.set(String(index + 1), word))
      const ends = this.run(body, [{ ...state, variables }], true)
      this.#depth--
      return ends.map((end) => end.options.has('returned') ? { ...end, exited: false, options: without(end.options, 'returned'), variables: restore(end.variables, state.variables) } : { ...end, variables: restore(end.variables, state.variables) })
    }
    if (name === 'test' || name === '[' || name === '[[') return this.#test(name === 'test' ? rest : rest.slice(0, -1), state)
    if (name === 'exit' || name === 'return') {
      const value = this.options.shell === 'cmd' ? rest.find((word) => /^-?\d+$/.test(word)) : rest[0]
      const status = value === undefined || !/^-?\d+$/.test(value)
        ? (value === undefined ? [state.status] : [0 as const, 1 as const])
        : [Number(value) === 0 ? 0 as const : (Number(value) & 255) > 125 ? 255 as const : 1 as const]
      return status.map((code) => ({ ...state, status: code, exited: true, options: name === 'return' ? new Set([...state.options, 'returned']) : state.options }))
    }
    if (name === 'false') return [failure(state)]
    if (name === 'set' && this.options.shell === 'sh') return [success(state, { options: shellOptions(state.options, rest), variables: rest.includes('--') ? new Map([...state.variables].filter(([key]) => !/^\d+$/.test(key))) : state.variables })]
    if (name === 'shift') return [success(state, { variables: shifted(state.variables, Number(rest[0] ?? 1)) })]
    if (ALWAYS_TRUE.has(name)) return [success(state)]
    if (name === 'cmp' || name === 'diff' || name === 'fc' || name === 'comp') return this.#compare(rest, state)
    if (name === 'sync' || name === 'fsync') return [success(state, { synced: state.store === undefined && state.variables.get(' written') === undefined ? 'before' : 'after' }), failure(state)]
    if (name === 'eval') return this.#sub(rest.join(' '), state)
    if (name === 'cat' || name === 'type' || name === 'tee') return this.#cat(name, rest, state)
    if (WRAPPERS.has(name)) return this.#wrapped(name, rest, redirects, state, begun)
    if (SHELLS.has(name) || name === 'cmd' || name === '.' || name === 'source') return this.#shell(name, rest, state)
    if (name === 'ssh') return this.#ssh(rest, redirects, state)
    if (/^(?:export|readonly|local|declare|typeset)$/.test(name) && rest.some((word) => word.startsWith('PATH='))) this.#apart++
    // What a shell has built in takes no WAL file.
    if (this.#apart === 0 && this.options.shell === 'sh' && /^[\w.+-]+$/.test(program) && !state.variables.has('PATH') && !begun.variables.has('PATH') && rest.some((word) => word.includes(P) || word.includes(F))) this.lookedUp.add(program)
    const archiver = archiverNamed(name)
    if (archiver !== undefined) return this.#archiver(archiver, rest, state, begun)
    const uploader = UPLOADERS.get(name)
    if (uploader !== undefined) return this.#uploader(uploader.tool, uploader.verb, rest, redirects, state)
    const copier = this.#copier(name, rest, redirects, state)
    if (copier !== undefined) return copier
    if (NEUTRAL.has(name)) return [success(state), failure(state)]
    return this.#foreign(program, name, rest, state)
  }

  #existence(path: string, state: State): State[] {
    const target = normal(path)
    if (!target.includes(F) || isSource(target)) return [success(state), failure(state)]
    const there = success(state, { present: new Set([...state.present, target]) })
    const not = failure(state, { absent: new Set([...state.absent, target]) })
    if (state.present.has(target)) return [there]
    if (state.absent.has(target)) return [not]
    return [there, not]
  }

  #test(words: readonly string[], state: State): State[] {
    const both = [success(state), failure(state)]
    for (const [word, all] of [['-o', false], ['-a', true]] as const) {
      const at = words.indexOf(word, 1)
      if (at < 1 || at === words.length - 1) continue
      const left = this.#test(words.slice(0, at), state)
      return left.flatMap((end) => (end.status === 0) === all ? this.#test(words.slice(at + 1), { ...end, status: 0 }) : [end])
    }
    if (words[0] === '!') return this.#test(words.slice(1), state).map((end) => ({ ...end, status: end.status === 0 ? 1 : 0 }))
    const inner = words[0] === '(' && words.at(-1) === ')' ? this.#test(words.slice(1, -1), state) : undefined
    if (inner !== undefined) return inner
    if (words.length === 3 && /^\d+$/.test(words[0]!) && /^\d+$/.test(words[2]!)) {
      const holds = compareNumbers(Number(words[0]), words[1]!, Number(words[2]))
      return holds === undefined ? both : [holds ? success(state) : failure(state)]
    }
    if (words.length !== 2) return both
    if (['-f', '-e', '-s', '-r', '-a'].includes(words[0]!)) return this.#existence(words[1]!, state)
    return both
  }

  #compare(words: readonly string[], state: State): State[] {
    const files = words.filter((word) => !/^-\w/.test(word) && !/^\/\w$/.test(word))
    if (!files.some((file) => file.includes(F)) && !files.some((file) => file.includes(P))) return [success(state), failure(state)]
    this.compares = true
    // The same: it exists. Not the same: it may not exist at all.
    const target = files.map((file) => normal(this.#path(file))).find((file) => file.includes(F) && !isSource(file))
    const same = success(state, { identical: true, present: new Set([...state.present, ...(target === undefined ? [] : [target])]) })
    return target !== undefined && state.absent.has(target) ? [failure(state)] : [same, failure(state)]
  }

  #cat(name: string, words: readonly string[], state: State): State[] {
    const files = words.filter((word) => !word.startsWith('-'))
    if (name !== 'tee') {
      for (const file of files) this.#source(file)
      return [success(state), failure(state)]
    }
    const target = files[0]
    if (target === undefined || !target.includes(F)) return [success(state), failure(state)]
    return this.#store(state, { tool: 'tee', category: 'copy', target: normal(target), existing: 'replace', atomic: 'no' })
  }

  #wrapped(name: string, words: readonly string[], redirects: readonly Redirect[], state: State, begun: State): State[] {
    const takesWord = WRAPPERS.get(name)!
    let operands = WRAPPER_OPERANDS.get(name) ?? 0
    let at = 0
    let kills = false
    if (name === 'command' && /^-[vV]$/.test(words[0] ?? '')) return [success(state), failure(state)]
    for (; at < words.length; at++) {
      const word = words[at]!
      if (word === '--' && operands === 0) {
        at++
        break
      }
      if (word.startsWith('-') && word !== '-') {
        if (name === 'timeout' && (/^(?:-s|--signal)$/.test(word) ? /KILL|^9$/ : /$^/).test(words[at + 1] ?? '')) kills = true
        if (name === 'timeout' && /^(?:-s|--signal=)(?:SIG)?(?:KILL|9)$|^(?:-k|--kill-after)/.test(word)) kills = true
        if (takesWord.test(word)) at++
        if (name === 'flock' && word === '-c') break
        continue
      }
      if ((name === 'env' || name === 'sudo' || name === 'doas') && /^\w+=/.test(word)) continue
      if (operands === 0) break
      operands--
    }
    const rest = words.slice(at)
    if (rest.length === 0) return [success(state)]
    if (name === 'aws-vault') {
      const dashes = rest.indexOf('--')
      return dashes < 0 ? this.#foreign(name, name, words, state) : this.#command(rest.slice(dashes + 1), redirects, state, begun)
    }
    const apart = APART.has(name)
    if (apart) this.#apart++
    let ends = name === 'flock' && rest.length === 1 && rest[0]!.includes(' ') ? this.#sub(rest[0]!, state) : this.#command(rest, redirects, state, begun)
    if (apart) this.#apart--
    if (kills) ends = [...ends, { ...state, status: 255 }]
    else if (name === 'timeout' || name === 'flock' || name === 'sudo') ends = [...ends, failure(state)]
    return name === 'exec' ? ends.map((end) => ({ ...end, exited: true })) : ends
  }

  #sub(source: string, state: State): State[] {
    if (this.#depth >= MOST_DEPTH) {
      this.opaque = true
      return [success(state), failure(state)]
    }
    this.#depth++
    try {
      const ends = this.run(this.options.shell === 'cmd' ? parseCmd(source) : parseSh(source), [state], false)
      return ends.map((end) => ({ ...end, exited: state.exited, options: state.options }))
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error
      this.opaque = true
      return [success(state), failure(state)]
    } finally {
      this.#depth--
    }
  }

  #shell(name: string, words: readonly string[], state: State): State[] {
    if (name === 'cmd') {
      const at = words.findIndex((word) => /^\/c$/i.test(word))
      return this.#sub(words.slice(at + 1).map((word) => words.slice(at + 1).length > 1 && /\s/.test(word) ? `"${word}"` : word).join(' '), state)
    }
    if (name === '.' || name === 'source') return this.#sourced(words, state)
    let options = new Set<string>()
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!
      if (/^-\w*c$/.test(word)) {
        options = new Set(shellOptions(options, [word.replace('c', '')]))
        const inner = new Map([...state.variables].filter(([key]) => !/^\d$/.test(key)))
        words.slice(at + 2).forEach((argument, index) => inner.set(String(index), argument))
        return this.#sub(words[at + 1] ?? '', { ...state, options, variables: inner }).map((end) => ({ ...end, options: state.options, variables: state.variables }))
      }
      if (/^[-+]/.test(word)) {
        options = new Set(shellOptions(options, word.endsWith('o') ? [word, words[at + 1] ?? ''] : [word]))
        if (word.endsWith('o')) at++
        continue
      }
      return this.#script(word, words.slice(at + 1), state, options)
    }
    this.opaque = true
    return [success(state), failure(state)]
  }

  /** Runs in the shell itself. A file that cannot be read is taken for one that sets variables, as such files do. */
  #sourced(words: readonly string[], state: State): State[] {
    const text = words[0] === undefined || words[0].includes(UNKNOWN) ? undefined : this.options.script?.(words[0])
    if (text === undefined || this.#depth >= MOST_DEPTH) {
      this.#apart++
      return [success(state), failure(state)]
    }
    this.#depth++
    try {
      return [...this.run(parseSh(text), [state], true)]
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error
      return [failure(state)]
    } finally {
      this.#depth--
    }
  }

  #script(path: string, words: readonly string[], state: State, options: ReadonlySet<string> = new Set()): State[] {
    const file = path.includes(UNKNOWN) ? undefined : path
    const text = file === undefined ? undefined : this.options.script?.(file)
    const own = text === undefined ? undefined : this.options.own(text)
    if (own !== undefined || (text === undefined && this.#name(path) === this.options.ownName)) {
      this.scripts.push(shown(path))
      const archive = own?.archiveDir
      if (own === undefined) this.opaque = true
      // cmd.exe has no command that waits for the disk.
      return this.#store(state, {
        tool: 'pgwal', category: 'pgwal', target: archive === undefined ? undefined : `${archive}/${F}`, existing: own === undefined ? 'unknown' : 'fail',
        atomic: own === undefined ? 'unknown' : 'yes', durable: own === undefined ? 'unknown' : this.options.shell === 'cmd' ? 'no' : 'yes', failing: 255,
      })
    }
    this.scripts.push(shown(path))
    const interpreter = /^#!\s*(\S+)(?:\s+(\S+))?/.exec(text ?? '')
    const runs = interpreter === null ? undefined : this.#name(interpreter[1]!) === 'env' ? interpreter[2] : this.#name(interpreter[1]!)
    if (text === undefined || text.includes('\0') || (runs !== undefined && !SHELLS.has(this.#name(runs)))) return this.#unreadable(path, words, state)
    if (this.options.shell === 'cmd') return this.#unreadable(path, words, state)
    const flags = interpreter?.[2]?.startsWith('-') === true ? shellOptions(options, [interpreter[2]]) : options
    const variables = new Map<string, string>([['0', path], ['#', String(words.length)]])
    words.forEach((word, index) => variables.set(String(index + 1), word))
    return this.#sub(text, { ...state, variables, options: flags, exited: false }).map((end) => ({ ...end, variables: state.variables, options: state.options }))
  }

  /** What runs is not visible: it may store, or not. */
  #unreadable(program: string, words: readonly string[], state: State): State[] {
    this.opaque = true
    this.external = true
    const stored: Store = { tool: this.#name(program), category: 'script', target: undefined, remote: false }
    const takesWal = words.some((word) => word.includes(P) || word.includes(F)) || words.length === 0
    const done = takesWal ? { store: stored, overwrites: 'unknown' as const, atomic: 'unknown' as const, synced: 'unknown' as const } : {}
    return [success(state, done), failure(state)]
  }

  #foreign(program: string, name: string, words: readonly string[], state: State): State[] {
    const interpreted = INTERPRETERS.has(name.replace(/[\d.]+$/, ''))
    const file = interpreted ? words.find((word) => !word.startsWith('-')) : program
    const takesWal = words.some((word) => word.includes(P) || word.includes(F))
    if (interpreted) {
      if (file !== undefined) this.scripts.push(shown(file))
      return this.#unreadable(file ?? program, words, state)
    }
    if (/[\\/]/.test(program) || /\.(?:sh|bash|ksh|py|pl|rb|bat|cmd|ps1)$/i.test(program)) return this.#script(program, words, state)
    if (!takesWal) {
      this.opaque = true
      return [success(state), failure(state)]
    }
    this.opaque = true
    this.external = true
    return [success(state, { store: { tool: name, category: 'unknown', target: undefined, remote: false }, overwrites: 'unknown', atomic: 'unknown', synced: 'unknown' }), failure(state)]
  }

  #archiver(archiver: ReturnType<typeof archiverNamed> & object, words: readonly string[], state: State, begun: State): State[] {
    if (archiver.verb !== undefined && !words.some((word) => archiver.verb!.test(word))) {
      this.opaque = true
      return [success(state), failure(state)]
    }
    const has = (what: string): boolean => words.some((word) => word.includes(what))
    if (archiver.needs.includes('p') && !has(P)) this.problem(has(F) ? 'f-as-source' : 'no-p', archiver.tool)
    if (archiver.needs.includes('f') && !has(F)) this.problem('no-f', archiver.tool)
    let overwrites = archiver.overwrites
    if (archiver.tool === 'pg_probackup' && words.includes('--overwrite')) overwrites = 'yes'
    if (archiver.tool === 'wal-g' && /^(?:1|true|on)$/i.test(begun.variables.get('WALG_PREVENT_WAL_OVERWRITE') ?? '')) overwrites = 'no'
    if (takesAhead(archiver.tool, words, begun.variables)) this.#ahead.add(archiver.tool)
    return this.#store(state, {
      tool: archiver.tool, category: 'known-tool', target: undefined, remote: true, atomic: archiver.atomic, durable: archiver.durable,
      existing: overwrites === 'no' ? 'fail' : overwrites === 'yes' ? 'replace' : 'unknown',
    })
  }

  #uploader(tool: string, verb: RegExp, words: readonly string[], redirects: readonly Redirect[], state: State): State[] {
    if (!words.some((word) => verb.test(word))) {
      this.opaque = true
      return [success(state), failure(state)]
    }
    const paths = words.filter((word) => word.includes(P) || word.includes(F))
    for (const path of paths.slice(0, 1)) if (!path.includes('://') && redirects.length === 0) this.#source(path)
    const target = words.filter((word) => /^[a-z0-9]+:\/\//.test(word)).at(-1)
    if (target !== undefined && !target.includes(F) && !target.includes(P) && !target.endsWith('/')) this.problem('fixed-target', shown(target))
    const skips = words.some((word) => /^(?:--no-clobber|--skip-existing)$/.test(word) || (word === '-n' && tool.startsWith('g')))
    const existing = skips ? 'skip' : words.includes('--if-none-match') ? 'fail' : tool === 'az' && !words.includes('--overwrite') ? 'unknown' : 'replace'
    return this.#store(state, { tool, category: 'known-tool', target: undefined, remote: true, existing, atomic: 'yes', durable: 'yes' })
  }

  #ssh(words: readonly string[], redirects: readonly Redirect[], state: State): State[] {
    let at = 0
    for (; at < words.length; at++) {
      const word = words[at]!
      if (!word.startsWith('-')) break
      if (/^-[bcDEeFIiJLlmOopQRSWw]$/.test(word)) at++
    }
    const remote = words.slice(at + 1).join(' ')
    const before = this.opaque
    this.#apart++
    const ends = this.#sub(remote, state)
    this.#apart--
    this.opaque = before
    const input = redirects.find((redirect) => redirect.operator === '<')
    if (input !== undefined) this.#source(this.#text(input.target, state))
    const lost = { ...state, status: 255 as const }
    if (ends.some((end) => end.store !== state.store && end.store?.category !== 'script' && end.store?.category !== 'unknown')) {
      return [...ends.map((end) => end.store === state.store ? end : { ...end, store: { ...end.store!, tool: 'ssh', category: 'known-tool' as const, remote: true } }), lost]
    }
    return [...this.#store(state, { tool: 'ssh', category: 'known-tool', target: undefined, remote: true, existing: 'unknown', atomic: 'unknown', durable: 'unknown', failing: 255 })]
  }

  // --- programs that copy ----------------------------------------------------------------------------------------------

  #source(path: string): void {
    const plain = normal(this.#path(path)).replace(/^\.\//, '')
    if (plain === F) this.problem('f-as-source', shown(path))
    if (isLive(plain)) this.reads = true
  }

  /** A file copied into a directory keeps its name: F where the source is the WAL file, or else the source's own. */
  #into(source: string, target: string): string {
    const path = normal(this.#path(target))
    if (path.includes(F) && baseName(path) === F) return path
    if (/\/$|\/\.$/.test(this.#path(target)) || path === '.' || path === '..') return normal(`${path}/${baseName(this.#path(source))}`)
    return path
  }

  #copier(name: string, words: readonly string[], redirects: readonly Redirect[], state: State): State[] | undefined {
    const flag = (pattern: RegExp): boolean => words.some((word) => pattern.test(word))
    switch (name) {
      case 'cp':
      case 'install':
      case 'ginstall':
      case 'gcp': {
        const { operands, directory } = operandsOf(words, name === 'cp' ? /^(?:-t|-S|--target-directory|--suffix)$/ : /^(?:-m|-o|-g|-t|-S|--mode|--owner|--group)$/)
        const source = operands[0]
        const target = directory ?? operands.at(-1)
        if (source === undefined || target === undefined || (directory === undefined && operands.length < 2)) return this.#incomplete(name, words, state)
        const skips = flag(/^-[a-zA-Z]*[ni][a-zA-Z]*$|^--no-clobber$|^--interactive$|^--update=none$/) && name === 'cp'
        const refuses = flag(/^--update=none-fail$/)
        if (flag(/^-[a-zA-Z]*[ls][a-zA-Z]*$|^--link$|^--symbolic-link$/) && name === 'cp') this.problem('touches-source', name)
        return this.#file(state, { tool: name, category: 'copy', existing: refuses ? 'fail' : skips ? 'skip' : 'replace', atomic: 'no' }, source, directory === undefined ? target : `${target}/`)
      }
      case 'mv':
      case 'move':
      case 'ren':
      case 'rename': {
        const { operands } = operandsOf(name === 'mv' ? words : words.filter((word) => !/^\/-?\w$/.test(word)), /^(?:-t|-S)$/)
        const [source, target] = [operands[0], operands.at(-1)]
        if (source === undefined || target === undefined || operands.length < 2) return this.#incomplete(name, words, state)
        if (isLive(source)) {
          this.problem('touches-source', name)
          return this.#file(state, { tool: name, category: 'copy', existing: 'replace', atomic: 'unknown' }, source, target)
        }
        const skips = flag(/^-[a-zA-Z]*[ni]$|^--no-clobber$|^\/-y$/i)
        return this.#publish(state, name, source, target, skips ? 'skip' : name === 'ren' || name === 'rename' ? 'fail' : 'replace')
      }
      case 'ln':
      case 'link': {
        const { operands } = operandsOf(words, /^(?:-t|-S)$/)
        const [source, target] = [operands[0], operands.at(-1)]
        if (source === undefined || target === undefined || operands.length < 2) return this.#incomplete(name, words, state)
        if (isLive(source) || flag(/^-[a-zA-Z]*s/)) {
          this.problem('touches-source', name)
          return this.#file(state, { tool: name, category: 'copy', existing: flag(/^-[a-zA-Z]*f/) ? 'replace' : 'fail', atomic: 'yes' }, source, target)
        }
        return this.#publish(state, name, source, target, flag(/^-[a-zA-Z]*f/) ? 'replace' : 'fail')
      }
      case 'dd': {
        const value = (key: string): string | undefined => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1)
        const target = value('of')
        const syncs = /fsync|fdatasync|sync/.test(`${value('conv') ?? ''},${value('oflag') ?? ''}`.replace(/(?:^|,)sync(?=,|$)(?!.*oflag)/, ''))
        const from = value('if')
        if (from !== undefined) this.#source(from)
        if (target === undefined) return [success(state, syncs ? { synced: 'after' } : {}), failure(state)]
        return this.#file(state, { tool: 'dd', category: 'copy', existing: /excl/.test(value('conv') ?? '') ? 'fail' : 'replace', atomic: 'no', durable: syncs ? 'unknown' : 'no' }, from ?? P, target)
      }
      case 'rsync': {
        const { operands } = operandsOf(words, /^(?:-e|--rsh|-f|--filter|--exclude|--include|--rsync-path|--password-file|--timeout|--contimeout|--bwlimit|-T|--temp-dir|--port|--chmod|--chown|--log-file|--partial-dir|--files-from|--compare-dest|--backup-dir|--suffix)$/)
        const [source, target] = [operands[0], operands.at(-1)]
        if (source === undefined || target === undefined || operands.length < 2) return this.#incomplete(name, words, state)
        if (flag(/^--remove-source-files$/)) this.problem('touches-source', name)
        const remote = isRemote(target)
        return this.#file(state, {
          tool: name, category: 'known-tool', remote, existing: flag(/^--(?:ignore-existing|existing)$/) ? 'skip' : 'replace',
          atomic: flag(/^--inplace$|^--append/) ? 'no' : 'yes', durable: flag(/^--fsync$/) ? 'yes' : 'no', failing: remote ? 255 : 1,
        }, source, target)
      }
      case 'scp':
      case 'pscp':
      case 'sftp':
      case 'rcp': {
        const { operands } = operandsOf(words, /^-[cFiJlmoPSXDb]$/)
        const [source, target] = [operands[0], operands.at(-1)]
        if (name === 'sftp' || source === undefined || target === undefined || operands.length < 2) {
          return this.#store(state, { tool: name, category: 'known-tool', target: undefined, remote: true, existing: 'unknown', atomic: 'unknown', durable: 'unknown', failing: 255 })
        }
        return this.#file(state, { tool: name, category: 'known-tool', remote: isRemote(target), existing: 'replace', atomic: 'no', failing: isRemote(target) ? 255 : 1 }, source, target)
      }
      case 'rclone': {
        const { operands } = operandsOf(words, /^(?:--config|--bwlimit|--transfers|--retries|--timeout|--log-file|--log-level|--contimeout)$/)
        const [verb, source, target] = operands
        if (verb === 'rcat') return this.#store(state, { tool: name, category: 'known-tool', target: undefined, remote: true, existing: 'replace', atomic: 'yes', durable: 'unknown' })
        if (!/^(?:copy|copyto|move|moveto|sync)$/.test(verb ?? '') || source === undefined || target === undefined) return this.#incomplete(name, words, state)
        if (verb!.startsWith('move')) this.problem('touches-source', name)
        if (verb!.endsWith('to') && !target.includes(F) && !target.includes(P)) this.problem('fixed-target', shown(target))
        this.#source(source)
        return this.#store(state, { tool: name, category: 'known-tool', target: undefined, remote: true, existing: flag(/^--immutable$/) ? 'fail' : flag(/^--ignore-existing$/) ? 'skip' : 'replace', atomic: 'yes', durable: 'unknown' })
      }
      case 'curl':
      case 'wget': {
        const uploads = flag(/^(?:-T|--upload-file|--data-binary|--post-file|--body-file)/)
        if (!uploads) return undefined
        const honest = name === 'wget' || flag(/^(?:-[a-zA-Z]*f[a-zA-Z]*|--fail|--fail-with-body|--fail-early)$/)
        const ends = this.#store(state, { tool: name, category: 'known-tool', target: undefined, remote: true, existing: 'unknown', atomic: 'unknown', durable: 'unknown' })
        return honest ? ends : [...ends, success(state, { failed: 'hides-failure' })]
      }
      case 'copy':
      case 'xcopy':
        if (this.options.shell !== 'cmd') return undefined
        return this.#windowsCopy(name, words, state)
      case 'robocopy': {
        this.problem('odd-exit-codes', name)
        return this.#store(state, { tool: name, category: 'copy', target: undefined, existing: 'replace', atomic: 'no' })
      }
      case 'tar':
      case 'cpio':
      case 'pax':
      case 'borg':
      case 'restic':
      case 'lftp':
      case 'ftp':
      case 'nc':
      case 'ncat':
      case 'socat':
      case 'smbclient':
      case 'split':
        if (!words.some((word) => word.includes(P) || word.includes(F)) && name !== 'ncat' && name !== 'nc' && name !== 'socat') return undefined
        return this.#store(state, { tool: name, category: 'known-tool', target: undefined, remote: name !== 'tar' && name !== 'cpio' && name !== 'pax', existing: 'unknown', atomic: 'unknown', durable: 'unknown' })
      default:
        return COMPRESSORS.has(name) ? this.#compressor(name, words, redirects, state) : undefined
    }
  }

  #windowsCopy(name: string, words: readonly string[], state: State): State[] {
    const operands = words.filter((word) => !/^\/-?[a-z](?::\S*)?$/i.test(word))
    const [source, target] = [operands[0], operands.at(-1)]
    if (source === undefined || target === undefined || operands.length < 2) return this.#incomplete(name, words, state)
    const answers = words.some((word) => /^\/y$/i.test(word))
    if (name === 'xcopy') {
      // Without a trailing backslash xcopy asks whether the target is a file or a directory.
      if (!/[\\/]$/.test(target) && !words.some((word) => /^\/i$/i.test(word))) this.problem('prompts', name)
    }
    // Within cmd /c, copy asks before it replaces, unless COPYCMD or /Y says otherwise: what happens here cannot be told.
    return this.#file(state, { tool: name, category: 'copy', existing: answers ? 'replace' : 'unknown', atomic: 'no' }, source, target)
  }

  #compressor(name: string, words: readonly string[], redirects: readonly Redirect[], state: State): State[] {
    const toOutput = words.some((word) => /^-[a-zA-Z0-9]*c[a-zA-Z0-9]*$|^--(?:stdout|to-stdout)$/.test(word))
    const output = words.findIndex((word) => /^(?:-o|--output|-out|-O)$/.test(word))
    const target = output >= 0 ? words[output + 1] : words.find((word) => /^(?:-o.+|--output=)/.test(word) && word.includes(F))?.replace(/^(?:--output=|-o)/, '')
    const files = words.filter((word, index) => !word.startsWith('-') && index !== output + 1 - (output < 0 ? 1e6 : 0) && (word.includes(P) || word.includes(F)))
    if (target !== undefined) {
      for (const file of files.slice(0, 1)) this.#source(file)
      const refuses = name === 'zstd' && !words.some((word) => /^-[a-zA-Z0-9]*f/.test(word))
      return this.#file(state, { tool: name, category: 'known-tool', existing: refuses ? 'fail' : name === 'lz4' || name === 'gpg' ? 'unknown' : 'replace', atomic: 'no' }, P, target)
    }
    if (toOutput || files.length === 0 || redirects.some((redirect) => redirect.operator === '<')) {
      for (const file of files) this.#source(file)
      return [success(state), failure(state)]
    }
    if (files.length === 2) return this.#file(state, { tool: name, category: 'known-tool', existing: 'unknown', atomic: 'no' }, files[name.startsWith('7z') || name === 'zip' ? 1 : 0]!, files[name.startsWith('7z') || name === 'zip' ? 0 : 1]!)
    if (isLive(files[0]!) && REMOVING_COMPRESSORS.has(name) && !words.some((word) => /^-[a-zA-Z0-9]*k|^--keep$/.test(word))) this.problem('touches-source', name)
    const copied = state.variables.get(' written')
    // Compressing what was copied before: the copy gets a suffix.
    if (copied !== undefined && normal(files[0]!) === copied) return this.#publish(state, name, copied, `${copied}.${name === 'gzip' || name === 'pigz' ? 'gz' : name}`, 'fail')
    return this.#store(state, { tool: name, category: 'known-tool', target: undefined, existing: 'unknown', atomic: 'unknown' })
  }

  /** Too few operands for the program to do anything. */
  #incomplete(name: string, words: readonly string[], state: State): State[] {
    if (words.some((word) => word.includes(UNKNOWN))) {
      this.opaque = true
      this.external = true
      return [success(state, { store: { tool: name, category: 'copy', target: undefined, remote: false }, overwrites: 'unknown', atomic: 'unknown', synced: 'unknown' }), failure(state)]
    }
    return [failure(state, { failed: 'hides-failure' })]
  }

  #file(state: State, how: Omit<StoreOptions, 'target'>, source: string, to: string): State[] {
    // Between other files, this is no business of archiving.
    if (![source, to].some((path) => path.includes(P) || path.includes(F) || path.includes(UNKNOWN)) && !/pg_wal|pg_xlog/.test(source)) return [success(state), failure(state)]
    this.#source(source)
    const target = how.remote === true ? undefined : this.#into(source, to)
    if (how.remote === true && !to.includes(F) && !/[/:]$/.test(to)) this.problem('maybe-fixed-target', shown(to))
    return this.#store(state, { ...how, target, spool: SPOOL.test(target ?? to) })
  }

  /** A file that was written before gets its final name. */
  #publish(state: State, name: string, source: string, to: string, existing: StoreOptions['existing']): State[] {
    const target = this.#into(source, to)
    if (!target.includes(F) && !target.includes(UNKNOWN) && !source.includes(F)) return [success(state), failure(state)]
    const store = state.store
    return this.#store(state, {
      tool: store === undefined ? name : store.tool, category: store === undefined ? 'copy' : store.category, target, remote: store?.remote ?? false, existing,
      atomic: REMOVING_COMPRESSORS.has(name) ? 'no' : 'yes', durable: state.synced === 'no' ? 'no' : 'unknown',
      moves: source.includes(UNKNOWN) || normal(this.#path(source)) === state.variables.get(' written'),
    })
  }

  #store(state: State, how: StoreOptions): State[] {
    const { target } = how
    if (target !== undefined && target.includes(P)) this.problem('p-in-target', shown(target))
    const free = target !== undefined && state.absent.has(target)
    const there = target !== undefined && state.present.has(target)
    const overwrites: Answer = free ? 'no' : how.existing === 'replace' ? 'yes' : how.existing === 'unknown' ? 'unknown' : 'no'
    const published = state.store !== undefined
    const ahead = [how.tool, ...(published ? [state.store.tool] : [])].find((tool) => this.#ahead.has(tool))
    if (published && ahead !== undefined) this.problem('takes-ahead', ahead)
    const done = success(state, {
      store: { tool: how.tool, category: how.category, target, remote: how.remote ?? false, ...(how.spool === true ? { spool: true } : {}) },
      overwrites: published && how.moves !== true ? worse(state.overwrites, overwrites) : overwrites,
      atomic: how.atomic,
      synced: how.durable === 'yes' ? 'after' : how.durable === 'unknown' ? (published && state.synced !== 'no' ? 'before' : 'unknown') : published && state.synced !== 'no' ? 'before' : 'no',
      variables: new Map([...state.variables, ...(target === undefined ? [] : [[' written', target] as const])]),
    })
    const failed: State = { ...state, status: how.failing ?? 1, failed: state.failed ?? 'hides-failure' }
    const ends = [done, failed]
    if (how.existing === 'skip' && !free) return [...(there ? [] : ends), failed, success(state, { skipped: true, store: undefined })]
    if (how.existing === 'fail' && there) return [failed]
    return ends
  }
}

const READERS: ReadonlySet<string> = new Set(['cat', 'type', 'dd', 'gzip', 'pigz', 'zstd', 'lz4', 'bzip2', 'xz', 'openssl', 'gpg'])

function compareNumbers(left: number, operator: string, right: number): boolean | undefined {
  switch (operator) {
    case '-eq': case '=': case '==': return left === right
    case '-ne': case '!=': return left !== right
    case '-gt': return left > right
    case '-ge': return left >= right
    case '-lt': return left < right
    case '-le': return left <= right
    default: return undefined
  }
}

function baseName(path: string): string {
  const base = path.replace(/\/+$/, '').replace(/^.*\//, '')
  return base === P ? F : base
}

function directoryName(path: string): string {
  if (path === P) return 'pg_wal'
  const cut = path.replace(/\/+$/, '').replace(/\/?[^/]*$/, '')
  return cut === '' ? (path.startsWith('/') ? '/' : '.') : cut
}

/** The live file: pg_wal is the server's working directory's own. */
function isLive(path: string): boolean {
  return path === P || path.endsWith(`/${P}`) || /(?:^|\/)pg_(?:wal|xlog)\//.test(path)
}

const isSource = (path: string): boolean => isLive(path) || path === F
const isRemote = (path: string): boolean => /^(?:[^/:]+@)?[^/:]{2,}::?|^[a-z]+:\/\//i.test(path)
const isLog = (path: string): boolean => /\.(?:log|err|out|txt)$/i.test(path)

/** A path as a person wrote it. */
export function shown(text: string): string {
  return text.replaceAll(P, '%p').replaceAll(F, '%f').replace(/\uE002(\$\([^\uE002]*\)|[^\uE002]*)\uE002/g, (_all, inside: string) => inside.startsWith('$') ? inside : `$${inside}`)
}

export function isKnownPath(text: string): boolean {
  return !text.includes(UNKNOWN)
}

function operandsOf(words: readonly string[], takesWord: RegExp): { operands: string[]; directory: string | undefined } {
  const operands: string[] = []
  let directory: string | undefined
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') {
      operands.push(...words.slice(at + 1))
      break
    }
    if (word.startsWith('--target-directory=')) directory = word.slice('--target-directory='.length)
    else if (takesWord.test(word)) {
      at++
      if (/^(?:-t|--target-directory)$/.test(word)) directory = words[at]
    } else if (!/^-./.test(word)) operands.push(word)
  }
  return { operands, directory }
}

function shellOptions(options: ReadonlySet<string>, words: readonly string[]): ReadonlySet<string> {
  const result = new Set(options)
  for (const [index, word] of words.entries()) {
    const found = /^([-+])([a-zA-Z]+)$/.exec(word)
    if (found === null) continue
    for (const letter of found[2]!) {
      const name = letter === 'e' ? 'errexit' : letter === 'C' ? 'noclobber' : letter === 'o' ? words[index + 1] ?? '' : ''
      if (name === '') continue
      if (found[1] === '-') result.add(name)
      else result.delete(name)
    }
  }
  return result
}

function positional(state: State): string[] {
  const words: string[] = []
  for (let at = 1; state.variables.has(String(at)); at++) words.push(state.variables.get(String(at))!)
  return words.length === 0 ? [`${UNKNOWN}@${UNKNOWN}`] : words
}

function shifted(variables: ReadonlyMap<string, string>, by: number): ReadonlyMap<string, string> {
  return new Map([...variables].flatMap(([key, value]): [string, string][] => /^[1-9]\d*$/.test(key) ? (Number(key) > by ? [[String(Number(key) - by), value]] : []) : [[key, value]]))
}

function without(options: ReadonlySet<string>, name: string): ReadonlySet<string> {
  return new Set([...options].filter((option) => option !== name))
}

/** After a function: its variables stay, the caller's arguments come back. */
function restore(inner: ReadonlyMap<string, string>, outer: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...[...inner].filter(([key]) => !/^\d+$/.test(key)), ...[...outer].filter(([key]) => /^\d+$/.test(key))])
}

