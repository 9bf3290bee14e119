// A large archive on a live server: all names with the gaps between them, beside `ls -U | wc -l`; and every header (--deep), beside
// `find -exec head -c40 {} +` and, where there is a C compiler, beside a loop of the same system calls in C. Whole programs, from start to end,
// at a hundredth, a tenth and all of PGWAL_BENCH_SEGMENTS (default 1,000,000: some minutes, and 4 GB of /var/tmp, or of TMPDIR,
// because the header of each sparse file takes a block).
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { installServers } from '../support/install-servers.mjs'
import { load, PROGRAM } from './load.mjs'

const MAJOR = 15
const MAGIC = 0xD110
const SIZE = 16 << 20
/** Behind all that the server itself has. */
const FIRST = 1000
/** One is missing, and one is of zeros: what is counted is a look that finds them. */
const [MISSING, ZEROED] = [FIRST + 5, FIRST + 7]
const segments = Number(process.env.PGWAL_BENCH_SEGMENTS ?? 1_000_000)

export const title = `an archive of ${segments} segments: names and gaps, every header, peak memory; the fastest of several rounds`

/** The same system calls as a look at each header needs, and nothing else. */
const HEADS_C = `
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
  DIR *directory = opendir(argv[1]);
  long bytes = 0;
  char head[40];
  struct stat info;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    int file = openat(dirfd(directory), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return 1;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) bytes += read(file, head, sizeof head);
    close(file);
  }
  printf("%ld\\n", bytes);
}
`

let interrupted = false
const interrupt = () => { interrupted = true }

/** Gives the event loop a turn, in which Ctrl-C is noticed: what was made is then removed. */
async function breathe() {
  await setImmediate()
  if (interrupted) throw new Error('interrupted')
}

/** Sparse segments from the first that is not there, as this cluster writes them. */
async function fill(directory, from, to, systemIdentifier, { uid, gid }) {
  const header = Buffer.alloc(40)
  header.writeUInt16LE(MAGIC, 0)
  header.writeUInt16LE(2, 2)
  header.writeUInt32LE(1, 4)
  header.writeBigUInt64LE(systemIdentifier, 24)
  header.writeUInt32LE(SIZE, 32)
  header.writeUInt32LE(8192, 36)
  const hex = (value) => value.toString(16).toUpperCase().padStart(8, '0')
  for (let number = from; number < to; number++) {
    if (number % 1000 === 0) await breathe()
    if (number === MISSING) continue
    header.writeBigUInt64LE(BigInt(number) * BigInt(SIZE), 8)
    const fd = fs.openSync(path.join(directory, `00000001${hex(number >> 8)}${hex(number & 255)}`), 'wx', 0o600)
    fs.writeSync(fd, number === ZEROED ? Buffer.alloc(header.length) : header)
    fs.ftruncateSync(fd, SIZE)
    fs.fchownSync(fd, uid, gid)
    fs.closeSync(fd)
  }
}

/** Milliseconds that a command takes, those of processor time among them, and its peak memory in bytes where it is one of Node's. */
function timed(root, { file, args, ok = [0], says }) {
  const [peak, times] = ['peak', 'times'].map((name) => path.join(root, name))
  const env = { ...process.env, NODE_OPTIONS: `--import=${path.join(root, 'peak.mjs')}`, PGWAL_BENCH_PEAK: peak, PGWAL_BENCH_TIMES: times }
  const started = process.hrtime.bigint()
  const done = spawnSync('sh', ['-c', '"$@"; code=$?; times >"$PGWAL_BENCH_TIMES"; exit $code', 'sh', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env, encoding: 'utf8', maxBuffer: 1 << 30 })
  const ms = Number(process.hrtime.bigint() - started) / 1e6
  if (!ok.includes(done.status) || (says !== undefined && done.stdout === '')) throw new Error(`${file} ${args.join(' ')}: exit ${done.status}\n${done.stdout.slice(0, 2000)}${done.stderr}`)
  if (says !== undefined && !says(done.stdout)) throw new Error(`${file} ${args.join(' ')} does not say what there is\n${done.stdout.slice(0, 2000)}`)
  // The second line is of the children: `0m1.25s 0m0.5s`, user and system.
  const cpu = fs.readFileSync(times, 'utf8').trim().split('\n').at(-1).split(' ').map((time) => time.split('m')).reduce((sum, [minutes, seconds]) => sum + Number(minutes) * 60_000 + Number.parseFloat(seconds) * 1000, 0)
  return { ms, cpu, bytes: file === process.execPath ? Number(fs.readFileSync(peak, 'utf8')) : 0 }
}

/** Each command in turn, so that a machine whose speed drifts favours none: the least of each. */
async function race(root, commands, rounds) {
  const best = {}
  for (let round = -1; round < rounds; round++) {
    for (const [name, command] of Object.entries(commands)) {
      await breathe()
      const measured = timed(root, command)
      if (round < 0) continue
      best[name] = Object.fromEntries(Object.entries(measured).map(([key, value]) => [key, Math.min(value, best[name]?.[key] ?? Infinity)]))
    }
  }
  return best
}

