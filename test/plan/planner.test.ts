// Facts and goals in, plan or refusal out: no machine.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Goal } from '../../src/plan/goal.ts'
import { makePlan } from '../../src/plan/planner.ts'
import type { ArchivePlace, PlanInput } from '../../src/plan/planner.ts'
import type { Plan, Step, WriteFileStep } from '../../src/plan/plan.ts'
import { kindOf } from '../../src/plan/steps/index.ts'
import { archiveCommand, archiveScript } from '../../src/postgres/archive-command/index.ts'
import { readConfiguration } from '../../src/postgres/conf/index.ts'
import type { FileSource } from '../../src/postgres/file-source.ts'
import { readHba } from '../../src/postgres/hba/index.ts'

const owner = { name: 'postgres', uid: 101, gid: 104 }
const encode = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function source(files: Record<string, string>): FileSource {
  const missing = (path: string) => Promise.reject(Object.assign(new Error(path), { code: 'ENOENT' }))
  return { read: (path) => (files[path] === undefined ? missing(path) : Promise.resolve(encode(files[path]))), list: missing }
}

interface Situation {
  readonly conf?: string
  readonly auto?: string
  readonly hba?: string
  readonly major?: number
  readonly commandLine?: readonly (readonly [string, string])[]
  readonly archive?: Partial<ArchivePlace>
  readonly input?: Partial<PlanInput>
  readonly down?: boolean
}

const DIRECTORY = '/srv/backups/wal'
const SCRIPT = '/etc/pg/pgwal-archive.sh'
const COMMAND = archiveCommand(SCRIPT)
const ARCHIVE: Goal = { kind: 'archive', directory: DIRECTORY }
const script = encode(archiveScript({ archiveDir: DIRECTORY, systemIdentifier: 7n }))

async function decided(goals: readonly Goal[], situation: Situation = {}) {
  const { conf = '', auto, hba = 'local all all peer\n', major = 15, commandLine = [], down = false } = situation
  const cluster = {
    platform: 'linux-apt', id: '15/main', version: `${major}`, major, dataDir: '/pg/data', configFile: '/etc/pg/postgresql.conf', hbaFile: '/etc/pg/pg_hba.conf',
    owner, port: 5432, socketDirs: [], commandLine, running: !down, service: { kind: 'systemd', name: 'postgresql@15-main' }, evidence: [], notes: [],
  } as const
  const files = source({ '/etc/pg/postgresql.conf': conf, '/etc/pg/pg_hba.conf': hba, ...(auto === undefined ? {} : { '/pg/data/postgresql.auto.conf': auto }) })
  const service = { describe: 'systemctl restart postgresql@15-main', restart: [], start: [{ file: 'systemctl', args: ['start', 'postgresql@15-main'], timeoutMs: 1 }], stop: [], reload: [], needsRoot: true }
  return makePlan({
    cluster, service, goals,
    configuration: await readConfiguration(files, { configFile: cluster.configFile, dataDir: cluster.dataDir, major, commandLine }),
    hba: await readHba(files, { hbaFile: cluster.hbaFile, major, features: { ssl: true } }),
    dataPlaces: ['/pg/data', '/wal/pg_wal'],
    archive: { directory: DIRECTORY, realPath: DIRECTORY, kind: 'directory', missing: [], parentIsRoots: false, writable: { ok: true }, ...situation.archive },
    scriptPath: SCRIPT, script, systemIdentifier: '7', segmentSize: 16 << 20, connections: 4, restart: true, rootsFiles: new Set(), sha256, ...situation.input,
  })
}

async function planned(goals: readonly Goal[], situation: Situation = {}): Promise<Plan> {
  const done = await decided(goals, situation)
  if (done.kind === 'refusal') throw new Error(`${done.code} ${JSON.stringify(done.params)}`)
  return done.plan
}

/** The lines that a plan adds to or changes in a file. */
function added(plan: Plan, path: string): string[] {
  const step = plan.steps.find((one): one is WriteFileStep => one.kind === 'write-file' && one.path === path)
  if (step === undefined) return []
  const before = new Set(step.before === null ? [] : decode(step.before.bytes).split('\n'))
  return decode(step.after.bytes).split('\n').filter((line) => !before.has(line))
}

const conf = (plan: Plan) => added(plan, '/etc/pg/postgresql.conf')
const kinds = (plan: Plan) => plan.steps.map(({ kind }) => kind)
const setting = (name: string, value: string, atLeast = true): Goal => ({ kind: 'setting', name, value, atLeast })

