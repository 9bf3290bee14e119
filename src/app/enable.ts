/** enable: finds out what is needed, shows it, asks once, does it, and proves it. */
import type { Context, Selection } from '../base-command.ts'
import { UserError } from '../errors.ts'
import { archiveCommandFact } from '../facts/archive-command.ts'
import { diskFact } from '../facts/disk.ts'
import { FactUnavailable } from '../facts/fact.ts'
import type { Gathering } from '../facts/fact.ts'
import { identityFact } from '../facts/identity.ts'
import { serverFact } from '../facts/server.ts'
import { readConnectionSources, remoteHost } from '../host/connection.ts'
import { surveyArchivePlace } from '../plan/archive-place.ts'
import { execute } from '../plan/executor.ts'
import type { Happening } from '../plan/happening.ts'
import { gatherPlanInput } from '../plan/gather.ts'
import type { Goal } from '../plan/goal.ts'
import type { Plan } from '../plan/plan.ts'
import { makePlan } from '../plan/planner.ts'
import { readPostmaster } from '../plan/postmaster.ts'
import { refuseHazards } from '../plan/restart-hazards.ts'
import { kindOf } from '../plan/steps/index.ts'
import { archiveDirectoryFor, detectClusters, platformOf } from '../platforms/index.ts'
import { isAbsolute } from '../platforms/reading.ts'
import type { Cluster } from '../platforms/platform.ts'
import { parseCidr } from '../postgres/hba/index.ts'
import { parseValue } from '../postgres/settings/index.ts'
import type { RunOutcome } from '../report/json.ts'
import { endingText } from '../report/outcome-text.ts'
import { planText } from '../report/plan-text.ts'
import type { StepView } from '../report/plan-text.ts'
import type { ClusterReport } from '../report/report.ts'
import { mark } from '../report/style.ts'
import { verifyText } from '../report/text.ts'
import { compose, findingWords, passWords } from '../report/words.ts'
import { hang } from '../report/wrap.ts'
import { Cancelled } from '../terminal/prompts.ts'
import { gatheringFor } from './gathering.ts'
import type { OpenGathering } from './gathering.ts'
import { interruptibly } from './interruption.ts'
import { connectionOf, wantedOf } from './options.ts'
import { worded } from './present.ts'
import { needPrivileges } from './privileges.ts'
import { selectCluster } from './select.ts'
import { verifyWithProgress } from './verify.ts'

export interface EnableOptions {
  readonly archiveDirectory?: string
  readonly archiveTimeout?: string
  readonly maxWalSenders?: number
  readonly walKeepSize?: string
  readonly replicationUser?: string
  readonly allowFrom?: readonly string[]
  readonly dryRun?: boolean
  readonly yes?: boolean
  /** Also without a question, a command of somebody else's that fills an archive is replaced. */
  readonly replaceCommand?: boolean
  /** False for --no-restart. */
  readonly restart?: boolean
  readonly verifyTimeoutMs?: number
  /** Ctrl-C: before the plan is applied, nothing is; while it is, what was done is put back; afterwards only the proof is given up. */
  readonly signal?: AbortSignal
  /** Where the plan is shown; default: the terminal. */
  readonly onPlan?: (text: string) => void
}

export interface EnableResult {
  readonly cluster: Cluster
  readonly outcome: RunOutcome
  readonly steps: readonly StepView[]
  readonly plan: Plan
  readonly run?: string
  readonly happenings: readonly Happening[]
  readonly verify?: ClusterReport
  /** Nothing was applied because nobody could be asked. */
  readonly needsConfirmation: boolean
  /** Where it archives, or would. */
  readonly archiveDirectory: string
  /** It was given up before it was proved. */
  readonly unproved: boolean
  /** The server does not run, or a file is not what it was: what people must act on. */
  readonly incomplete: boolean
}

const DEFAULTS = { maxWalSenders: 3, walKeepSize: '1GB' }
/** Of what is free on the disk of pg_wal, enable by itself has no more kept there than one part in so many. */
const FREE_SHARE = 4
const LOOPBACK = ['127.0.0.1/32', '::1/128'] as const

/** Of what goes well, people want to see these. */
const MILESTONES: ReadonlySet<string> = new Set(['config-accepted', 'restarted', 'started', 'reloaded', 'files-restored', 'server-restored'])

