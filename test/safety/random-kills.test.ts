// The real program, killed with SIGKILL at random times of enable and of undo: files old or new, and the next undo leaves the old
// files and a server that answers. `PGWAL_LONG=1`: a thousand kills.
import { spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, PROGRAM, stateDirectory } from '../support/pgwal.ts'
import { LONG, SEED } from '../support/seed.ts'
import { TestServer } from '../support/server.ts'
import type { Major } from '../support/server.ts'
import { snapshot } from '../plan/support.ts'

/** Kills in all. Every fifth enable goes through a restart, which takes seconds; the others leave it to later. */
const KILLS = LONG ? 1_000 : 24
const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\n'

/** Runs the program, and kills it after `ms` unless it is through by then. */
async function killed(args: readonly string[], env: Readonly<Record<string, string>>, ms: number): Promise<boolean> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env }, stdio: 'ignore' })
  const ended = new Promise<string | null>((resolve, reject) => {
    child.once('exit', (_code, signal) => resolve(signal))
    child.once('error', reject)
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), ms)
  const signal = await ended
  clearTimeout(timer)
  return signal === 'SIGKILL'
}

async function lane(major: Major, kills: number, random: () => number): Promise<{ readonly hits: number; readonly open: number }> {
  const server = await TestServer.create(major, { hba: HBA, conf: 'autovacuum = off\n' })
  const state = await stateDirectory()
  const env = { PGWAL_STATE_DIR: state }
  const archive = path.join(server.root, 'wal')
  const enabling = (restart: boolean) => ['enable', '-D', server.dataDir, '--archive-dir', archive, '--yes', ...(restart ? [] : ['--no-restart'])]
  const undoing = ['undo', '--yes']
  const timed = async (args: readonly string[]): Promise<number> => {
    const start = Date.now()
    const done = await pgwal(args, env)
    expect(done.code, `${args.join(' ')}\n${done.stdout}${done.stderr}`).toBe(0)
    return Date.now() - start
  }
  let hits = 0
  let open = 0
  try {
    await server.start()
    const before = await snapshot(server)
    const durations = new Map<boolean, { readonly enable: number; readonly undo: number }>()
    let after: typeof before = {}
    for (const restart of [true, false]) {
      const enable = await timed(enabling(restart))
      after = await snapshot(server)
      durations.set(restart, { enable, undo: await timed(undoing) })
      expect(await snapshot(server)).toEqual(before)
      await fs.rm(archive, { recursive: true, force: true })
    }
    for (let kill = 0; kill < kills; kill++) {
      const restart = kill % 5 === 0
      const during = kill % 2 === 0 ? 'enable' : 'undo'
      const ms = Math.round(random() * durations.get(restart)![during])
      const label = `seed ${SEED}, PostgreSQL ${major}, kill ${kill}: ${during}${restart ? ' with a restart' : ''} after ${ms} ms`
      if (during === 'undo') await timed(enabling(restart))
      if (await killed(during === 'enable' ? enabling(restart) : undoing, env, ms)) hits++
      const now = await snapshot(server)
      for (const [name, facts] of Object.entries(now)) {
        const [is, old, neu] = [facts, before[name], after[name]].map((one) => JSON.stringify(one))
        if (is !== old && is !== neu) expect.fail(`${label}: ${name} is neither old nor new`)
      }
      if (JSON.stringify(now) !== JSON.stringify(before)) open++
      const again = await pgwal(undoing, env)
      expect(again.code, `${label}\n${again.stdout}${again.stderr}`).toBe(0)
      expect(await snapshot(server), label).toEqual(before)
      await eventually(async () => {
        const [row] = await server.query<{ mode: string; keep: string }>("SELECT current_setting('archive_mode') AS mode, current_setting('wal_keep_size') AS keep").catch(() => [undefined])
        return row?.mode === 'off' && row.keep === '0'
      }, `${label}: the old server with the old settings`)
      // Kept in the data directory alone by one that was killed before it wrote its plan; the next one takes it over.
      const left = (await fs.readdir(server.dataDir)).filter((name) => name.startsWith('.pgwal-'))
      expect(left.filter((name) => !/^\.pgwal-[0-9a-f]{24}\.tmp$/.test(name)), label).toEqual([])
      await fs.rm(archive, { recursive: true, force: true })
    }
  } finally {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  }
  return { hits, open }
}

it('killed at random times: never anything but old and new, and undo brings the old back', async () => {
  const draw = (lane: number) => {
    const values = fc.sample(fc.noBias(fc.integer({ min: 0, max: 1_000 })), { numRuns: KILLS, seed: SEED + lane })
    let at = 0
    return () => values[at++ % values.length]! / 1_000
  }
  const lanes = await Promise.all([lane(17, KILLS / 2, draw(0)), lane(14, KILLS / 2, draw(1))])
  const hits = lanes.reduce((sum, one) => sum + one.hits, 0)
  const open = lanes.reduce((sum, one) => sum + one.open, 0)
  process.stdout.write(`random kills: ${KILLS} runs, ${hits} killed before their end, ${open} with something to put back; seed ${SEED}\n`)
  expect(hits).toBeGreaterThan(KILLS / 4)
}, LONG ? 6 * 3_600_000 : 240_000)