describe('settings', () => {
  it.each<[string, Situation, Goal, string[]]>([
    ['wal_level minimal is raised', { conf: 'wal_level = minimal\nmax_wal_senders = 0\n' }, setting('wal_level', 'replica'), ['wal_level = replica']],
    ['logical stays', { conf: 'wal_level = logical\n' }, setting('wal_level', 'replica'), []],
    ['the old name of replica is replica', { conf: 'wal_level = hot_standby\n' }, setting('wal_level', 'replica'), []],
    ['the default is good enough', {}, setting('wal_level', 'replica'), []],
    ['always is more than on', { conf: 'archive_mode = always\n' }, setting('archive_mode', 'on'), []],
    ['more senders stay', { conf: 'max_wal_senders = 20\n' }, setting('max_wal_senders', '3'), []],
    ['too few senders are raised', { conf: 'max_wal_senders = 1\n' }, setting('max_wal_senders', '3'), ['max_wal_senders = 3']],
    ['units count', { conf: "wal_keep_size = '2GB'\n" }, setting('wal_keep_size', '1024MB'), []],
    ['a bare number has the unit of the setting', { conf: 'wal_keep_size = 1023\n' }, setting('wal_keep_size', '1GB'), ['wal_keep_size = 1GB']],
    ['12 keeps segments', { major: 12 }, setting('wal_keep_size', '1GB'), ['wal_keep_segments = 64']],
    ['12 keeps more of small segments', { major: 12, input: { segmentSize: 1 << 20 } }, setting('wal_keep_size', '1GB'), ['wal_keep_segments = 1024']],
    ['exactly, where it is not at least', { conf: 'archive_timeout = 1h\n' }, setting('archive_timeout', '5min', false), ['archive_timeout = 5min']],
  ])('%s', async (_, situation, goal, lines) => {
    expect(conf(await planned([goal], situation))).toEqual(lines)
  })

  it('all edits of a file are one step, and every other byte stays', async () => {
    const text = "# mine\n#archive_mode = off\t# comment\nwal_level = minimal # why\nmax_wal_senders=0\n\nport=5433"
    const plan = await planned([ARCHIVE, setting('wal_level', 'replica'), setting('max_wal_senders', '3')], { conf: text })
    expect(kinds(plan)).toEqual(['write-file', 'restart'])
    const step = plan.steps[0] as WriteFileStep
    expect(decode(step.after.bytes)).toBe(`# mine\n#archive_mode = off\t# comment\narchive_mode = on\nwal_level = replica # why\nmax_wal_senders=3\n\nport=5433\narchive_command = '${COMMAND.replaceAll("'", "''")}'\n`)
    expect(step.after.sha256).toBe(sha256(step.after.bytes))
    expect(kindOf(step).describe(step)).toMatchObject({ kind: 'write-file', path: '/etc/pg/postgresql.conf', diff: expect.stringMatching(/^--- .*\n\+\+\+ .*\n@@ /) })
  })

  it('where postgresql.auto.conf decides, ALTER SYSTEM; never the file', async () => {
    const plan = await planned([ARCHIVE], { conf: "archive_mode = on\narchive_command = 'x'\n", auto: "archive_command = 'cp %p ''/a b''/%f'\n" })
    expect(plan.steps[0]).toMatchObject({
      kind: 'sql', about: 'ALTER SYSTEM SET archive_command', undo: ["ALTER SYSTEM SET \"archive_command\" = 'cp %p ''/a b''/%f'"],
      autoConf: { path: '/pg/data/postgresql.auto.conf', set: { archive_command: COMMAND } },
    })
    expect(kinds(plan)).toEqual(['sql', 'reload'])
  })

  it('the same goals again: no steps', async () => {
    const first = await planned([ARCHIVE, setting('wal_keep_size', '1GB')])
    const text = decode((first.steps[0] as WriteFileStep).after.bytes)
    const running = new Map([['archive_mode', 'on'], ['archive_command', COMMAND], ['wal_keep_size', '1GB']])
    expect((await planned([ARCHIVE, setting('wal_keep_size', '1GB')], { conf: text, input: { running } })).steps).toEqual([])
  })
})

