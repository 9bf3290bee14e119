/** The file of `--save-facts`: what doctor saw of each cluster, redacted and versioned. docs/facts-file.md describes it. */
import type { Cluster } from '../../platforms/platform.ts'
import { jsonErrorLine } from '../../report/json-line.ts'
import { redactValue } from '../../report/redact.ts'
import type { Fact, Gathering, Outcome, Unavailable, Wanted } from '../fact.ts'
import { BadTag, fromTagged, toTagged } from './tagged.ts'

/** Raised when a name or a meaning changes so that an older pgwal would misread it. */
export const FACTS_VERSION = 1

/** What a check may see of a cluster, without the machine. */
export interface Seen extends Pick<Gathering, 'cluster' | 'wanted' | 'fact'> {
  readonly now: Date
}

export interface SavedFacts {
  /** Whether pgwal was privileged when it looked. */
  readonly privileged: boolean
  readonly clusters: readonly Seen[]
}

/** Why a text is no file of facts. */
export type FactsProblem =
  | { readonly code: 'not-json'; readonly line: number }
  | { readonly code: 'version'; readonly found: string }
  | { readonly code: 'malformed'; readonly where: string }

export class FactsFileError extends Error {
  constructor(readonly problem: FactsProblem, options?: ErrorOptions) {
    super(JSON.stringify(problem), options)
  }
}

/** One cluster's part. Facts that nobody has asked for yet are gathered now. */
export async function packCluster({ cluster, wanted, fact: ask, now }: Seen, facts: readonly Fact<unknown>[]): Promise<object> {
  const packed = await Promise.all(facts.map(async (fact) => [fact.name, await packFact(fact, ask)] as const))
  const commandLine = cluster.commandLine.map(([name, value]) => [name, redactValue(name, value)])
  return { cluster: toTagged({ ...cluster, commandLine }), now: toTagged(now), wanted: toTagged(wanted), facts: Object.fromEntries(packed) }
}

async function packFact(fact: Fact<unknown>, ask: Gathering['fact']): Promise<object> {
  try {
    const outcome = await ask(fact)
    if (!outcome.ok) return { ok: false, why: toTagged(outcome.why) }
    return { ok: true, value: toTagged(fact.saved === undefined ? outcome.value : fact.saved.pack(outcome.value)) }
  } catch (error) {
    // A bug in one fact: the checks that need it have told of it, and do so again from the file.
    return { crash: toTagged(error instanceof Error ? error.message : String(error)) }
  }
}

export function factsFile(privileged: boolean, clusters: readonly object[]): object {
  return { facts: FACTS_VERSION, privileged, clusters }
}

/**
 * Reads a file of facts. What is in the file but not known here is left aside; a fact that it lacks is unavailable with the
 * code `not-saved`.
 * @throws FactsFileError
 */
export async function readFactsFile(text: string, facts: readonly Fact<unknown>[]): Promise<SavedFacts> {
  const line = jsonErrorLine(text)
  if (line !== undefined) throw new FactsFileError({ code: 'not-json', line })
  const root: unknown = JSON.parse(text)
  if (!isObject(root) || typeof root['facts'] !== 'number') throw new FactsFileError({ code: 'malformed', where: 'facts' })
  if (root['facts'] !== FACTS_VERSION) throw new FactsFileError({ code: 'version', found: String(root['facts']) })
  const { privileged, clusters } = root
  if (typeof privileged !== 'boolean') throw new FactsFileError({ code: 'malformed', where: 'privileged' })
  if (!Array.isArray(clusters)) throw new FactsFileError({ code: 'malformed', where: 'clusters' })
  return { privileged, clusters: await Promise.all(clusters.map((one, at) => unpackCluster(one, `clusters[${at}]`, facts))) }
}

async function unpackCluster(data: unknown, where: string, facts: readonly Fact<unknown>[]): Promise<Seen> {
  const [cluster, now, wanted] = ['cluster', 'now', 'wanted'].map((name) => unpack(isObject(data) ? data[name] : undefined, `${where}.${name}`))
  if (!isCluster(cluster)) throw new FactsFileError({ code: 'malformed', where: `${where}.cluster` })
  if (!(now instanceof Date)) throw new FactsFileError({ code: 'malformed', where: `${where}.now` })
  if (!isWanted(wanted)) throw new FactsFileError({ code: 'malformed', where: `${where}.wanted` })
  const saved = isObject(data) ? data['facts'] : undefined
  if (!isObject(saved)) throw new FactsFileError({ code: 'malformed', where: `${where}.facts` })
  const known = new Map(await Promise.all(facts.map(async (fact) => [fact.name, await unpackFact(fact, saved[fact.name], `${where}.facts.${fact.name}`)] as const)))
  return {
    cluster, now, wanted,
    fact: <T>({ name }: Fact<T>) => (known.get(name) ?? (() => Promise.resolve(NOT_SAVED)))() as Promise<Outcome<T>>,
  }
}

const NOT_SAVED: Outcome<never> = { ok: false, why: { code: 'not-saved', params: {} } }

/** What asking for the fact does: gives its outcome, or throws as it did. */
async function unpackFact(fact: Fact<unknown>, data: unknown, where: string): Promise<() => Promise<Outcome<unknown>>> {
  if (data === undefined) return () => Promise.resolve(NOT_SAVED)
  if (isObject(data) && typeof data['crash'] === 'string') {
    const message = data['crash']
    return () => Promise.reject(new Error(message))
  }
  if (isObject(data) && data['ok'] === false && isReason(data['why'])) {
    const why = data['why']
    return () => Promise.resolve({ ok: false, why })
  }
  if (!isObject(data) || data['ok'] !== true || !('value' in data)) throw new FactsFileError({ code: 'malformed', where })
  const plain = unpack(data['value'], where)
  try {
    const value = fact.saved === undefined ? plain : await fact.saved.unpack(plain)
    return () => Promise.resolve({ ok: true, value })
  } catch (error) {
    throw new FactsFileError({ code: 'malformed', where }, { cause: error })
  }
}

function unpack(data: unknown, where: string): unknown {
  try {
    return fromTagged(data)
  } catch (error) {
    if (error instanceof BadTag) throw new FactsFileError({ code: 'malformed', where })
    throw error
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isReason(value: unknown): value is Unavailable {
  return isObject(value) && typeof value['code'] === 'string' && isObject(value['params'])
}

function isWanted(value: unknown): value is Wanted {
  return isObject(value) && typeof value['replicationUser'] === 'string' && Array.isArray(value['allowFrom'])
}

/** What the report itself shows of a cluster; the checks look at nothing else of it. */
function isCluster(value: unknown): value is Cluster {
  return isObject(value)
    && ['platform', 'id', 'version', 'dataDir', 'configFile', 'hbaFile'].every((name) => typeof value[name] === 'string')
    && ['major', 'port'].every((name) => typeof value[name] === 'number')
    && typeof value['running'] === 'boolean'
    && isObject(value['owner']) && typeof value['owner']['name'] === 'string'
    && isObject(value['service']) && typeof value['service']['kind'] === 'string'
    && ['socketDirs', 'commandLine', 'evidence', 'notes'].every((name) => Array.isArray(value[name]))
}