function compiled(root) {
  const [source, file] = ['heads.c', 'heads'].map((name) => path.join(root, name))
  fs.writeFileSync(source, HEADS_C)
  return spawnSync('cc', ['-O2', '-o', file, source], { stdio: 'ignore' }).status === 0 ? file : undefined
}

function doctor(server, id, code, ...more) {
  return {
    file: process.execPath, args: [PROGRAM, 'doctor', '-D', server.dataDir, '--json', '--only', id, ...more], ok: [0, 1],
    says: (stdout) => {
      const [check] = JSON.parse(stdout).clusters[0].checks
      return JSON.stringify(check.findings?.map((finding) => finding.code) ?? []) === JSON.stringify(code === undefined ? [] : [code]) && check.verdict === (code === undefined ? 'pass' : 'fail')
    },
  }
}

export async function bench() {
  if (!(Number.isInteger(segments) && segments >= 1000)) throw new Error(`PGWAL_BENCH_SEGMENTS=${process.env.PGWAL_BENCH_SEGMENTS}: a number from 1000 on`)
  await installServers([String(MAJOR)])
  const { TestServer } = await load("export { TestServer } from './test/support/server.ts'")
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupt)
  const server = await TestServer.create(MAJOR, { where: process.env.TMPDIR ?? '/var/tmp', walSegmentMiB: SIZE >> 20 })
  const archive = path.join(server.root, 'archive')
  try {
    fs.mkdirSync(archive, { mode: 0o700 })
    fs.chownSync(archive, server.account.uid, server.account.gid)
    fs.appendFileSync(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'\n`)
    await server.start()
    const [{ id }] = await server.query('SELECT system_identifier::text AS id FROM pg_control_system()')
    fs.writeFileSync(path.join(server.root, 'peak.mjs'), `import fs from 'node:fs'
      process.on('exit', () => fs.writeFileSync(process.env.PGWAL_BENCH_PEAK, String(process.resourceUsage().maxRSS * 1024)))`)
    const heads = compiled(server.root)

    const rows = []
    let there = FIRST
    for (const count of [segments / 100, segments / 10, segments].map(Math.round)) {
      await fill(archive, there, there = FIRST + count + 1, BigInt(id), server.account)
      const names = await race(server.root, {
        // The archive is the same, and nothing of it is looked at.
        start: doctor(server, 'wal-level'),
        ls: { file: 'sh', args: ['-c', 'ls -U "$1" | wc -l', 'sh', archive], says: (stdout) => Number(stdout) === count },
        doctor: doctor(server, 'archive-gaps', 'gap'),
      }, 5)
      const headers = await race(server.root, {
        find: { file: 'sh', args: ['-c', 'find "$1" -type f -exec head -c40 {} + | wc -c', 'sh', archive] },
        ...(heads === undefined ? {} : { loop: { file: heads, args: [archive], says: (stdout) => Number(stdout) === 40 * count } }),
        deep: doctor(server, 'archive-segments', 'zeroed', '--deep'),
      }, count > 200_000 ? 2 : 4)
      const less = (one, other) => ({ ms: one.ms - other.ms, cpu: one.cpu - other.cpu })
      // Processor time tells more than the clock where the machine has other work; it is counted in hundredths of a second.
      const beside = (what, one, other, reference) => [
        { what, value: one.ms, unit: 'ms', ratio: one.ms / other.ms, reference },
        ...(other.cpu < 100 ? [] : [{ what: '  processor time', value: one.cpu, unit: 'ms', ratio: one.cpu / other.cpu, reference }]),
      ]
      const memory = ({ bytes }) => ({ what: '  peak memory', value: bytes / 1e6, unit: 'MB', ratio: bytes / names.start.bytes, reference: 'doctor without the archive' })
      rows.push(
        { what: `doctor without the archive, beside ${count} segments`, value: names.start.ms, unit: 'ms' },
        { what: 'ls -U | wc -l', value: names.ls.ms, unit: 'ms' },
        ...beside('doctor: names and gaps', names.doctor, names.ls, 'ls -U | wc -l'),
        memory(names.doctor),
        ...beside('less doctor without the archive', less(names.doctor, names.start), names.ls, 'ls -U | wc -l'),
        { what: 'find -exec head -c40 {} +', value: headers.find.ms, unit: 'ms' },
        ...beside('doctor --deep: every header', headers.deep, headers.find, 'find -exec head -c40 {} +'),
        memory(headers.deep),
        ...(headers.loop === undefined ? [] : [
          { what: 'the same system calls in C', value: headers.loop.ms, unit: 'ms' },
          ...beside('doctor --deep: every header', headers.deep, headers.loop, 'the same system calls in C'),
        ]),
      )
    }
    return rows
  } finally {
    fs.rmSync(archive, { recursive: true, force: true })
    await server.remove()
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupt)
  }
}
