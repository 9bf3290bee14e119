// What is far too much: files of gigabytes, directories of a hundred thousand names, programs that never stop talking. The real program
// answers, and its memory stays below a limit that does not depend on what it was given.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findProgram } from '../../src/host/processes.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import type { ProgramRun } from '../support/pgwal.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'

/** docs/safety.md promises it. */
const MOST_MIB = 256
const MANY = 100_000
const GIB = 2 ** 30

let state: string
let peaks: string
const worst: string[] = []

beforeAll(async () => {
  state = await stateDirectory()
  peaks = path.join(state, 'peaks.mjs')
  await fs.writeFile(peaks, "import fs from 'node:fs'\nprocess.on('exit', () => { fs.writeFileSync(process.env.PGWAL_TEST_PEAK, String(process.resourceUsage().maxRSS)) })\n")
})
afterAll(async () => {
  process.stdout.write(`memory: ${worst.join(', ')} MiB\n`)
  await fs.rm(state, { recursive: true, force: true })
})

/** Runs the program, and holds it to the limit. */
async function bounded(label: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ProgramRun> {
  const peak = path.join(state, 'peak')
  await fs.rm(peak, { force: true })
  const done = await pgwal(args, { PGWAL_STATE_DIR: state, NODE_OPTIONS: `--import=${pathToFileURL(peaks).href}`, PGWAL_TEST_PEAK: peak, ...env })
  const mib = Number(await fs.readFile(peak, 'utf8')) / 1024
  worst.push(`${label} ${Math.round(mib)}`)
  expect(mib, label).toBeGreaterThan(10)
  expect(mib, label).toBeLessThan(MOST_MIB)
  expect([0, 1, 2], `${label}\n${done.stderr}`).toContain(done.code)
  expect(done.stdout + done.stderr, label).not.toMatch(/(Type|Range|Reference)Error|\n {4}at /)
  return done
}

describe('files and directories', () => {
  let server: TestServer
  const file = (name: string) => path.join(server.dataDir, name)
  const kept = new Map<string, Buffer>()

  beforeAll(async () => {
    // Names in memory cost nothing.
    server = await TestServer.create(16, { where: (await fs.stat('/dev/shm').then(() => true, () => false)) ? '/dev/shm' : os.tmpdir() })
    for (const name of ['postgresql.conf', 'pg_hba.conf']) kept.set(name, await fs.readFile(file(name)))
  })
  afterAll(() => server.remove())

  const fill = async (directory: string, name: (at: number) => string): Promise<void> => {
    await fs.mkdir(directory, { recursive: true })
    for (let from = 0; from < MANY; from += 1_000) await Promise.all(Array.from({ length: 1_000 }, (_one, at) => fs.writeFile(path.join(directory, name(from + at)), '')))
  }
  const segment = (at: number): string => `00000001${(at >> 8).toString(16).toUpperCase().padStart(8, '0')}${(at & 0xff).toString(16).toUpperCase().padStart(8, '0')}`
  const conf = (text: string) => fs.appendFile(file('postgresql.conf'), text)

  /** What is done to the cluster, and what doctor must not say is well afterwards. */
  const cases: readonly (readonly [string, () => Promise<unknown>, string | undefined])[] = [
    ['postgresql.conf of 2 GB', () => fs.truncate(file('postgresql.conf'), 2 * GIB), 'configuration-loads'],
    ['pg_hba.conf of 2 GB', () => fs.truncate(file('pg_hba.conf'), 2 * GIB), 'hba-loads'],
    ['an included file of 2 GB', async () => {
      await fs.writeFile(file('huge.conf'), '')
      await fs.truncate(file('huge.conf'), 2 * GIB)
      await conf("include 'huge.conf'\n")
    }, 'configuration-loads'],
    ['a log of 2 GB', async () => {
      await fs.mkdir(file('log'), { recursive: true })
      await fs.writeFile(file('log/a.log'), '')
      await fs.truncate(file('log/a.log'), 2 * GIB)
      await fs.writeFile(file('current_logfiles'), 'stderr log/a.log\n')
      await conf('logging_collector = on\n')
    }, undefined],
    ['a directory of 2,000 included files that include each other', async () => {
      await fs.mkdir(file('conf.d'), { recursive: true })
      for (let at = 0; at < 2_000; at++) await fs.writeFile(file(`conf.d/${at}.conf`), "include_dir '../conf.d'\n")
      await conf("include_dir 'conf.d'\n")
    }, 'configuration-loads'],
    [`an archive of ${MANY} names`, async () => {
      await fill(path.join(server.root, 'wal'), segment)
      await conf(`archive_mode = on\narchive_command = 'test ! -f ${server.root}/wal/%f && cp %p ${server.root}/wal/%f'\n`)
    }, undefined],
    [`${MANY} segments that wait`, () => fill(file('pg_wal/archive_status'), (at) => `${segment(at)}.ready`), 'archiver-backlog'],
  ]

  it.each(cases)('%s', async (label, spoil, notWell) => {
    try {
      await spoil()
      const done = await bounded(label, ['doctor', '--json', '-D', server.dataDir])
      const checks = done.json().clusters?.[0]?.checks as { id: string; verdict: string }[] | undefined
      if (notWell !== undefined && checks !== undefined) expect(checks.find(({ id }) => id === notWell)?.verdict, JSON.stringify(checks)).not.toBe('pass')
      expect(checks?.filter(({ verdict }) => verdict === 'crash') ?? []).toEqual([])
    } finally {
      for (const name of ['huge.conf', 'log', 'current_logfiles', 'conf.d', 'pg_wal/archive_status', '../wal']) await fs.rm(file(name), { recursive: true, force: true })
      await fs.mkdir(file('pg_wal/archive_status'))
      for (const [name, bytes] of kept) await fs.writeFile(file(name), bytes)
    }
  }, 240_000)
})

describe.skipIf(findProgram('pg_lsclusters', process.env['PATH']) === undefined)('a pg_lsclusters that', () => {
  const programs: readonly (readonly [string, string])[] = [
    ['writes without end', 'exec yes \'{"port": "5432"},\''],
    ['writes one line without end', 'exec tr \'\\0\' x </dev/zero'],
    ['complains without end', 'exec yes complaint >&2'],
    ['leaves somebody behind who does', '(yes 17 main 5432 online postgres /nowhere /nowhere &)\nexit 0'],
    ['writes a list of a million clusters', "exec awk 'BEGIN { for (i = 0; i < 1000000; i++) print \"17 c\" i \" 5432 down postgres /nowhere/\" i \" /nowhere/log\" }'"],
  ]

  it.each(programs)('%s: is ended, and the rest is looked at', async (label, script) => {
    const tools = await fs.mkdtemp(path.join(state, 'tools-'))
    const server = await TestServer.create(15)
    try {
      await fs.writeFile(path.join(tools, 'pg_lsclusters'), `#!/bin/sh\necho $$ >>'${tools}/pids'\n${script}\n`, { mode: 0o755 })
      await server.start()
      const done = await bounded(`pg_lsclusters ${label}`, ['clusters', '--json'], { PATH: `${tools}:${process.env['PATH']!}` })
      // A server that runs is found without it.
      expect(done.json().clusters.map(({ dataDir }: { dataDir: string }) => dataDir), done.stdout.slice(0, 2000)).toContain(server.dataDir)
      const pids = (await fs.readFile(path.join(tools, 'pids'), 'utf8')).trim().split('\n').map(Number)
      // What writes to nobody any more ends at its next write.
      await eventually(async () => {
        const groups = await fs.readdir('/proc').then((names) => Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => fs.readFile(`/proc/${name}/stat`, 'latin1').then((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]), () => 0))))
        return !pids.some((pid) => groups.includes(pid))
      }, 'the end of all processes', 10_000)
    } finally {
      await server.remove()
    }
  }, 240_000)
})
