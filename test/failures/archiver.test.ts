// An archiver that fails, made for real: what doctor names as the cause, and a clean bill after the remedy.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { names, Patient, remedy } from '../support/patient.ts'

let patient: Patient
beforeAll(async () => {
  patient = await Patient.create(17)
})
afterAll(() => patient.remove())

const command = (text: string) => text.replaceAll(/\bA\b/g, patient.archive).replaceAll(/\bS\b/g, patient.server.root)

/** Back to health; a server whose archiver died is started anew, because a new archiver comes only after ten seconds. */
async function heal(died = false): Promise<void> {
  await patient.set()
  if (died) {
    await patient.server.stop('immediate')
    await patient.server.start()
  } else await patient.reload()
  await patient.drain()
  expect(names(await patient.alarms())).toEqual([])
}

async function fails(text: string, pattern = /archive command failed with exit code/): Promise<string> {
  await patient.setCommand(command(text))
  await patient.reload()
  const next = (await patient.waiting())[0]
  await patient.logs(pattern)
  return next ?? (await patient.waiting())[0]!
}

/** `[row, command, what the log says, code, in the cause, in the remedy]` */
const uncounted: readonly (readonly [row: string, command: string, log: RegExp, code: string, cause: RegExp, remedy: string])[] = [
  ['A13', 'S/no-such-program %p %f', /exit code 127/, 'program-not-found', /no-such-program.*not found/, '|| exit 1'],
  ['A13', 'S/not-executable.sh %p %f', /exit code 126/, 'program-not-executable', /Permission denied/, 'chmod a+rx'],
  ['A13', 'cp %p A/.%f && exit 255', /exit code 255/, 'connection-failed', /255/, 'ssh -o BatchMode=yes'],
  ['A14', 'kill -9 $$', /signal 9/, 'killed', /signal 9/, 'dmesg'],
  ['A14', 'sh -c "kill -9 $$" || exit 137', /signal 9|exit code 137/, 'killed', /signal 9|137/, 'dmesg'],
  ['B11', 'kill -SYS $$', /signal 31/, 'system-call-blocked', /signal 31/, 'SystemCallFilter'],
]

describe('what the statistics do not count', () => {
  it.each(uncounted)('%s %s', async (_row, text, log, code, cause, words) => {
    await patient.write(`${patient.server.root}/not-executable.sh`, '#!/bin/sh\nexit 0\n')
    const { failed } = (await patient.server.query<{ failed: string }>('SELECT failed_count AS failed FROM pg_stat_archiver'))[0]!
    await fails(text, log)
    const found = (await patient.alarms()).find(({ name }) => name.startsWith('archiver-failures/'))
    expect(found).toMatchObject({ name: `archiver-failures/${code}`, severity: 'error', at: { file: patient.server.logFile } })
    expect(String(found!.params['cause'])).toMatch(cause)
    expect(remedy(found)).toContain(words)
    expect((await patient.server.query<{ failed: string }>('SELECT failed_count AS failed FROM pg_stat_archiver'))[0]!.failed).toBe(failed)
    await heal(true)
  })
})