interface Answers {
  readonly archiveDirectory: string
  readonly replicationUser: string
  readonly allowFrom: readonly string[]
}

/**
 * @throws UserError where it may not or cannot: `remote`, `managed`, `need-privileges`, `in-recovery`, `no-login`, and every refusal of the planner
 */
export async function enable(context: Context, selection: Selection, options: EnableOptions): Promise<EnableResult> {
  const { result, prepared } = await interruptibly(context, options.signal, (looking) => consider(looking, selection, options))
  if (prepared === undefined) return result
  const { cluster, plan } = result
  const done = await apply(context, plan, prepared, options)
  const applied = { ...result, run: done.run, happenings: done.happenings }
  if (done.outcome !== 'applied') {
    return { ...applied, outcome: done.cancelled && done.outcome === 'rolled-back' ? 'cancelled' : 'rolled-back', incomplete: done.outcome === 'failed-rollback' }
  }
  if (!cluster.running || (plan.effects.restartFor.length > 0 && !plan.effects.restart)) return { ...applied, outcome: 'applied' }
  try {
    return { ...applied, outcome: 'applied', verify: await interruptibly(context, options.signal, (looking) => prove(looking, cluster, selection, prepared, options)) }
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error
    return { ...applied, outcome: 'applied', unproved: true }
  }
}

function prove(context: Context, cluster: Cluster, selection: Selection, { answers, asked }: Prepared, options: EnableOptions): Promise<ClusterReport> {
  return verifyWithProgress(context, { cluster: { ...cluster, running: true } }, selection, {
    replicationUser: answers.replicationUser, allowFrom: answers.allowFrom,
    ...(options.verifyTimeoutMs === undefined ? {} : { timeoutMs: options.verifyTimeoutMs }),
    ...(asked === undefined ? {} : { password: asked }),
  })
}

/** Everything before the first change. `prepared`: it was shown, and shall be done; `result` then says what. */
async function consider(context: Context, selection: Selection, options: EnableOptions): Promise<{ readonly result: EnableResult; readonly prepared?: Prepared }> {
  const { host } = context
  const remote = remoteHost(await readConnectionSources(host, connectionOf(selection)))
  if (selection.host !== undefined && remote !== undefined) throw new UserError('remote', { host: remote })
  const cluster = await selectCluster(context, selection)
  await mayWeChange(context, cluster)

  const open = await openGathering(context, cluster, selection, options)
  let prepared: Prepared
  try {
    prepared = await prepare(context, cluster, open.gathering, options)
  } finally {
    await open.close()
  }
  const { plan, answers } = prepared
  const steps = plan.steps.map((step) => kindOf(step).describe(step))
  const result = { cluster, plan, steps, happenings: [], archiveDirectory: answers.archiveDirectory, needsConfirmation: false, unproved: false, incomplete: false }
  if (steps.length === 0) return { result: { ...result, outcome: 'nothing-to-do' } }

  const { self } = await rights(context, cluster)
  const needsRoot = (plan.effects.restart && plan.service.needsRoot) || plan.steps.some(({ kind }) => kind === 'daemon-reload')
  if (needsRoot && !self.privileged) throw needPrivileges(host, self, 'root', `pgwal enable --cluster ${cluster.id}`)
  const show = options.onPlan ?? (context.json ? () => undefined : (text: string) => context.ui.note(text))
  if (options.dryRun === true) return { result: { ...result, outcome: 'planned' } }
  const { endsArchive } = plan.effects
  if (options.yes === true && options.replaceCommand !== true && endsArchive?.own === false) throw new UserError('archive-command-present', { path: endsArchive.directory ?? '?' })
  if (options.yes !== true && (!context.ui.interactive || context.json)) return { result: { ...result, outcome: 'planned', needsConfirmation: true } }
  show(`\n${planText(steps, plan.effects, context.style, { service: serviceName(cluster), verbose: context.verbose })}\n`)
  if (options.yes !== true && !(await context.ui.confirm({ message: context.ui.words.prompts.apply }))) return { result: { ...result, outcome: 'cancelled' } }
  // Who thought about it for long may have changed something meanwhile.
  if (options.yes !== true) {
    await refuseAnotherServer(context, cluster)
    await mayRestart(context, plan, prepared.connection)
  }
  return { result: { ...result, outcome: 'planned' }, prepared }
}

