// A cluster with everything that enable can meet at once, made by a real server and then served on paper: a configuration file that
// is a link, with an ACL and an attribute, one that ALTER SYSTEM wrote, a role to be made, a unit to be opened, a restart to be done.
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { expect } from 'vitest'
import { selectRun, undo } from '../../src/app/undo.ts'
import type { Host } from '../../src/host/host.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { isTemporaryName } from '../../src/host/replace.ts'
import { execute } from '../../src/plan/executor.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { TestServer } from '../support/server.ts'
import { connectionOf, planFor } from '../plan/support.ts'
import { PAPER_SERVICE, PaperServer } from './paper-server.ts'

const ROLE = 'backup'
/** Where an fsync takes no time. */
const MEMORY = ['/dev/shm', os.tmpdir()].find((one) => fs.existsSync(one))!
const root = process.getuid?.() === 0

/** Files that are there before. */
const KEPT = ['etc/postgresql.conf', 'data/pg_hba.conf', 'data/postgresql.auto.conf']

/** Extended attributes with the ACL, of one file a line; where python3 is missing nothing is known of them. */
const ATTRIBUTES = `
import os, sys
for line in sys.stdin:
    file = line.rstrip("\\n")
    try:
        print(sorted((name, os.getxattr(file, name).hex()) for name in os.listxattr(file)), flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
`
const SET = `
import os, sys
file, uid = sys.argv[1:]
os.setxattr(file, "user.pgwal", b"kept")
os.setxattr(file, "system.posix_acl_access", bytes.fromhex("0200000001000600ffffffff02000400") + int(uid).to_bytes(4, "little") + bytes.fromhex("04000400ffffffff10000400ffffffff20000000ffffffff"))
`

/** How things stand, by name: what must be as before or as after. */
export type Standing = Readonly<Record<string, string>>

export class Scene {
  readonly #python: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string>
  before: Standing = {}
  after: Standing = {}
  /** Whether files here have ACLs and attributes that must be kept. */
  attributed = false

  private constructor(readonly server: TestServer, readonly plan: Plan, readonly units: string) {
    this.#python = spawn('python3', ['-c', ATTRIBUTES], { stdio: 'pipe' })
    this.#python.on('error', () => undefined)
    this.#python.stdin.on('error', () => undefined)
    this.#answers = readline.createInterface({ input: this.#python.stdout })[Symbol.asyncIterator]()
  }

  /** The real server is stopped when it returns. */
  static async create(): Promise<Scene> {
    const server = await TestServer.create(17, { hba: 'local all all trust\nhost all all 127.0.0.1/32 trust\n', conf: 'autovacuum = off\n', where: MEMORY })
    const conf = path.join(server.root, 'etc', 'postgresql.conf')
    fs.mkdirSync(path.dirname(conf))
    fs.renameSync(path.join(server.dataDir, 'postgresql.conf'), conf)
    fs.symlinkSync('../etc/postgresql.conf', path.join(server.dataDir, 'postgresql.conf'))
    if (root) {
      fs.chownSync(path.dirname(conf), server.account.uid, server.account.gid)
      fs.lchownSync(path.join(server.dataDir, 'postgresql.conf'), server.account.uid, server.account.gid)
    }
    const set = spawn('python3', ['-c', SET, conf, String(server.account.uid)], { stdio: 'ignore' })
    const attributed = await new Promise<boolean>((resolve) => {
      set.once('error', () => resolve(false))
      set.once('exit', (code) => resolve(code === 0))
    })
    await server.start()
    for (const setting of ["wal_keep_size = '16MB'", "work_mem = '5MB'"]) await server.query(`ALTER SYSTEM SET ${setting}`)
    await server.query('SELECT pg_reload_conf()')
    const host = new NodeHost({ PATH: process.env['PATH'], HOME: process.env['HOME'] })
    const units = fs.mkdtempSync(path.join(MEMORY, 'pgwal-units-'))
    const made = await planFor(host, server, [
      { kind: 'archive', directory: path.join(server.root, 'backups', 'wal') },
      { kind: 'setting', name: 'wal_level', value: 'logical', atLeast: true },
      { kind: 'setting', name: 'wal_keep_size', value: '1GB', atLeast: true },
      { kind: 'replication-role', user: ROLE },
      { kind: 'replication-rule', user: ROLE, addresses: ['127.0.0.1/32', '::1/128'] },
    ])
    await server.stop()
    fs.mkdirSync(path.join(server.root, 'kept'))
    for (const name of KEPT) execFileSync('cp', ['-a', path.join(server.root, name), path.join(server.root, 'kept')])
    const scene = new Scene(server, withUnit(made, host, units), units)
    scene.attributed = attributed
    scene.before = await scene.look()
    const state = scene.state()
    const paper = await scene.paper(state.host)
    const done = await execute(paper.host(), scene.plan, scene.options())
    if (done.outcome !== 'applied') throw new Error(JSON.stringify(done))
    scene.after = await scene.look(paper)
    const undone = await undo(paper.host(), (await selectRun(paper.host()))!, scene.options())
    if (undone.outcome !== 'undone') throw new Error(JSON.stringify(undone))
    paper.stop()
    state.remove()
    return scene
  }

  /** A state directory for one run, and a Host that uses it. */
  state(): { readonly host: NodeHost; readonly directory: string; remove(): void } {
    const directory = fs.mkdtempSync(path.join(MEMORY, 'pgwal-state-'))
    const host = new NodeHost({ PATH: process.env['PATH'], HOME: process.env['HOME'], PGWAL_STATE_DIR: directory })
    return { host, directory, remove: () => fs.rmSync(directory, { recursive: true, force: true }) }
  }

