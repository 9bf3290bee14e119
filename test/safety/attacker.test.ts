// A cluster's owner against root: directories and files swapped for links, FIFOs and each other while root runs the built program.
// What belongs to root alone must stay as it is, to the change time, and nothing of it may show anywhere. `PGWAL_LONG=1`: 10,000 swaps.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { LONG } from '../support/seed.ts'
import { TestServer } from '../support/server.ts'

const SWAPS = LONG ? 10_000 : 400
const MARK = 'canary-5b1f2c'
const root = process.getuid?.() === 0

/** Runs as the owner. Each swap puts something else in a place for a moment, and then back what was there. */
const ATTACKER = `
const fs = require('node:fs'), path = require('node:path'), { execFileSync } = require('node:child_process')
const [top, canaries, seed] = process.argv.slice(1)
let state = Number(seed), swaps = 0, n = 0
const random = (limit) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % limit
const fifo = path.join(top, 'fifo')
execFileSync('mkfifo', [fifo])
const quietly = (work) => { try { work(); return true } catch { return false } }
const places = ['data', 'data/postgresql.conf', 'data/pg_hba.conf', 'data/postgresql.auto.conf', 'data/pgwal-archive.sh', 'data/pgwal.lock', 'data/postmaster.opts',
  'data/current_logfiles', 'data/PG_VERSION', 'data/pg_wal/archive_status', 'data/global', 'wal', 'wal/inner', 'server.log', 's'].map((name) => path.join(top, name))
const targets = fs.readdirSync(canaries).map((name) => path.join(canaries, name)).concat(canaries, '/etc/shadow', '/proc/self/environ', '/dev/zero', '/root')
// The server itself would read a device or a FIFO for ever, and be of no more use to the test.
const harmless = (place) => !place.endsWith('.conf') && !['data', 'global', 's'].includes(path.basename(place))
const plant = [
  (place) => fs.symlinkSync((harmless(place) ? targets : targets.filter((one) => !one.startsWith('/dev')))[random(targets.length - 1)], place),
  (place) => fs.symlinkSync('/proc/self/fd/' + random(12), place),
  (place) => fs.linkSync(targets[0], place),
  (place) => fs.linkSync(harmless(place) ? fifo : targets[1], place),
  (place) => fs.mkdirSync(place),
  (place) => fs.symlinkSync(place, place),
  (place) => fs.writeFileSync(place, '\\x1b]0;owned\\x07' + 'x'.repeat(random(9000))),
]
function swap() {
  const place = places[random(places.length)], aside = top + '/aside-' + n++
  const had = quietly(() => fs.renameSync(place, aside))
  quietly(() => plant[random(plant.length)](place))
  const until = process.hrtime.bigint() + BigInt(random(3_000_000))
  while (process.hrtime.bigint() < until);
  if (!quietly(() => fs.unlinkSync(place))) quietly(() => fs.rmdirSync(place))
  if (had && !quietly(() => fs.renameSync(aside, place))) { fs.rmSync(place, { recursive: true, force: true }); fs.renameSync(aside, place) }
  swaps++
  if (swaps % 50 === 0) process.stdout.write(swaps + '\\n')
  setTimeout(swap, random(8))
}
// Between two swaps everything is in its place.
process.on('SIGTERM', () => process.exit(0))
process.stdout.write('0\\n')
swap()
`

