import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { logFact } from '../../src/facts/log.ts'
import { eventMessages, findArchiverLines } from '../../src/facts/log-lines.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { CLUSTER } from '../support/run-check.ts'

const FAILED = '2026-03-01 12:00:01 UTC [12] LOG:  archive command failed with exit code 1\n'
const QUIET = '2026-03-02 12:00:01 UTC [12] LOG:  checkpoint complete\n'

/** The log fact of a stopped cluster with these files in its data directory. */
async function look(files: Readonly<Record<string, string>>, logFile?: string) {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-log-'))
  try {
    await fs.writeFile(path.join(root, 'postgresql.conf'), '')
    await fs.mkdir(path.join(root, 'log'))
    for (const [name, text] of Object.entries(files)) await fs.writeFile(path.join(root, name), text)
    const host = new NodeHost({ PATH: process.env['PATH'] })
    const { pid, ...stopped } = CLUSTER
    expect(pid).toBeDefined()
    const { gathering, close } = await gatheringFor(host, { ...stopped, running: false, dataDir: root, configFile: path.join(root, 'postgresql.conf'), owner: await host.self(), ...(logFile === undefined ? {} : { logFile: path.join(root, logFile) }) })
    const outcome = await gathering.fact(logFact)
    await close()
    if (!outcome.ok) throw new Error(outcome.why.code)
    return { ...outcome.value, source: path.relative(root, outcome.value.source) }
  } finally {
    await fs.rm(root, { recursive: true })
  }
}

it('the newest file that the collector names, and the one before the rotation where that says nothing', async () => {
  const current = { current_logfiles: 'stderr log/postgresql-2026-03-02_000000.log\n' }
  expect(await look({ ...current, 'log/postgresql-2026-03-02_000000.log': FAILED, 'log/postgresql-2026-03-01_000000.log': FAILED })).toMatchObject({ source: 'log/postgresql-2026-03-02_000000.log', archiverLines: [{ exitCode: 1 }] })
  const rotated = await look({ ...current, 'log/postgresql-2026-03-01_000000.log': FAILED, 'log/another.log': FAILED, 'log/postgresql-2026-03-02_000000.log': QUIET })
  expect(rotated).toMatchObject({ source: 'log/postgresql-2026-03-01_000000.log', rotated: true, archiverLines: [{ exitCode: 1 }] })
})

it('what logrotate has moved away, and never the log of another cluster', async () => {
  expect(await look({ 'log/main.log': QUIET, 'log/main.log.1': FAILED }, 'log/main.log')).toMatchObject({ source: 'log/main.log.1', rotated: true })
  expect(await look({ 'log/main.log': QUIET, 'log/other.log': FAILED }, 'log/main.log')).toEqual({ source: 'log/main.log', archiverLines: [] })
})

it('the command\'s own words from the text log, the server\'s from the CSV', async () => {
  const row = '2026-03-01 12:00:01.123 UTC,,,12,,69a,1,,2026-03-01 12:00:00 UTC,,0,LOG,00000,"archive command failed with exit code 1","The failed archive command was: x",,,,,,,,"","archiver",,0\n'
  expect(await look({ current_logfiles: 'csvlog log/x.csv\n', 'log/x.log': 'cp: Permission denied\n', 'log/x.csv': row })).toMatchObject({ archiverLines: [{ cause: 'cp: Permission denied', exitCode: 1 }] })
})

it('Windows\' event log, whose newest event comes first', () => {
  const event = (text: string) => `<Event><System><Provider Name='PostgreSQL'/></System><EventData><Data>${text}</Data></EventData></Event>`
  const text = eventMessages(event('2026-03-01 12:00:02 UTC [1] LOG:  later') + event('2026-03-01 12:00:01 UTC [12] LOG:  archive command failed with exit code 4\n2026-03-01 12:00:01 UTC [12] DETAIL:  The failed archive command was: copy &quot;x&quot; &gt;NUL'))
  expect(findArchiverLines(text, 'stderr')).toMatchObject([{ exitCode: 4, command: 'copy "x" >NUL' }])
  expect(text.endsWith('later')).toBe(true)
})
