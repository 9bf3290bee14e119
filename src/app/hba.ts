/** hba: which rule decides for a connection, which rules never do, and what is not what it seems. */
import type { Context, Selection } from '../base-command.ts'
import { knowledgeOf } from '../checks/support/replication-rules.ts'
import { UserError } from '../errors.ts'
import type { Outcome } from '../facts/fact.ts'
import { hbaFact, hbaFeatures } from '../facts/hba.ts'
import type { HbaFact } from '../facts/hba.ts'
import { rolesFact } from '../facts/roles.ts'
import type { RolesFact } from '../facts/roles.ts'
import { serverFact } from '../facts/server.ts'
import { readConnectionSources, remoteHost } from '../host/connection.ts'
import { hostFileSource } from '../host/file-source.ts'
import type { Host } from '../host/host.ts'
import { decide, parseIp, PHYSICAL_REPLICATION, readHba, traps, unreachable as unreachableRules } from '../postgres/hba/index.ts'
import type { HbaFeatures, HbaQuestion } from '../postgres/hba/index.ts'
import type { HbaReport } from '../report/hba-report.ts'
import { compose } from '../report/words.ts'
import { fileAlone, unreadable } from './files-alone.ts'
import type { FileAlone } from './files-alone.ts'
import { gatheringFor } from './gathering.ts'
import { connectionOf } from './options.ts'
import { selectCluster } from './select.ts'

export interface HbaOptions {
  /** Another file than the cluster's; with `serverVersion` no cluster is needed. */
  readonly hbaFile?: string
  /** Read as this major does; the server is not asked. */
  readonly serverVersion?: number
  readonly question?: HbaQuestion
}

/** A connection as the flags describe it. */
export interface QuestionFlags {
  readonly user?: string | undefined
  readonly database?: string | undefined
  readonly address?: string | undefined
  readonly ssl: boolean
  readonly gss: boolean
}

/**
 * What is asked; undefined when nothing is. `replication` asks about physical replication, and a name in double quotes about
 * the database of that name.
 * @throws UserError `question-incomplete`, `bad-address`
 */
export function questionOf({ user, database, address, ssl, gss }: QuestionFlags): HbaQuestion | undefined {
  if (user === undefined && database === undefined && address === undefined && !ssl && !gss) return undefined
  if (user === undefined || database === undefined || address === undefined) {
    throw new UserError('question-incomplete', { missing: user === undefined ? '--user' : database === undefined ? '--database' : '--address' })
  }
  if (address !== 'local' && parseIp(address) === null) throw new UserError('bad-address', { text: address })
  const quoted = /^"((?:[^"]|"")+)"$/.exec(database)?.[1]?.replaceAll('""', '"')
  return { user, database: quoted ?? (database === 'replication' ? PHYSICAL_REPLICATION : database), address, tls: ssl, gss }
}

/** @throws UserError `no-such-file`, `not-readable`, `remote-files`, `needs-server-version`, and those of the choice of a cluster */
export async function hbaReport(context: Context, selection: Selection, options: HbaOptions): Promise<HbaReport> {
  const { hbaFile, serverVersion } = options
  if (hbaFile !== undefined && serverVersion !== undefined) return ofFile(context, hbaFile, serverVersion, options.question)
  if (hbaFile !== undefined && [selection.id, selection.dataDir, selection.configFile].every((part) => part === undefined)) {
    throw new UserError('needs-server-version', { path: (await fileAlone(context.host, hbaFile)).path })
  }
  return ofCluster(context, selection, options)
}

async function ofFile({ host }: Context, typed: string, major: number, question: HbaQuestion | undefined): Promise<HbaReport> {
  const fact = await factOfFile(host, await fileAlone(host, typed), major, {})
  return reportOf({ file: fact.hba.options.hbaFile, major, notReloaded: null }, fact, { ok: false, why: { code: 'not-applicable', params: {} } }, question)
}

/** A file that the user named, read in the name of whose it is: a candidate need not be the server's yet. */
async function factOfFile(host: Host, { path, as }: FileAlone, major: number, features: HbaFeatures): Promise<HbaFact> {
  const hba = await readHba(hostFileSource(host, as), { hbaFile: path, major, features })
  const main = hba.snapshot.files.get(path)
  const refused = main !== undefined && 'code' in main ? unreadable(path, main.code) : undefined
  if (refused !== undefined) throw refused
  return { hba, modified: new Date(0), complete: true, interfaces: host.interfaces() }
}

async function ofCluster(context: Context, selection: Selection, { hbaFile, serverVersion, question }: HbaOptions): Promise<HbaReport> {
  const { host } = context
  const remote = remoteHost(await readConnectionSources(host, connectionOf(selection)))
  if (selection.host !== undefined && remote !== undefined) throw new UserError('remote-files', { host: remote, command: 'hba' })
  const cluster = await selectCluster(context, selection)
  const candidate = hbaFile === undefined ? undefined : await fileAlone(host, hbaFile)
  const file = candidate?.path ?? cluster.hbaFile
  const major = serverVersion ?? cluster.major
  if (major === 0) throw new UserError('needs-server-version', { path: file })
  const looking = context.ui.progress(compose(context.ui.words.progress.diagnosing, { cluster: cluster.id }, context.locale))
  // Of another major there is no server to ask. The memberships that are asked for are those of whom the question is about.
  const asked = serverVersion === undefined ? cluster : { ...cluster, major, running: false }
  const { gathering, close } = await gatheringFor(host, asked, { connection: connectionOf(selection), ...(question === undefined ? {} : { wanted: { replicationUser: question.user } }) })
  try {
    const [roles, server] = await Promise.all([gathering.fact(rolesFact), gathering.fact(serverFact)])
    if (candidate !== undefined) return reportOf({ file, major, cluster, notReloaded: null }, await factOfFile(host, candidate, major, await hbaFeatures(gathering)), roles, question)
    const fact = await gathering.fact(hbaFact)
    if (!fact.ok) throw unreadable(file, String(fact.why.params['cause'] ?? '')) ?? new UserError('not-readable', { path: file })
    const notReloaded = server.ok ? fact.value.modified > server.value.configurationLoadedAt : null
    return reportOf({ file, major, cluster, notReloaded }, fact.value, roles, question)
  } finally {
    await close()
    looking.done()
  }
}

function reportOf(head: Pick<HbaReport, 'file' | 'major' | 'cluster' | 'notReloaded'>, fact: HbaFact, roles: Outcome<RolesFact>, question: HbaQuestion | undefined): HbaReport {
  const { hba, complete } = fact
  return {
    ...head,
    hba,
    complete,
    ...(question === undefined ? {} : { question, decision: decide(hba, question, knowledgeOf(fact, roles, question.user)) }),
    unreachable: unreachableRules(hba),
    traps: traps(hba),
  }
}
