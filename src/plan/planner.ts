// From what is and what should be to what has to be done: pure, and the same for doctor's fixes and enable.
import { withReadWritePath } from '../platforms/sandbox.ts'
import type { SandboxAccess } from '../platforms/sandbox.ts'
import type { Cluster, Service } from '../platforms/platform.ts'
import { archiveScripting } from '../postgres/archive-command/index.ts'
import type { Shell } from '../postgres/archive-command/index.ts'
import { applyChange, changedFiles, checkLoads, planSetting } from '../postgres/conf/index.ts'
import type { Change, Configuration } from '../postgres/conf/index.ts'
import { encode } from '../postgres/conf/text.ts'
import { decide, insertReplicationRules } from '../postgres/hba/index.ts'
import type { HbaFile, HbaKnowledge, InsertionRefusal } from '../postgres/hba/index.ts'
import { parseValue, sameValue, settingInfo } from '../postgres/settings/index.ts'
import { sameBytes } from './bytes.ts'
import type { Goal } from './goal.ts'
import type { Params, Refusal } from './happening.ts'
import type { FileState, MakeDirectoryStep, Plan, SqlStep, Step, WriteFileStep } from './plan.ts'

/** What is known of the directory that shall hold the archive. */
export interface ArchivePlace {
  /** As it will stand in the script. */
  readonly directory: string
  /** Links resolved as far as it exists. */
  readonly realPath: string
  readonly kind: 'absent' | 'directory' | 'other'
  /** Directories to make, the outermost first; the last one is `directory`. */
  readonly missing: readonly string[]
  /** The directory above the first missing one is root's, so that only root can make it. */
  readonly parentIsRoots: boolean
  /** Whether the owner can write into it, or, while it does not exist, make it. */
  readonly writable: { readonly ok: true } | { readonly ok: false; readonly code: string }
  /** A system identifier, decimal, of segments in it that is not this cluster's. */
  readonly foreign?: string
  /** macOS keeps it from what launchd starts, whatever its mode says. */
  readonly guarded?: boolean
  /** What empties it, a file system in memory or a directory that is cleaned, while the data stay. */
  readonly fleeting?: string
  /** Another cluster that archives into it. */
  readonly usedBy?: string
}

/** What the cluster's unit leaves of that directory to the server. */
export interface UnitSandbox {
  readonly unit: string
  readonly access: SandboxAccess
  /** The unit's line that decides, for people. */
  readonly because: string
  /** Our own file among the unit's drop-ins, and its present content. */
  readonly dropIn: string
  readonly before: Uint8Array | null
  /** Directories that must be made for it. */
  readonly missing: readonly string[]
}

export interface RoleState {
  readonly exists: boolean
  readonly login: boolean
  readonly replication: boolean
  readonly superuser: boolean
  readonly secret: 'none' | 'md5' | 'scram-sha-256' | 'other' | 'unknown'
}

export interface PlanInput {
  readonly cluster: Cluster
  readonly service: Service
  readonly goals: readonly Goal[]
  readonly configuration: Configuration
  readonly hba: HbaFile
  readonly hbaKnowledge?: HbaKnowledge
  /** The rules were changed after the server last read its files. */
  readonly hbaStale?: boolean
  /** Real paths of the data directory, pg_wal and tablespaces: no archive in there. */
  readonly dataPlaces: readonly string[]
  readonly archive?: ArchivePlace
  /** What fills an archive now. */
  readonly archiving?: NonNullable<Plan['effects']['endsArchive']>
  readonly sandbox?: UnitSandbox
  /** The shell that the server runs archive_command with; `sh` unless it says otherwise. */
  readonly shell?: Shell
  /** Where the archive script is, or is going to be. */
  readonly scriptPath: string
  /** Its present content; null when there is none. */
  readonly script: Uint8Array | null
  /** Decimal. */
  readonly systemIdentifier: string
  /** Bytes. */
  readonly segmentSize: number
  /** What the server runs with, by name as SHOW prints it (of archive_command the text even while it is off); undefined when it is down or not known. */
  readonly running?: ReadonlyMap<string, string>
  /** Of the replication role; undefined when it is not known. */
  readonly role?: RoleState
  /** Client connections that a restart drops. */
  readonly connections: number | null
  /** `dd` knows `conv=fsync`. */
  readonly ddCanSync?: boolean
  /** False for --no-restart. */
  readonly restart: boolean
  /** Files that only root may replace, because their directory is root's. */
  readonly rootsFiles: ReadonlySet<string>
  readonly sha256: (bytes: Uint8Array) => string
}