describe('the server', () => {
  const on = `archive_mode = on\narchive_command = '${COMMAND.replaceAll("'", "''")}'\n`

  it.each<[string, Goal[], Situation, { steps: string[]; restartFor: string[] }]>([
    ['restarts only for what needs it', [setting('wal_keep_size', '1GB')], {}, { steps: ['write-file', 'reload'], restartFor: [] }],
    ['restarts when the files have it and the server does not', [ARCHIVE], { conf: on, input: { running: new Map([['archive_mode', 'off'], ['archive_command', COMMAND]]) } }, { steps: ['restart'], restartFor: ['archive_mode'] }],
    ['reloads when only that is missing', [ARCHIVE], { conf: on, input: { running: new Map([['archive_mode', 'on'], ['archive_command', '']]) } }, { steps: ['reload'], restartFor: [] }],
    ['is not restarted where the user does not want it', [ARCHIVE], { input: { restart: false, running: new Map([['archive_mode', 'off'], ['archive_command', '']]) } }, { steps: ['write-file', 'reload'], restartFor: ['archive_mode'] }],
    ['that is down is left down', [ARCHIVE], { down: true }, { steps: ['write-file'], restartFor: ['archive_mode'] }],
    ['in force: any setting of the files', [{ kind: 'in-force' }], { conf: 'max_connections = 200\n', input: { running: new Map([['max_connections', '100']]) } }, { steps: ['restart'], restartFor: ['max_connections'] }],
    ['in force: what is the same in other words', [{ kind: 'in-force' }], { conf: 'shared_buffers = 131072kB\n', input: { running: new Map([['shared_buffers', '128MB']]) } }, { steps: [], restartFor: [] }],
    ['in force: rules that were not read yet', [{ kind: 'in-force' }], { input: { hbaStale: true } }, { steps: ['reload'], restartFor: [] }],
  ])('%s', async (_, goals, situation, wanted) => {
    const plan = await planned(goals, situation)
    expect({ steps: kinds(plan), restartFor: plan.effects.restartFor }).toEqual(wanted)
    expect(plan.effects.connectionsDropped).toBe(wanted.steps.includes('restart') ? 4 : 0)
  })
})

describe('the archive', () => {
  it('each missing directory is a step, the last one for the owner alone', async () => {
    const plan = await planned([ARCHIVE], { archive: { kind: 'absent', missing: ['/srv/backups', DIRECTORY], parentIsRoots: true }, input: { script: null } })
    expect(plan.steps.slice(0, 3)).toEqual([
      { kind: 'make-directory', path: '/srv/backups', owner, mode: 0o755, asRoot: true },
      { kind: 'make-directory', path: DIRECTORY, owner, mode: 0o700 },
      { kind: 'write-file', role: 'archive-script', path: SCRIPT, owner, before: null, after: { bytes: script, sha256: sha256(script) }, mode: 0o644 },
    ])
    expect(plan.seen).toContainEqual({ path: SCRIPT, sha256: null })
  })

  it('files in a directory of root\'s are written by root', async () => {
    const plan = await planned([ARCHIVE], { input: { script: null, rootsFiles: new Set([SCRIPT, '/etc/pg/postgresql.conf']) } })
    expect(plan.steps.filter((step: Step) => step.kind === 'write-file' && step.asRoot === true)).toHaveLength(2)
  })

  it('a script for another directory is written anew', async () => {
    const plan = await planned([ARCHIVE], { input: { script: encode(archiveScript({ archiveDir: '/old', systemIdentifier: 7n })) } })
    expect(plan.steps[0]).toMatchObject({ kind: 'write-file', role: 'archive-script', before: { sha256: expect.any(String) } })
  })
})

describe('replication rules', () => {
  const rules = (plan: Plan) => added(plan, '/etc/pg/pg_hba.conf').map((line) => line.replaceAll(/ +/g, ' '))
  const from = (...addresses: string[]): Goal => ({ kind: 'replication-rule', user: 'backup', addresses })

  it.each<[string, string, string[], Partial<PlanInput>, string[]]>([
    ['a password where nothing is known', 'local all all peer\n', ['127.0.0.1/32'], {}, ['host replication backup 127.0.0.1/32 scram-sha-256']],
    ['md5 for a role with such a secret', 'local all all peer\n', ['10.0.0.0/8'], { role: { exists: true, login: true, replication: true, superuser: false, secret: 'md5' } }, ['host replication backup 10.0.0.0/8 md5']],
    ['trust only on this machine, and only where everybody has it', 'host all all 127.0.0.1/32 trust\n', ['127.0.0.1/32', '10.0.0.0/8'], {}, ['host replication backup 127.0.0.1/32 trust', 'host replication backup 10.0.0.0/8 scram-sha-256']],
    ['trust for one is no trust for its WAL', 'host all backup 127.0.0.1/32 trust\n', ['127.0.0.1/32'], {}, ['host replication backup 127.0.0.1/32 scram-sha-256']],
    ['peer on the socket', 'local all all peer\n', ['local'], {}, ['local replication backup peer']],
    ['as the others are asked', 'host all all ::1/128 md5\n', ['::1/128'], {}, ['host replication backup ::1/128 md5']],
    ['nothing where a rule serves', 'host replication all 10.0.0.0/8 md5\n', ['10.1.0.0/16'], {}, []],
  ])('%s', async (_, hba, addresses, input, lines) => {
    const plan = await planned([from(...addresses)], { hba, input })
    expect(rules(plan)).toEqual(lines)
    expect(kinds(plan)).toEqual(lines.length === 0 ? [] : ['write-file', 'reload'])
  })
})