describe('what is counted', () => {
  it('A05: the name in place of the path', async () => {
    await fails('cp %f A/%f')
    const found = await patient.alarms()
    expect(names(found)).toEqual(['archive-command/f-as-source', 'archive-command/no-p', 'archiver-failures/no-such-file'])
    expect(remedy(found[2])).toContain('%p, not %f')
    await heal()
  })

  it('A19: a percent sign that is no placeholder', async () => {
    await patient.setCommand(command('cp %p A/%Y/%f'))
    await patient.reload()
    await patient.logs(/unexpected placeholder|invalid value for parameter "archive_command"/)
    const found = await patient.alarms()
    expect(names(found).filter((name) => !/overwrites|not-atomic|archive-directory/.test(name))).toEqual(['archive-command/bad-placeholder', 'archiver-failures/failing-because'])
    expect(String(found.at(-1)!.params['cause'])).toContain('%Y')
    expect(remedy(found.find(({ name }) => name === 'archive-command/bad-placeholder'))).toContain('%%')
    await heal(true)
  })

  it('A15: a command that never ends', async () => {
    await patient.setCommand('sleep 1000')
    await patient.reload()
    await patient.switchWal()
    const later = new Proxy(patient.host, { get: (host, name) => (name === 'now' ? () => new Date(Date.now() + 11 * 60_000) : bound(host, name)) })
    let hanging = undefined
    await eventually(async () => (hanging = (await patient.alarms({}, {}, later)).find(({ name }) => name === 'archiver-failures/hanging')) !== undefined, 'a command that hangs', 20_000)
    expect(hanging).toMatchObject({ severity: 'error', params: { command: 'sleep 1000' } })
    expect(remedy(hanging)).toContain('timeout 300')
    // The remedy: end that command. Its own shell may stand between it and the archiver.
    for (const child of await descendants((hanging as unknown as { params: { pid: number } }).params.pid)) process.kill(child)
    await heal(true)
  })

  it('A23: a script that takes segments only', async () => {
    await patient.write(`${patient.server.root}/strict.sh`, `#!/bin/bash\n[[ $2 =~ ^[0-9A-F]{24}$ ]] || { echo "no WAL file: $2" >&2; exit 1; }\nexec sh ${patient.script} "$1" "$2"\n`, 0o755)
    await patient.setCommand(command('S/strict.sh %p %f || exit 1'))
    await patient.reload()
    const client = patient.server.client()
    await client.connect()
    await client.query("SELECT pg_backup_start('x', true)")
    await client.query('SELECT pg_backup_stop(false)')
    await client.end()
    await eventually(async () => (await patient.server.log()).includes('no WAL file'))
    const found = (await patient.alarms()).filter(({ name }) => name.startsWith('archiver-failures/'))
    expect(found).toMatchObject([{ name: 'archiver-failures/name-refused', params: { segment: expect.stringMatching(/\.backup$/) as string } }])
    expect(remedy(found[0])).toContain('64 characters')
    await heal()
  })

  it.each([
    ['A25', 'incomplete-copy', (own: Buffer) => own.subarray(0, 487_424)],
    ['A27', 'stored-already', (own: Buffer) => own],
    ['A06', 'other-file', (own: Buffer) => Buffer.alloc(own.length, 1)],
  ])('%s: what a guard without words refuses: %s', async (_row, code, content) => {
    await patient.setCommand('exit 1')
    await patient.reload()
    const segment = await patient.switchWal()
    await eventually(async () => (await patient.waiting()).includes(segment))
    const stored = path.join(patient.archive, segment)
    await patient.write(stored, content(await fs.readFile(path.join(patient.server.dataDir, 'pg_wal', segment))))
    await patient.setCommand(command('test ! -f A/%f && cp %p A/%f'))
    await patient.reload()
    await patient.failOnce()
    await eventually(async () => (await patient.server.log()).includes(`test ! -f ${stored}`))
    const found = (await patient.alarms()).find(({ name }) => name.startsWith('archiver-failures/'))
    expect(found).toMatchObject({ name: `archiver-failures/${code}`, params: { segment, path: stored }, at: { file: stored } })
    const moved = / mv (\S+) (\S+)/.exec(remedy(found))
    expect(code === 'other-file' || moved?.[1] === stored).toBe(true)
    // The remedy: out of the way; the archiver stores it anew.
    await fs.rename(stored, moved?.[2] ?? `${patient.server.root}/${segment}.other`)
    if (moved !== null) await fs.rm(moved[2]!)
    await heal()
  })
})

/** The processes below one, those at the bottom first. */
async function descendants(pid: number): Promise<number[]> {
  const children = (await fs.readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).trim().split(' ').filter((one) => one !== '').map(Number)
  return (await Promise.all(children.map(async (child) => [...await descendants(child), child]))).flat()
}

function bound(target: object, name: string | symbol): unknown {
  const value = Reflect.get(target, name) as unknown
  return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
}