describe.skipIf(!root)('root against the owner of the cluster (skipped: needs root)', () => {
  let server: TestServer
  let state: string
  let canaries: string
  beforeAll(async () => {
    server = await TestServer.create(17, { hba: 'local all all trust\nhost all all 127.0.0.1/32 trust\n' })
    await server.start()
    state = await stateDirectory()
    canaries = fs.mkdtempSync('/tmp/pgwal-canaries-')
    fs.chmodSync(canaries, 0o755)
    for (const name of ['secret', 'postgresql.conf', 'pg_hba.conf', 'PG_VERSION', 'pgwal-archive.sh']) {
      // Readable as configuration, if root were to read it.
      fs.writeFileSync(path.join(canaries, name), `# ${MARK}\nprimary_conninfo = '${MARK}'\n`, { mode: 0o600 })
    }
    fs.mkdirSync(path.join(canaries, 'empty'), { mode: 0o755 })
  })
  afterAll(async () => {
    await server.remove()
    for (const one of [state, canaries]) fs.rmSync(one, { recursive: true, force: true })
  })

  /** Everything about the canaries that changes when somebody writes, chowns, chmods, links, adds or removes. */
  const look = (): string => [canaries, ...fs.readdirSync(canaries).sort().map((name) => path.join(canaries, name))].map((file) => {
    const { mode, uid, gid, nlink, ctimeMs, mtimeMs, size } = fs.statSync(file)
    return `${file} ${JSON.stringify({ mode, uid, gid, nlink, ctimeMs, mtimeMs, size })}`
  }).join('\n')

  it('a swap at any moment touches nothing of root\'s, and shows nothing of it', async () => {
    const before = look()
    const passwords = fs.statSync('/etc/shadow').ctimeMs
    const archive = path.join(server.root, 'wal', 'inner')
    const rounds: readonly (readonly string[])[] = [
      ['doctor', '-D', server.dataDir], ['enable', '-D', server.dataDir, '--archive-dir', archive, '--yes', '--no-restart'],
      ['verify', '-D', server.dataDir, '--timeout', '1'], ['undo', '--yes', '--force'],
    ]
    const attacker = spawn(process.execPath, ['-e', ATTACKER, server.root, canaries, '7'], { uid: server.account.uid, gid: server.account.gid, cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] })
    let swaps = -1
    attacker.stdout.on('data', (chunk: Buffer) => { swaps = Number(chunk.toString().trim().split('\n').at(-1)) })
    const gone = new Promise((resolve) => attacker.once('exit', resolve))
    const codes = new Map<string, number>()
    try {
      await expect.poll(() => swaps, { timeout: 30_000 }).toBeGreaterThanOrEqual(0)
      for (let round = 0; swaps < SWAPS || round < rounds.length; round++) {
        const args = rounds[round % rounds.length]!
        const start = Date.now()
        const { code, stdout, stderr } = await pgwal(args, { PGWAL_STATE_DIR: state })
        const took = Date.now() - start
        const said = `${args[0]} exits with ${code}`
        codes.set(said, (codes.get(said) ?? 0) + 1)
        if (process.env['PGWAL_DEBUG'] !== undefined) process.stdout.write(`${said} in ${took} ms, ${swaps} swaps\n${stdout}${stderr}\n`)
        expect([0, 1, 2], `${said}\n${stdout}\n${stderr}`).toContain(code)
        for (const text of [stdout, stderr]) {
          expect(text).not.toContain(MARK)
          expect(text).not.toContain('root:$')
          expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
        }
        expect(look(), said).toBe(before)
      }
    } finally {
      attacker.kill('SIGTERM')
      await gone
    }
    process.stdout.write(`attacker: ${swaps} swaps, ${[...codes].map(([said, count]) => `${said} ${count} times`).join(', ')}\n`)
    expect(look()).toBe(before)
    expect(fs.statSync('/etc/shadow').ctimeMs).toBe(passwords)
    // The attack is over: what root left half done is put back, or was never begun.
    fs.rmSync(path.join(server.dataDir, 'pgwal.lock'), { recursive: true, force: true })
    for (let open = 0; open < 10; open++) {
      const { code, stdout, stderr } = await pgwal(['undo', '--yes', '--force', '--json'], { PGWAL_STATE_DIR: state })
      expect(code, stdout + stderr).toBe(0)
      if (JSON.parse(stdout).outcome === 'nothing-to-do') break
    }
    expect(fs.readFileSync(path.join(server.dataDir, 'postgresql.conf'), 'utf8')).not.toMatch(/^archive_mode/m)
    expect(await server.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  }, LONG ? 3_600_000 : 180_000)

  it('programs in a directory of the owner\'s run as the owner, never as root', async () => {
    await server.stop()
    const planted = path.join(server.root, 'bin')
    const log = path.join(server.root, 'who')
    fs.mkdirSync(planted)
    fs.chownSync(planted, server.account.uid, server.account.gid)
    fs.writeFileSync(log, '')
    fs.chmodSync(log, 0o666)
    for (const name of fs.readdirSync(server.binDir)) {
      fs.writeFileSync(path.join(planted, name), `#!/bin/sh\necho "$(id -u) $(id -G)" >> '${log}'\nexec '${path.join(server.binDir, name)}' "$@"\n`)
      fs.chmodSync(path.join(planted, name), 0o755)
      fs.chownSync(path.join(planted, name), server.account.uid, server.account.gid)
    }
    fs.writeFileSync(path.join(server.dataDir, 'postmaster.opts'), `${planted}/postgres "-D" "${server.dataDir}"\n`)
    for (const args of [['clusters'], ['doctor'], ['settings'], ['verify', '--timeout', '1'], ['enable', '--yes']]) {
      const { code, stdout, stderr } = await pgwal([...args, '-D', server.dataDir], { PGWAL_STATE_DIR: state, PATH: `${planted}:${process.env['PATH']!}` })
      expect([0, 1, 2], stdout + stderr).toContain(code)
    }
    const who = [...new Set(fs.readFileSync(log, 'utf8').split('\n').filter((line) => line !== ''))]
    for (const line of who) expect(line.split(' ')).not.toContain('0')
    expect(who.length).toBeLessThanOrEqual(1)
  })
})