/** A plan; without steps when everything is as it should be. */
export type Planned = { readonly kind: 'plan'; readonly plan: Plan } | Refusal

/** What enable wants without being asked: see the manual's continuous-archiving page. */
const SCRIPT_MODE = 0o644
const ARCHIVE_MODE = 0o700
const PARENT_MODE = 0o755
const UNIT_MODE = 0o644
const ROOT = { name: 'root', uid: 0, gid: 0 }

export function makePlan(input: PlanInput): Planned {
  try {
    return { kind: 'plan', plan: new Planner(input).plan() }
  } catch (error) {
    if (error instanceof Refused) return error.refusal
    throw error
  }
}

class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.code)
  }
}

function refuse(code: Refusal['code'], params: Params): never {
  throw new Refused({ kind: 'refusal', code, params })
}

/** Programs that keep an archive of their own: a plain directory in their place would break the backups that they made. */
const ARCHIVE_TOOLS = /(?:^|[\s/'"=])(pgbackrest|barman-wal-archive|barman-cloud-wal-archive|wal-g|wal-e|pg_probackup|pgmoneta|pitrery|archive_xlog)(?=$|[\s'"])/

class Planner {
  private readonly directories: MakeDirectoryStep[] = []
  private readonly scripts: WriteFileStep[] = []
  private readonly dropIns: Step[] = []
  private opensSandbox = false
  private readonly statements: SqlStep[] = []
  private readonly alter = new Map<string, string>()
  private readonly settings = new Map<string, string>()
  private configuration: Configuration
  private hba: HbaFile
  private inForce = false
  private user = ''
  private readonly networks: string[] = []

  constructor(private readonly input: PlanInput) {
    this.configuration = input.configuration
    this.hba = input.hba
  }

  plan(): Plan {
    const { input } = this
    const { errors } = checkLoads(input.configuration, { walSegmentSize: input.segmentSize })
    if (errors[0] !== undefined) refuse('configuration-broken', { file: errors[0].file, line: errors[0].line, reason: errors[0].message })
    for (const goal of input.goals) this.reach(goal)
    const files = [...this.confSteps(), ...this.hbaSteps()]
    const changes: Step[] = [...this.directories, ...this.scripts, ...this.dropIns, ...files, ...this.alterSteps(), ...this.statements]
    const effects = this.effects(files.some(({ role }) => role === 'pg_hba.conf'))
    const units: Step[] = this.opensSandbox ? [{ kind: 'daemon-reload' }] : []
    const last: Step[] = effects.restart ? [{ kind: 'restart' }] : effects.reload ? [{ kind: 'reload' }] : []
    const archive = input.goals.find((goal) => goal.kind === 'archive')
    return {
      cluster: input.cluster, service: input.service, steps: [...changes, ...units, ...last], seen: this.seen(), effects, segmentSize: input.segmentSize,
      wanted: { archiveDirectory: archive?.directory ?? '', settings: Object.fromEntries(this.settings), replicationUser: this.user, allowFrom: this.networks },
    }
  }

  private reach(goal: Goal): void {
    switch (goal.kind) {
      case 'archive': return this.archiveInto(goal.directory)
      case 'setting': return this.setting(goal.name, goal.value, goal.atLeast ?? false)
      case 'replication-rule': return this.replicationRule(goal.user, goal.addresses)
      case 'replication-role': return this.replicationRole(goal.user)
      case 'in-force':
        this.inForce = true
    }
  }

  // Archive directory, script and command

  private archiveInto(directory: string): void {
    const { input } = this
    const { cluster } = input
    const scripting = archiveScripting(input.shell ?? 'sh')
    if (scripting.directoryProblem(directory) !== undefined) refuse('archive-directory-relative', { path: directory })
    const place = input.archive
    if (place === undefined || place.directory !== directory) throw new Error('the archive place that was looked at is not the one that is wanted')
    const inside = input.dataPlaces.find((data) => isWithin(place.realPath, data))
    if (inside !== undefined) refuse('archive-directory-inside', { path: directory, inside })
    if (place.guarded === true) refuse('archive-directory-guarded', { path: directory })
    if (place.kind === 'other') refuse('archive-directory-not-directory', { path: directory })
    if (place.usedBy !== undefined) refuse('archive-directory-used', { path: directory, cluster: place.usedBy })
    if (place.foreign !== undefined) refuse('archive-directory-foreign', { path: directory, found: place.foreign, own: input.systemIdentifier })
    if (!place.writable.ok) refuse('archive-directory-unwritable', { path: directory, owner: cluster.owner.name, reason: place.writable.code })
    place.missing.forEach((path, at) => {
      const mode = at === place.missing.length - 1 ? ARCHIVE_MODE : PARENT_MODE
      // What lies below a directory of the owner's, the owner makes.
      this.directories.push({ kind: 'make-directory', path, owner: cluster.owner, mode, ...(at === 0 && place.parentIsRoots ? { asRoot: true } : {}) })
    })
    this.refuseOtherArchivers()
    this.openSandbox(directory)
    if (place.fleeting !== undefined) refuse('archive-directory-fleeting', { path: directory, place: place.fleeting })
    const script = this.input.scriptPath
    if (scripting.scriptProblem(script, cluster.dataDir) !== undefined) refuse('archive-directory-relative', { path: script })
    const ddCanSync = input.ddCanSync === undefined ? {} : { ddCanSync: input.ddCanSync }
    const text = encode(scripting.script({ archiveDir: directory, systemIdentifier: BigInt(input.systemIdentifier), ...ddCanSync }))
    if (input.script === null || !sameBytes(input.script, text)) {
      this.scripts.push({
        kind: 'write-file', role: 'archive-script', path: script, owner: cluster.owner, before: input.script === null ? null : this.state(input.script), after: this.state(text), mode: SCRIPT_MODE,
        ...(input.rootsFiles.has(script) ? { asRoot: true } : {}),
      })
    }
    this.setting('archive_mode', 'on', true)
    this.setting('archive_command', scripting.command(script, cluster.dataDir), false)
  }

  /** A directory that the unit keeps read-only is opened by a drop-in; one that it hides cannot hold an archive. */
  private openSandbox(directory: string): void {
    const { sandbox } = this.input
    if (sandbox === undefined || sandbox.access === 'open') return
    const { unit, because, dropIn, before, missing } = sandbox
    if (sandbox.access === 'hidden') refuse('archive-directory-hidden', { path: directory, unit, because })
    const after = encode(withReadWritePath(before === null ? null : new TextDecoder().decode(before), directory))
    if (before === null || !sameBytes(before, after)) {
      for (const path of missing) this.dropIns.push({ kind: 'make-directory', path, owner: ROOT, mode: PARENT_MODE, asRoot: true })
      this.dropIns.push({ kind: 'write-file', role: 'unit-drop-in', path: dropIn, owner: ROOT, before: before === null ? null : this.state(before), after: this.state(after), mode: UNIT_MODE, asRoot: true })
    }
    this.opensSandbox = true
  }

  private refuseOtherArchivers(): void {
    const { configuration } = this
    const library = configuration.major >= 15 ? configuration.get('archive_library')?.value ?? '' : ''
    if (library !== '') refuse('archive-library-set', { value: library })
    const tool = ARCHIVE_TOOLS.exec(configuration.get('archive_command')?.value ?? '')?.[1]
    if (tool !== undefined) refuse('archive-tool-present', { tool })
  }

  // Settings

  private setting(asked: string, value: string, atLeast: boolean): void {
    const { major } = this.configuration
    const [name, wanted] = asked === 'wal_keep_size' && major < 13 ? ['wal_keep_segments', this.inSegments(value)] : [asked, value]
    const info = settingInfo(name, major)
    if (info !== undefined) {
      const parsed = parseValue(name, wanted, major)
      if (!parsed.ok) refuse('setting-impossible', { name, value: wanted })
    }
    const present = this.alter.get(name) ?? this.configuration.get(name)?.value ?? info?.default ?? ''
    const target = atLeast && isAtLeast(name, present, wanted, major) ? present : wanted
    this.settings.set(name, target)
    // What is the default already needs no line of its own.
    if (sameValue(name, present, target, major)) return
    this.change(name, target, planSetting(this.configuration, name, target))
  }

  private change(name: string, value: string, change: Change): void {
    switch (change.kind) {
      case 'none': return
      case 'edit':
        this.configuration = applyChange(this.configuration, change)
        return
      case 'command-line': {
        const { service } = this.input.cluster
        return refuse('command-line-wins', { name, value: change.value, service: `${service.kind} ${service.name}` })
      }
      case 'impossible': return refuse('setting-impossible', { name, value })
      case 'alter-system':
        if (change.forbidden) refuse('alter-system-forbidden', { name })
        if (!this.input.cluster.running) refuse('server-down', { cluster: this.input.cluster.id, command: commandLine(this.input.service) })
        this.alter.set(name, value)
    }
  }

  /** wal_keep_size in the unit of what 12 has instead. */
  private inSegments(size: string): string {
    const parsed = parseValue('wal_keep_size', size, 13)
    if (!parsed.ok) return refuse('setting-impossible', { name: 'wal_keep_segments', value: size })
    return String(Math.ceil((Number(parsed.value) * 2 ** 20) / this.input.segmentSize))
  }

  private confSteps(): WriteFileStep[] {
    return changedFiles(this.input.configuration, this.configuration).map(({ path, before, after }) => this.writeFile('postgresql.conf', path, before, after))
  }

  private alterSteps(): SqlStep[] {
    if (this.alter.size === 0) return []
    const { configuration } = this.input
    const names = [...this.alter.keys()]
    const path = configuration.lines.find(({ auto, wins, name }) => auto && wins && names.includes(name.toLowerCase()))?.file
    const file = configuration.files.find((one) => one.path === path)
    if (file === undefined) throw new Error('ALTER SYSTEM without postgresql.auto.conf')
    return [{
      kind: 'sql',
      about: names.map((name) => `ALTER SYSTEM SET ${name}`).join(', '),
      apply: names.map((name) => alterSystem(name, this.alter.get(name)!)),
      undo: names.map((name) => alterSystem(name, configuration.get(name)!.value)),
      autoConf: { path: file.path, owner: this.input.cluster.owner, before: this.state(file.bytes), set: Object.fromEntries(this.alter) },
    }]
  }

  // Access

  private replicationRule(user: string, addresses: readonly string[]): void {
    this.user = user
    for (const address of addresses) {
      this.networks.push(address)
      const method = this.methodFor(user, address)
      const planned = insertReplicationRules(this.hba, { user, addresses: [address], method }, this.input.hbaKnowledge)
      if (planned.kind === 'refused') this.refuseRule(planned.because, user)
      if (planned.kind === 'insert') this.hba = planned.result
    }
  }

  /**
   * On this machine, what the same role's ordinary connections are asked for already: trust only where everybody has it anyway.
   * From elsewhere always a password.
   */
  private methodFor(user: string, address: string): string {
    const password = this.input.role?.secret === 'md5' ? 'md5' : 'scram-sha-256'
    const loopback = address === 'local' ? 'local' : /^127\.[\d.]+(\/\d+)?$/.test(address) ? address.replace(/\/.*/, '') : /^::1(\/128)?$/.test(address) ? '::1' : undefined
    if (loopback === undefined) return password
    const { rule, method, dependsOn } = decide(this.input.hba, { user, database: 'postgres', address: loopback }, this.input.hbaKnowledge)
    if (rule === null || dependsOn.length > 0) return loopback === 'local' ? 'peer' : password
    if (method === 'trust') return rule.users.some(({ kind }) => kind === 'all') ? 'trust' : loopback === 'local' ? 'peer' : password
    if (method === 'peer' && rule.options.length === 0) return 'peer'
    return method === 'md5' || method === 'scram-sha-256' ? method : loopback === 'local' ? 'peer' : password
  }

  private refuseRule(because: InsertionRefusal, user: string): never {
    switch (because.code) {
      case 'does-not-load': {
        const error = this.hba.errors.find(({ fatal }) => fatal)
        return refuse('configuration-broken', { file: error?.file ?? this.input.cluster.hbaFile, line: error?.line ?? 0, reason: error?.message ?? '' })
      }
      case 'rejected-on-purpose': return refuse('rule-refused', { file: because.rule.file, line: because.rule.line, user, address: because.address })
      case 'unknown': return refuse('rule-unknown', { file: because.rule.file, line: because.rule.line, user, address: because.address })
      case 'bad-wish':
      case 'no-proof': return refuse('rule-impossible', { user, reason: because.message })
    }
  }

  private hbaSteps(): WriteFileStep[] {
    const old = new Map(this.input.hba.files.map(({ path, bytes }) => [path, bytes]))
    return this.hba.files.flatMap(({ path, bytes }) => {
      const before = old.get(path)
      return before === undefined || sameBytes(before, bytes) ? [] : [this.writeFile('pg_hba.conf', path, before, bytes)]
    })
  }

  private replicationRole(user: string): void {
    const { role } = this.input
    this.user = user
    if (role === undefined || (role.exists && role.login && (role.replication || role.superuser))) return
    const name = `"${user.replaceAll('"', '""')}"`
    const rows = (login: boolean, replication: boolean): string => JSON.stringify([{ login, replication }])
    const tell = { query: 'SELECT rolcanlogin AS login, rolreplication AS replication FROM pg_catalog.pg_roles WHERE rolname = $1', parameters: [user] }
    if (!role.exists) {
      // No password: whoever needs one sets it with \password, so that pgwal never holds it.
      this.statements.push({
        kind: 'sql', about: `CREATE ROLE ${name}`, apply: [`CREATE ROLE ${name} LOGIN REPLICATION`], undo: [`DROP ROLE ${name}`],
        tell: { ...tell, before: '[]', after: rows(true, true) },
      })
      return
    }
    const options = [...(role.login ? [] : ['LOGIN']), ...(role.replication || role.superuser ? [] : ['REPLICATION'])]
    this.statements.push({
      kind: 'sql', about: `ALTER ROLE ${name}`, apply: [`ALTER ROLE ${name} ${options.join(' ')}`], undo: [`ALTER ROLE ${name} ${options.map((option) => `NO${option}`).join(' ')}`],
      tell: { ...tell, before: rows(role.login, role.replication), after: rows(true, role.replication || !role.superuser) },
    })
  }

  // What the server has to do

  private effects(rulesChanged: boolean): Plan['effects'] {
    const { input } = this
    const waiting = this.differing()
    const settings = waiting.filter((name) => settingInfo(name, this.configuration.major)?.restart === true)
    // A service's view of the file system is made when it starts.
    const restartFor = [...settings, ...(this.opensSandbox ? ['ReadWritePaths'] : [])]
    const ends = input.archiving === undefined || input.archive === undefined || input.archiving.directory === input.archive.directory ? {} : { endsArchive: input.archiving }
    if (!input.cluster.running) return { restart: false, reload: false, connectionsDropped: 0, restartFor, ...ends }
    const restart = input.restart && restartFor.length > 0
    const reload = !restart && (rulesChanged || waiting.length > settings.length || (this.inForce && input.hbaStale === true))
    return { restart, reload, connectionsDropped: restart ? input.connections : 0, restartFor, ...ends }
  }

  /** Settings whose value in the files (as they will be) is not the one that the server runs with. */
  private differing(): string[] {
    const { input, configuration } = this
    const names = new Set(this.settings.keys())
    if (this.inForce) for (const { name, wins } of configuration.lines) if (wins) names.add(name.toLowerCase())
    return [...names].filter((name) => {
      const info = settingInfo(name, configuration.major)
      if (info === undefined || PLACES.has(name)) return false
      const target = this.alter.get(name) ?? configuration.get(name)?.value ?? info.default
      const running = input.running?.get(name)
      if (running !== undefined) return !sameValue(name, running, target, configuration.major)
      // Nobody to ask: what is written now is not in force yet; of the rest nothing is known.
      const was = input.configuration.get(name)?.value ?? info.default
      return !sameValue(name, was, target, configuration.major)
    })
  }

  // Files

  private state(bytes: Uint8Array): FileState {
    return { bytes, sha256: this.input.sha256(bytes) }
  }

  private writeFile(role: WriteFileStep['role'], path: string, before: Uint8Array, after: Uint8Array): WriteFileStep {
    const { cluster, rootsFiles } = this.input
    return { kind: 'write-file', role, path, owner: cluster.owner, before: this.state(before), after: this.state(after), ...(rootsFiles.has(path) ? { asRoot: true } : {}) }
  }

  /** Every file that the plan rests on. */
  private seen(): Plan['seen'] {
    const { input } = this
    const { configuration, hba, script, sha256 } = input
    const seen = new Map<string, string | null>()
    for (const { path, bytes } of [...configuration.files, ...hba.files]) seen.set(path, sha256(bytes))
    if (input.sandbox !== undefined && this.opensSandbox) seen.set(input.sandbox.dropIn, input.sandbox.before === null ? null : sha256(input.sandbox.before))
    if (this.scripts.length > 0) seen.set(this.input.scriptPath, script === null ? null : sha256(script))
    return [...seen].map(([path, hash]) => ({ path, sha256: hash }))
  }
}

/** The server completes these on its own, and only its command line or its own place decides. */
const PLACES = new Set(['config_file', 'data_directory', 'hba_file', 'ident_file', 'external_pid_file'])

/** From worst to best, for settings in which one value includes what another one does. */
const LADDERS: Readonly<Record<string, readonly string[]>> = {
  wal_level: ['minimal', 'replica', 'logical'],
  archive_mode: ['off', 'on', 'always'],
}

/** Whether a value is as good as the one that is wanted, or better. */
function isAtLeast(name: string, present: string, wanted: string, major: number): boolean {
  const [has, wants] = [parseValue(name, present, major), parseValue(name, wanted, major)]
  if (!has.ok || !wants.ok) return false
  const ladder = LADDERS[name]
  if (ladder !== undefined) return ladder.indexOf(has.canonical) >= ladder.indexOf(wants.canonical)
  if (typeof has.value === 'number' && typeof wants.value === 'number') return has.value >= wants.value
  return has.canonical === wants.canonical
}

function alterSystem(name: string, value: string): string {
  const quoted = value.replaceAll("'", "''")
  // With a backslash, a plain literal would depend on standard_conforming_strings.
  return `ALTER SYSTEM SET "${name}" = ${value.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`}`
}

function commandLine(service: Service): string {
  return service.start.map(({ file, args }) => [file, ...args].join(' ')).join(' && ')
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
}