interface Prepared {
  readonly plan: Plan
  readonly answers: Answers
  /** A login that may be used while it is applied. */
  readonly connection: Awaited<ReturnType<Gathering['connection']>>
  /** The password that was asked for, if one was. */
  readonly asked: string | undefined
}

/** Only the owner and root can change a cluster's files, and nobody where somebody else manages them. */
async function mayWeChange(context: Context, cluster: Cluster): Promise<void> {
  const { manager, owner } = cluster
  if (manager !== undefined) throw new UserError('managed', { manager: manager.name, evidence: manager.evidence, command: manager.command })
  const { self, entitled } = await rights(context, cluster)
  if (!entitled) throw needPrivileges(context.host, self, owner.name, `pgwal enable --cluster ${cluster.id}`)
}

async function rights(context: Context, cluster: Cluster) {
  const self = await context.host.self()
  return { self, entitled: self.privileged || (self.uid === cluster.owner.uid && self.sid === cluster.owner.sid) }
}

interface Opened extends OpenGathering {
  readonly password?: string
}

/** A gathering with a login; a password is asked for where the server wants one and somebody can answer. */
async function openGathering(context: Context, cluster: Cluster, selection: Selection, options: EnableOptions): Promise<Opened> {
  const request = { connection: connectionOf(selection), wanted: wantedOf(options) }
  const first = await gatheringFor(context.host, cluster, request)
  const session = await first.session()
  if (session.ok || !cluster.running) return first
  await first.close()
  const { code, params } = session.why
  if (code === 'no-login' && context.ui.interactive && !context.json) {
    const password = await context.ui.password({ message: compose(context.ui.words.prompts.password, { user: String(params['user'] ?? '') }, context.locale) })
    const second = await gatheringFor(context.host, cluster, { ...request, connection: { ...request.connection, password } })
    const retried = await second.session()
    if (retried.ok) return { ...second, password }
    await second.close()
  }
  throw new UserError('no-login', { cluster: cluster.id, reason: String(params['reason'] ?? params['cause'] ?? code) })
}

async function prepare(context: Context, cluster: Cluster, gathering: Gathering, options: EnableOptions): Promise<Prepared> {
  const server = await gathering.fact(serverFact)
  if (server.ok && server.value.inRecovery) throw new UserError('in-recovery', { cluster: cluster.id })
  const clusters = await detectClusters(context.host, {})
  const answers = await ask(context, cluster, gathering, clusters, options)
  const planning = context.ui.progress(context.ui.words.progress.planning)
  try {
    const service = await platformOf(cluster).service(cluster, context.host)
    const goals = goalsOf(answers, options, await walToKeep(gathering, options.walKeepSize))
    const planned = makePlan(await gatherPlanInput(gathering, { service, goals, clusters, restart: options.restart ?? true }))
    if (planned.kind === 'refusal') throw new UserError(planned.code, planned.params)
    const connection = await gathering.connection()
    await mayRestart(context, planned.plan, connection)
    return { plan: planned.plan, answers, connection, asked: connection.ok ? connection.value.password : undefined }
  } catch (error) {
    if (!(error instanceof FactUnavailable)) throw error
    throw new UserError('unreadable', { what: String(error.why.params['target'] ?? cluster.dataDir), reason: String(error.why.params['cause'] ?? error.why.code), owner: cluster.owner.name }, { cause: error })
  } finally {
    planning.done()
  }
}