describe('the role', () => {
  const goal: Goal = { kind: 'replication-role', user: 'b"k' }
  const role = { exists: true, login: true, replication: true, superuser: false, secret: 'none' } as const

  it.each([
    ['is there', role, []],
    ['superusers may', { ...role, replication: false, superuser: true }, []],
    ['lacks both', { ...role, login: false, replication: false }, [{ apply: ['ALTER ROLE "b""k" LOGIN REPLICATION'], undo: ['ALTER ROLE "b""k" NOLOGIN NOREPLICATION'] }]],
    ['lacks one', { ...role, replication: false }, [{ apply: ['ALTER ROLE "b""k" REPLICATION'], undo: ['ALTER ROLE "b""k" NOREPLICATION'] }]],
    ['is not there', { ...role, exists: false, login: false, replication: false }, [{ apply: ['CREATE ROLE "b""k" LOGIN REPLICATION'], undo: ['DROP ROLE "b""k"'] }]],
    ['is not known', undefined, []],
  ] as const)('%s', async (_, state, steps) => {
    const plan = await planned([goal], { input: state === undefined ? {} : { role: state } })
    expect(plan.steps).toMatchObject(steps)
    expect(plan.steps).toHaveLength(steps.length)
  })
})

describe('a sandboxed service', () => {
  const on = `archive_mode = on\narchive_command = '${COMMAND.replaceAll("'", "''")}'\n`
  const sandbox = { unit: 'postgresql-17', access: 'read-only', because: 'ProtectSystem=strict', dropIn: '/units/x.d/pgwal.conf', before: null, missing: ['/units/x.d'] } as const
  const running = new Map([['archive_mode', 'on'], ['archive_command', COMMAND]])
  const dropIn = (plan: Plan) => plan.steps.find((step): step is WriteFileStep => step.kind === 'write-file' && step.role === 'unit-drop-in')

  it('is opened by a drop-in of root\'s, that systemd reads before the restart', async () => {
    const plan = await planned([ARCHIVE], { conf: on, input: { running, sandbox } })
    expect(kinds(plan)).toEqual(['make-directory', 'write-file', 'daemon-reload', 'restart'])
    expect(plan.steps[0]).toMatchObject({ path: '/units/x.d', owner: { uid: 0 }, mode: 0o755, asRoot: true })
    expect(dropIn(plan)).toMatchObject({ path: '/units/x.d/pgwal.conf', owner: { uid: 0 }, mode: 0o644, before: null, asRoot: true })
    expect(decode(dropIn(plan)!.after.bytes)).toContain('\n[Service]\nReadWritePaths=-/srv/backups/wal\n')
    expect(plan.effects).toMatchObject({ restart: true, restartFor: ['ReadWritePaths'] })
    expect(plan.seen).toContainEqual({ path: '/units/x.d/pgwal.conf', sha256: null })
  })

  it('keeps what is in the drop-in already', async () => {
    const before = encode('[Service]\nReadWritePaths=/mnt/old\n')
    const plan = await planned([ARCHIVE], { conf: on, input: { running, sandbox: { ...sandbox, before, missing: [] } } })
    expect(kinds(plan)).toEqual(['write-file', 'daemon-reload', 'restart'])
    expect(decode(dropIn(plan)!.after.bytes)).toMatch(/^\[Service\]\nReadWritePaths=\/mnt\/old\n/)
  })

  it('only has to be restarted when the drop-in came after its start', async () => {
    const before = encode('[Service]\nReadWritePaths=-/srv/backups/wal\n')
    expect(kinds(await planned([ARCHIVE], { conf: on, input: { running, sandbox: { ...sandbox, before, missing: [] } } }))).toEqual(['daemon-reload', 'restart'])
  })

  it('that is open needs nothing', async () => {
    expect(kinds(await planned([ARCHIVE], { conf: on, input: { running, sandbox: { ...sandbox, access: 'open' } } }))).toEqual([])
  })

  it('that is down is prepared, and left down', async () => {
    expect(kinds(await planned([ARCHIVE], { conf: on, down: true, input: { sandbox: { ...sandbox, missing: [] } } }))).toEqual(['write-file', 'daemon-reload'])
  })
})

