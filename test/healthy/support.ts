// doctor on servers with which nothing is wrong. Whatever it says there above `info` must stand in the list below.
import fs from 'node:fs/promises'
import os from 'node:os'
import { expect } from 'vitest'
import { diagnose } from '../../src/app/diagnose.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'
import { PROGRAM } from '../support/pgwal.ts'
import { runAs, serverAccount } from '../support/server.ts'
import type { Account, Major, Ran, TestServer } from '../support/server.ts'
import { MAJORS } from '../support/server.ts'

/** The only alarms that a healthy cluster may raise, each with the reason. */
const ALLOWED: ReadonlyMap<string, string> = new Map([
  ['archive-directory/same-file-system', 'the tests keep archive and data in one temporary directory, and the loss of that one disk would take both'],
  ['postgresql-end-of-life/ended', 'the older majors get no more fixes: true of the cluster, whatever its set-up'],
])

/** The majors of a test: a few each time, all of them in the long run. */
export function majorsOf(...few: Major[]): readonly Major[] {
  return process.env['PGWAL_LONG'] === undefined ? few : MAJORS
}

export const isRoot = process.getuid?.() === 0

/** An account that is neither ours nor the server's, or why there is none that can run the program. */
export async function strangerOrWhyNone(): Promise<Account | string> {
  if (!isRoot) return 'only root can act as somebody else'
  const owner = await serverAccount()
  for (const [name, , uid, gid] of (await fs.readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))) {
    if ((name !== 'nobody' && name !== 'daemon') || Number(uid) === owner.uid) continue
    const account = { name, uid: Number(uid), gid: Number(gid) }
    const tried = await runAs(account, process.execPath, [PROGRAM, '--version']).catch(() => undefined)
    return tried?.code === 0 ? account : `${name} cannot read the program where it lies`
  }
  return 'neither nobody nor daemon in /etc/passwd'
}

interface CheckSeen {
  readonly id: string
  readonly verdict: 'pass' | 'fail' | 'skip' | 'crash'
  readonly reason?: string
  readonly findings?: readonly { readonly code: string; readonly severity: string; readonly message: string }[]
}

export interface Seen {
  readonly code: number
  readonly checks: readonly CheckSeen[]
  readonly stdout: string
}

/** The built program's `doctor --json` on one cluster, as ourselves or as another account. */
export async function doctor(dataDir: string, options: { readonly as?: Account; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {}): Promise<Seen> {
  const env = { PGWAL_STATE_DIR: `${os.tmpdir()}/pgwal-no-such-state`, HOME: os.homedir(), ...options.env }
  const args = [PROGRAM, 'doctor', '-D', dataDir, '--json']
  const me = { name: '', uid: process.getuid!(), gid: process.getgid!() }
  const ran: Ran = await runAs(options.as ?? me, process.execPath, args, { env, timeoutMs: options.timeoutMs ?? 120_000 })
  const report = JSON.parse(ran.stdout) as { clusters?: { checks: CheckSeen[] }[] }
  expect(report.clusters, ran.stdout).toHaveLength(1)
  return { code: ran.code, checks: report.clusters![0]!.checks, stdout: ran.stdout }
}

/** `check/code: message` of each error and warning that is not allowed, and of each check that crashed. */
export function alarms({ checks }: Pick<Seen, 'checks'>): string[] {
  return checks.flatMap(({ id, verdict, findings = [] }) => [
    ...(verdict === 'crash' ? [`${id} crashed`] : []),
    ...findings.filter(({ code, severity }) => severity !== 'info' && !ALLOWED.has(`${id}/${code}`)).map(({ code, message }) => `${id}/${code}: ${message}`),
  ])
}

/** What doctor says in this process, which is cheaper than a program each time; `days` later by the machine's clock. */
export async function look(server: TestServer, days = 0, env: Readonly<Record<string, string>> = {}): Promise<Pick<Seen, 'checks'>> {
  const host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: `${os.tmpdir()}/pgwal-no-such-state`, ...env })
  const now = host.now.bind(host)
  host.now = () => new Date(now().getTime() + days * 86_400_000)
  const { checks } = await diagnose(host, await clusterOf(server))
  return {
    checks: checks.map(({ id, verdict }): CheckSeen => ({
      id, verdict: verdict.kind, ...(verdict.kind === 'fail' ? { findings: verdict.findings.map(({ code, severity, params }) => ({ code, severity, message: JSON.stringify(params) })) } : {}),
    })),
  }
}

/** Fails with what doctor said, where it said anything. */
export async function expectNoAlarm(server: TestServer, when: string, options: { readonly daysLater?: number; readonly env?: Readonly<Record<string, string>> } = {}): Promise<void> {
  expect(alarms(await look(server, options.daysLater, options.env)), when).toEqual([])
}

/** Sets lines of the configuration, in place of those that the tests set before. */
export async function configure(server: TestServer, ...lines: string[]): Promise<void> {
  const file = `${server.dataDir}/postgresql.conf`
  const names = lines.map((line) => line.split(' ')[0]!)
  const kept = (await fs.readFile(file, 'utf8')).split('\n').filter((line) => !names.includes(line.split(' ')[0]!))
  await fs.writeFile(file, [...kept, ...lines, ''].join('\n'))
}

/** A directory of the server's own account below the test's root. */
export async function directoryOf(server: TestServer, name: string, mode = 0o700): Promise<string> {
  const path = `${server.root}/${name}`
  await fs.mkdir(path, { mode })
  await own(server, path)
  return path
}

/** Gives a file to the server's account. */
export async function own(server: TestServer, path: string): Promise<void> {
  if (isRoot) await fs.chown(path, server.account.uid, server.account.gid)
}

/** Why a test with these programs cannot run here; undefined when it can. */
export async function whyNotInstalled(...programs: string[]): Promise<string | undefined> {
  for (const program of programs) {
    const places = program.includes('/') ? [program] : (process.env['PATH'] ?? '').split(':').map((directory) => `${directory}/${program}`)
    const there = await Promise.all(places.map((place) => fs.access(place, fs.constants.X_OK).then(() => true, () => false)))
    if (!there.includes(true)) return `${program} is not installed`
  }
  return undefined
}

/** Finishes a segment with something in it. */
export async function switchWal(server: TestServer): Promise<void> {
  await server.query("SELECT pg_create_restore_point('healthy')")
  await server.query('SELECT pg_switch_wal()')
}

/** Waits until nothing waits for the archiver. */
export async function drained(server: TestServer): Promise<void> {
  await eventually(async () => !(await fs.readdir(`${server.dataDir}/pg_wal/archive_status`)).some((name) => name.endsWith('.ready')), 'an empty queue')
}

/** Many small transactions on several connections, until it is told to stop. */
export async function load(server: TestServer, clients = 4): Promise<{ stop(): Promise<void> }> {
  let running = true
  const open = await Promise.all(Array.from({ length: clients }, async () => {
    const client = server.client()
    await client.connect()
    return client
  }))
  await open[0]!.query('CREATE TABLE IF NOT EXISTS load (id serial PRIMARY KEY, at timestamptz DEFAULT now(), filler text)')
  const work = open.map(async (client) => {
    while (running) await client.query("INSERT INTO load (filler) VALUES (repeat('x', 200))")
  })
  return {
    async stop() {
      running = false
      await Promise.all(work)
      await Promise.all(open.map((client) => client.end()))
    },
  }
}