/** What must be asked, and is not given as a flag; without a terminal the defaults hold. */
async function ask(context: Context, cluster: Cluster, gathering: Gathering, clusters: readonly Cluster[], options: EnableOptions): Promise<Answers> {
  const { ui } = context
  const prompts = ui.words.prompts
  const asking = ui.interactive && !context.json && options.yes !== true && options.dryRun !== true
  const archiveDirectory = options.archiveDirectory ?? await defaultDirectory(context, cluster, gathering, clusters)
  const replicationUser = gathering.wanted.replicationUser
  const allowFrom = (options.allowFrom ?? []).map(network)
  if (!asking) return { archiveDirectory: tidy(archiveDirectory), replicationUser, allowFrom }
  const directory = options.archiveDirectory ?? await ui.ask({
    message: prompts.archiveDirectory,
    default: archiveDirectory,
    validate: (answer) => (isAbsolute(answer) ? true : prompts.absolutePath),
  })
  const who = options.allowFrom !== undefined ? 'this' : await ui.select<'this' | 'more'>({
    message: prompts.replicationUser,
    choices: [
      { value: 'this', name: `${replicationUser}${ui.words.listSeparator}${prompts.thisMachineOnly}` },
      { value: 'more', name: `${replicationUser}${ui.words.listSeparator}${prompts.otherMachinesToo}` },
    ],
    default: 'this',
  })
  const more = who === 'this' ? '' : await ui.ask({
    message: prompts.allowFrom,
    validate: (answer) => {
      const wrong = words(answer).find((one) => parseCidr(one) === null)
      return wrong === undefined ? true : compose(prompts.network, { text: wrong }, context.locale)
    },
  })
  return { archiveDirectory: tidy(directory), replicationUser, allowFrom: [...allowFrom, ...words(more)] }
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '')
}

/** @throws UserError `bad-network` */
function network(text: string): string {
  if (parseCidr(text) === null) throw new UserError('bad-network', { text })
  return text
}