describe('refuses', () => {
  const auto = "archive_mode = 'off'\n"
  it.each<[string, Goal[], Situation, object]>([
    ['a relative directory', [{ kind: 'archive', directory: 'wal' }], {}, { code: 'archive-directory-relative', params: { path: 'wal' } }],
    ['the data directory', [ARCHIVE], { archive: { realPath: '/pg/data/wal' } }, { code: 'archive-directory-inside', params: { inside: '/pg/data' } }],
    ['pg_wal on its own disk', [ARCHIVE], { archive: { realPath: '/wal/pg_wal' } }, { code: 'archive-directory-inside' }],
    ['a file', [ARCHIVE], { archive: { kind: 'other' } }, { code: 'archive-directory-not-directory' }],
    ['the archive of another cluster', [ARCHIVE], { archive: { usedBy: '14/main' } }, { code: 'archive-directory-used', params: { cluster: '14/main' } }],
    ['a place that macOS keeps from services', [ARCHIVE], { archive: { guarded: true } }, { code: 'archive-directory-guarded', params: {} }],
    ['segments of another cluster', [ARCHIVE], { archive: { foreign: '8' } }, { code: 'archive-directory-foreign', params: { found: '8', own: '7' } }],
    ['a directory that the server cannot write', [ARCHIVE], { archive: { writable: { ok: false, code: 'EROFS' } } }, { code: 'archive-directory-unwritable', params: { reason: 'EROFS', owner: 'postgres' } }],
    ['a directory that the service does not see', [ARCHIVE], { input: { sandbox: { unit: 'postgresql-17', access: 'hidden', because: 'PrivateTmp=yes', dropIn: '/x', before: null, missing: [] } } }, { code: 'archive-directory-hidden', params: { unit: 'postgresql-17', because: 'PrivateTmp=yes' } }],
    ['to fight an archive library', [ARCHIVE], { conf: "archive_library = 'basic_archive'\n" }, { code: 'archive-library-set', params: { value: 'basic_archive' } }],
    ['to break another tool\'s backups', [ARCHIVE], { conf: "archive_command = 'pgbackrest --stanza=x archive-push %p'\n" }, { code: 'archive-tool-present', params: { tool: 'pgbackrest' } }],
    ['what the command line decides', [ARCHIVE], { commandLine: [['archive_mode', 'off']] }, { code: 'command-line-wins', params: { name: 'archive_mode', value: 'off', service: 'systemd postgresql@15-main' } }],
    ['what ALTER SYSTEM may not change', [ARCHIVE], { auto, major: 17, conf: 'allow_alter_system = off\n' }, { code: 'alter-system-forbidden', params: { name: 'archive_mode' } }],
    ['ALTER SYSTEM on a server that is down', [ARCHIVE], { auto, down: true }, { code: 'server-down', params: { command: 'systemctl start postgresql@15-main' } }],
    ['a broken file', [ARCHIVE], { conf: 'port = 1\nwal_level = = x\n' }, { code: 'configuration-broken', params: { file: '/etc/pg/postgresql.conf', line: 2 } }],
    ['a value that is none', [setting('wal_keep_size', '1gb')], {}, { code: 'setting-impossible', params: { name: 'wal_keep_size' } }],
    ['to overrule a reject', [{ kind: 'replication-rule', user: 'b', addresses: ['10.0.0.1/32'] }], { hba: 'local all all peer\nhost replication b 10.0.0.0/8 reject\n' }, { code: 'rule-refused', params: { line: 2, user: 'b' } }],
    ['rules that do not load', [{ kind: 'replication-rule', user: 'b', addresses: ['10.0.0.1/32'] }], { hba: 'local all all peer\nhost all all 10.0.0.0/8 no-such-method\n' }, { code: 'configuration-broken', params: { file: '/etc/pg/pg_hba.conf', line: 2 } }],
  ])('%s', async (_, goals, situation, refusal) => {
    expect(await decided(goals, situation)).toMatchObject({ kind: 'refusal', ...refusal })
  })
})