  /** A server that runs with what is in the files. */
  async paper(host: Host): Promise<PaperServer> {
    const paper = new PaperServer(host, this.plan.cluster, path.join(this.units, 'unit.d', 'pgwal.conf'))
    if (!(await paper.start())) throw new Error('the server on paper does not start')
    return paper
  }

  options() {
    return { connection: connectionOf(this.server) }
  }

  /** Directories of the cluster and of the service manager, in which files are changed. */
  directories(): string[] {
    return [this.server.dataDir, path.join(this.server.root, 'etc'), this.units]
  }

  /** Files, links and directories as they stand, and the role and settings of the server where one is given. */
  async look(paper?: PaperServer): Promise<Standing> {
    const found: Record<string, string> = {}
    const { dataDir, root: top } = this.server
    for (const file of ['postgresql.conf', 'pg_hba.conf', 'postgresql.auto.conf', 'pgwal-archive.sh', 'pgwal.lock'].map((name) => path.join(dataDir, name)).concat(
      path.join(top, 'etc', 'postgresql.conf'), path.join(top, 'backups'), path.join(top, 'backups', 'wal'), path.join(this.units, 'unit.d'), path.join(this.units, 'unit.d', 'pgwal.conf'))) {
      const info = fs.lstatSync(file, { throwIfNoEntry: false })
      if (info === undefined) continue
      const content = info.isDirectory() ? '' : info.isSymbolicLink() ? fs.readlinkSync(file) : fs.readFileSync(file, 'latin1')
      const attributes = info.isFile() && this.attributed ? await this.#attributes(file) : ''
      found[path.relative(top, file)] = [info.mode.toString(8), `${info.uid}:${info.gid}`, attributes, content].join(' ')
    }
    if (paper !== undefined) {
      found['role'] = JSON.stringify([...paper.roles])
      found['archive_mode'] = paper.settings.get('archive_mode') ?? 'off'
      found['wal_keep_size'] = paper.settings.get('wal_keep_size') ?? ''
    }
    return found
  }

  /** Names of temporary files that are left. */
  leftovers(): string[] {
    return this.directories().flatMap((directory) => fs.readdirSync(directory, { recursive: directory === this.units, encoding: 'utf8' })).filter((name) => isTemporaryName(path.basename(name)))
  }

  /** Of how things stand, which version the server's files have. */
  configurationOf(standing: Standing): string {
    return JSON.stringify(KEPT.map((name) => (standing[name] === this.before[name] ? 'before' : standing[name] === this.after[name] ? 'after' : 'neither')))
  }

  /** Has the real server start with each of the configurations; afterwards everything is as before. */
  async expectStarts(configurations: Iterable<string>): Promise<void> {
    this.reset()
    fs.rmSync(path.join(this.server.dataDir, 'postmaster.pid'), { force: true })
    for (const configuration of configurations) {
      const versions = JSON.parse(configuration) as string[]
      for (const [at, name] of KEPT.entries()) {
        expect(versions[at], configuration).toMatch(/^(before|after)$/)
        // Mode, owner, attributes and content, in the words of look().
        if (versions[at] === 'after') fs.writeFileSync(path.join(this.server.root, name), this.after[name]!.slice(/^\d+ \d+:\d+ (\[.*?\])? /.exec(this.after[name]!)![0].length), 'latin1')
      }
      await this.server.start()
      expect(await this.server.query('SELECT 1 AS one'), configuration).toEqual([{ one: 1 }])
      await this.server.stop()
      this.reset()
    }
  }

  /** Everything as before again, for what comes after a case that went wrong. */
  reset(): void {
    for (const name of ['data/pgwal-archive.sh', 'data/pgwal.lock', 'backups']) fs.rmSync(path.join(this.server.root, name), { recursive: true, force: true })
    fs.rmSync(path.join(this.units, 'unit.d'), { recursive: true, force: true })
    for (const name of KEPT) execFileSync('cp', ['-a', '--remove-destination', path.join(this.server.root, 'kept', path.basename(name)), path.join(this.server.root, name)])
  }

  async #attributes(file: string): Promise<string> {
    this.#python.stdin.write(`${file}\n`)
    const answer = await this.#answers.next()
    return answer.done === true ? '' : answer.value
  }

  async remove(): Promise<void> {
    this.#python.stdin.end()
    this.#python.kill()
    fs.rmSync(this.units, { recursive: true, force: true })
    fs.rmSync(path.join(this.server.dataDir, 'postmaster.pid'), { force: true })
    await this.server.remove()
  }
}

/** With a drop-in of the service's unit, which is root's where we are root. */
function withUnit(plan: Plan, host: Host, units: string): Plan {
  const directory = path.join(units, 'unit.d')
  const bytes = new TextEncoder().encode('[Service]\nReadWritePaths=-/srv\n')
  const owner = root ? { name: 'root', uid: 0, gid: 0 } : plan.cluster.owner
  const asRoot = root ? { asRoot: true } : {}
  const last = plan.steps.findIndex(({ kind }) => kind === 'restart')
  if (last === -1) throw new Error('a restart is part of the scene')
  return {
    ...plan,
    service: PAPER_SERVICE,
    steps: [
      ...plan.steps.slice(0, last),
      { kind: 'make-directory', path: directory, owner, mode: 0o755, ...asRoot },
      { kind: 'write-file', role: 'unit-drop-in', path: path.join(directory, 'pgwal.conf'), owner, before: null, after: { bytes, sha256: host.sha256(bytes) }, mode: 0o644, ...asRoot },
      { kind: 'daemon-reload' },
      ...plan.steps.slice(last),
    ],
    effects: { ...plan.effects, restartFor: [...plan.effects.restartFor, 'ReadWritePaths'] },
  }
}