/** Without a slash at its end: one directory has one name. */
function tidy(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

/** Where it archives already, if that was our work; else the platform's place, unless another cluster uses it or left its WAL there. */
async function defaultDirectory(context: Context, cluster: Cluster, gathering: Gathering, clusters: readonly Cluster[]): Promise<string> {
  const own = await gathering.fact(archiveCommandFact)
  if (own.ok && own.value.destination !== undefined && own.value.judgement?.kind === 'pgwal') return own.value.destination
  const used: string[] = []
  for (const other of clusters) {
    if (other.dataDir === cluster.dataDir) continue
    const open = await gatheringFor(context.host, { ...other, running: false }, {})
    const theirs = await open.gathering.fact(archiveCommandFact)
    if (theirs.ok && theirs.value.destination !== undefined) used.push(theirs.value.destination)
    await open.close()
  }
  const identity = await gathering.fact(identityFact)
  const self = await context.host.self()
  for (;;) {
    const directory = archiveDirectoryFor(cluster, used)
    if (!identity.ok) return directory
    const { foreign } = await surveyArchivePlace({ host: context.host, cluster, self }, directory, { systemIdentifier: identity.value.systemIdentifier, others: [] })
    if (foreign === undefined) return directory
    used.push(directory)
  }
}

/**
 * How much WAL shall stay in pg_wal: a server that finds no room there any more stops with a PANIC.
 * @throws UserError `wal-keep-no-room` for a wish that is more than the disk has left
 */
async function walToKeep(gathering: Gathering, asked: string | undefined): Promise<string> {
  const disk = await gathering.fact(diskFact)
  const free = disk.ok ? disk.value.wal.freeBytes : Number.POSITIVE_INFINITY
  // A power of two: where it is asked for again, the disk has a little more or less.
  if (asked === undefined) return free / FREE_SHARE >= 2 ** 30 ? DEFAULTS.walKeepSize : `${2 ** Math.floor(Math.log2(Math.max(free / FREE_SHARE / 2 ** 20, 1)))}MB`
  const parsed = parseValue('wal_keep_size', asked, 13)
  if (parsed.ok && Number(parsed.value) * 2 ** 20 >= free) throw new UserError('wal-keep-no-room', { value: asked, path: `${gathering.cluster.dataDir}/pg_wal`, freeBytes: free })
  return asked
}

function goalsOf({ archiveDirectory, replicationUser, allowFrom }: Answers, options: EnableOptions, walKeepSize: string): Goal[] {
  const { archiveTimeout, maxWalSenders = DEFAULTS.maxWalSenders } = options
  return [
    { kind: 'setting', name: 'wal_level', value: 'replica', atLeast: true },
    { kind: 'archive', directory: archiveDirectory },
    ...(archiveTimeout === undefined ? [] : [{ kind: 'setting', name: 'archive_timeout', value: archiveTimeout } as const]),
    { kind: 'setting', name: 'max_wal_senders', value: String(maxWalSenders), atLeast: true },
    { kind: 'setting', name: 'wal_keep_size', value: walKeepSize, atLeast: true },
    { kind: 'replication-role', user: replicationUser },
    { kind: 'replication-rule', user: replicationUser, addresses: [...LOOPBACK, ...allowFrom] },
  ]
}

/**
 * One that somebody stopped since is not ours to start, and one that was started anew may have other options.
 * @throws UserError `changed`
 */
export async function refuseAnotherServer({ host }: Context, cluster: Cluster): Promise<void> {
  if (cluster.pid === undefined) return
  const postmaster = await readPostmaster({ host, cluster, self: await host.self() })
  if (postmaster?.pid !== cluster.pid) throw new UserError('changed', { path: `${cluster.dataDir}/postmaster.pid` })
}

/** @throws what {@link refuseHazards} throws */
async function mayRestart({ host }: Context, { cluster, effects, wanted }: Plan, connection: Prepared['connection']): Promise<void> {
  if (effects.restart) await refuseHazards({ host, cluster, self: await host.self(), ...(connection.ok ? { connection: connection.value } : {}) }, wanted.settings)
}

async function apply(context: Context, plan: Plan, { connection }: Prepared, options: EnableOptions) {
  const words = context.ui.words.progress
  const progress = context.ui.progress(words.checking)
  try {
    return await execute(context.host, plan, {
      ...(connection.ok ? { connection: connection.value } : {}),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onHappening: (happening) => {
        // The plan said what would be made and written, and verify shows what is in force.
        if (context.verbose || happening.status !== 'done' || MILESTONES.has(happening.code)) context.ui.outcome(happening)
      },
      onWaiting: ({ code, params }) => progress.update(compose(words[code], { cluster: plan.cluster.id, ...params }, context.locale)),
    })
  } finally {
    progress.done()
  }
}

/** What is restarted, as people know it. */
export function serviceName({ service, id }: Cluster): string {
  return service.kind === 'pg_ctl' ? `pg_ctl -D ${id}` : service.name
}

/** What stands on stdout at the end. */
export function enableText(context: Context, result: EnableResult): string {
  const { style } = context
  const { cluster, plan, outcome } = result
  const shown = (): string => planText(result.steps, plan.effects, style, { service: serviceName(cluster), verbose: context.verbose })
  const again = `pgwal enable --cluster ${cluster.id} --yes`
  const restart = plan.service.restart.map(({ file, args }) => [file, ...args].join(' ')).join(' && ')
  switch (outcome) {
    case 'planned': return `${shown()}\n\n${endingText('planned', { command: again }, style)}`
    case 'rolled-back': return endingText(result.incomplete ? 'rolled-back-partly' : 'rolled-back', {}, style)
    case 'cancelled': return endingText('cancelled', {}, style)
    case 'nothing-to-do': return endingText('nothing-to-do', {}, style)
    case 'applied': {
      const pending = plan.effects.restartFor.length > 0 && !plan.effects.restart ? [endingText('not-restarted', { command: restart }, style)] : []
      const unproved = result.unproved ? [endingText('not-verified', { command: `pgwal verify --cluster ${cluster.id}` }, style)] : []
      return [...proofs(context, result), ...pending, ...unproved, endingText('applied', { command: 'pgwal undo' }, style)].join('\n')
    }
  }
}

/** What verify proved, a line each; where it did not, all that it found. */
function proofs({ style }: Context, { verify }: EnableResult): string[] {
  if (verify === undefined) return []
  if (verify.summary.error > 0 || verify.summary.crash > 0) return ['', verifyText([verify], style, { words: worded }), '']
  return verify.checks.flatMap(({ id, verdict }) => {
    if (verdict.kind === 'pass' && verdict.detail !== undefined) return [`  ${mark(style, 'pass')} ${hang(passWords(worded, id, verdict, style.locale), 4, style.width)}`]
    if (verdict.kind !== 'fail') return []
    return verdict.findings.filter(({ severity }) => severity !== 'info' || id === 'replication-login')
      .map((finding) => `  ${mark(style, finding.severity)} ${hang(findingWords(worded, id, finding, style.locale).message, 4, style.width)}`)
  })
}
