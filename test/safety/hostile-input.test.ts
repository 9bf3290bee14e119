// Files and answers made to hurt: no crash, no hang, no control character on the screen, memory within bounds. The built program.
import fs from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import type { ProgramRun } from '../support/pgwal.ts'
import { LONG } from '../support/seed.ts'
import { TestServer } from '../support/server.ts'

const ESCAPES = '\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\r'
/** A heap that whatever is kept from such input must fit into. */
const env = { NODE_OPTIONS: '--max-old-space-size=512' }
const MIB = 1 << 20

function expectSane(done: ProgramRun, label: string): void {
  expect([0, 1, 2], `${label}\n${done.stderr}`).toContain(done.code)
  for (const text of [done.stdout, done.stderr]) {
    const at = text.search(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
    expect(at === -1 ? '' : JSON.stringify(text.slice(Math.max(0, at - 80), at + 80)), label).toBe('')
    expect(text.length, label).toBeLessThan(MIB)
    // A bug of ours, and not an answer.
    expect(text, label).not.toMatch(/(Type|Range|Reference)Error|\n {4}at /)
  }
}

describe('the files of a cluster', () => {
  let server: TestServer
  let state: string
  let original: Map<string, Buffer>
  const file = (name: string) => path.join(server.dataDir, name)

  beforeAll(async () => {
    server = await TestServer.create(16)
    state = await stateDirectory()
    original = new Map()
    for (const name of ['postgresql.conf', 'pg_hba.conf', 'PG_VERSION']) original.set(name, await fs.readFile(file(name)))
  })
  afterAll(async () => {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  })

  const conf = (text: string | Buffer) => async () => fs.appendFile(file('postgresql.conf'), text)
  const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['escapes in a setting\'s value', conf(`archive_command = '${ESCAPES}'\n`)],
    ['escapes in a setting\'s name', conf(`${ESCAPES}bad = 1\n`)],
    ['absurd numbers', conf('wal_keep_size = 99999999999999999999999999GB\nmax_wal_senders = -1e400\nport = 0x7fffffffffffffff\narchive_timeout = 1e308d\n')],
    ['a line of 20 MB', conf(`archive_command = '${'x'.repeat(20 * MIB)}'\n`)],
    ['more than 64 MB', conf(Buffer.alloc(70 * MIB, '# filler\n'))],
    ['no text at all', conf(Buffer.from(Array.from({ length: 50_000 }, (_one, at) => (at * 7919) % 256)))],
    ['quotes without end', conf(`archive_command = '${'\\'.repeat(9999)}\n`.repeat(20))],
    ['a file that includes itself', conf('include \'postgresql.conf\'\n')],
    ['a chain of includes', async () => {
      for (let at = 0; at < 40; at++) await fs.writeFile(file(`chain-${at}`), `include 'chain-${at + 1}'\n`)
      await conf('include \'chain-0\'\n')()
    }],
    ['includes named to be shown and taken for options', async () => {
      await fs.mkdir(file('conf.d'), { recursive: true })
      await fs.writeFile(file(`conf.d/${ESCAPES}\n--help.conf`), `wal_level = ${ESCAPES}\n`)
      await fs.writeFile(file('conf.d/--version.conf'), 'wal_level = nonsense\n')
      await conf('include_dir \'conf.d\'\n')()
    }],
    ['devices and /proc included', conf('include \'/proc/self/mem\'\ninclude_dir \'/proc/self/fd\'\n')],
    ['pg_hba.conf with escapes', () => fs.writeFile(file('pg_hba.conf'), `host all "${ESCAPES}" 0.0.0.0/99 ${ESCAPES}\nlocal all @/dev/zero trust\nhost all all ::/${'9'.repeat(9999)} md5 ${ESCAPES}=1\n`)],
    ['pg_hba.conf with 150,000 rules', () => fs.writeFile(file('pg_hba.conf'), 'host all all 10.0.0.0/8 md5\n'.repeat(150_000))],
    ['postmaster.pid of nobody', () => fs.writeFile(file('postmaster.pid'), `-1\n${ESCAPES}\n1e999\n99999999999999\n/tmp/${ESCAPES}\n*\n`)],
    ['postmaster.pid of init', () => fs.writeFile(file('postmaster.pid'), `1\n${server.dataDir}\n0\n70000\n../..\n${ESCAPES}\n\nready\n`)],
    ['postmaster.pid of 5 MB', () => fs.writeFile(file('postmaster.pid'), '9'.repeat(5 * MIB))],
    ['postmaster.opts with everything', () => fs.writeFile(file('postmaster.opts'), `/bin/sh "-c" "echo ${ESCAPES}" "--config_file=/etc/shadow" "-D" "${ESCAPES}" "`)],
    ['current_logfiles that lead elsewhere', async () => {
      await fs.writeFile(file('current_logfiles'), `stderr ../../../../../etc/shadow\ncsvlog /dev/zero\njsonlog ${ESCAPES}\n`)
      await conf('logging_collector = on\n')()
    }],
    ['a log of escapes and one endless line', async () => {
      await fs.mkdir(file('log'), { recursive: true })
      await fs.writeFile(file('log/a.log'), `2026-01-01 00:00:00 UTC [1] FATAL: ${ESCAPES}\n2026-01-01 00:00:00 UTC [1] FATAL: ${'x'.repeat(5 * MIB)}${ESCAPES}`)
      await fs.writeFile(file('current_logfiles'), 'stderr log/a.log\n')
      await conf('logging_collector = on\n')()
    }],
    ['PG_VERSION with escapes', () => fs.writeFile(file('PG_VERSION'), ESCAPES.repeat(1000))],
    ['archive_status with names of any kind', async () => {
      await fs.mkdir(file('pg_wal/archive_status'), { recursive: true })
      for (const name of [`${ESCAPES}\n.ready`, '--version.ready', `${'F'.repeat(24)}.ready`, 'zz.ready']) await fs.writeFile(file(`pg_wal/archive_status/${name}`), '')
    }],
  ]

  it('are read to an end, whatever is in them', async () => {
    for (const [at, [label, spoil]] of cases.entries()) {
      // Writing so many lines takes seconds.
      if (!LONG && label.includes('150,000')) continue
      await spoil()
      // As JSON a finding for each of so many rules is more than a test can hold.
      const runs = label.includes('150,000') ? [['doctor']] : [['doctor'], ['doctor', '--json'], ['hba', '--json']]
      await Promise.all(runs.filter((args, index) => (args[0] !== 'hba' || label.includes('hba')) && (LONG || label.includes('150,000') || index % 2 === at % 2)).map(async (args) => {
        const done = await pgwal([...args, '-D', server.dataDir], { ...env, PGWAL_STATE_DIR: state })
        expectSane(done, `${label}: ${args.join(' ')}`)
        if (args.includes('--json')) expect(() => void done.json(), label).not.toThrow()
      }))
      for (const name of ['postmaster.pid', 'postmaster.opts', 'current_logfiles', 'conf.d', 'log', 'pg_wal/archive_status']) await fs.rm(file(name), { recursive: true, force: true })
      await fs.mkdir(file('pg_wal/archive_status'))
      for (const [name, bytes] of original) await fs.writeFile(file(name), bytes)
    }
  }, 240_000)

  it('directories named like options and with control characters are directories', async () => {
    for (const name of ['--help', `-c ${ESCAPES}`, 'new\nline $(touch x) `x` ;']) {
      const odd = path.join(server.root, name)
      await fs.mkdir(odd)
      await fs.writeFile(path.join(odd, 'PG_VERSION'), '16\n')
      await fs.writeFile(path.join(odd, 'postgresql.conf'), '')
      expectSane(await pgwal(['doctor', `--data-dir=${odd}`], env), JSON.stringify(name))
      expectSane(await pgwal(['doctor', `--cluster=${name}`], env), JSON.stringify(name))
      expectSane(await pgwal(['undo', name, '--yes'], { ...env, PGWAL_STATE_DIR: state }), JSON.stringify(name))
      expectSane(await pgwal(['undo', `--data-dir=${odd}`, '--yes'], { ...env, PGWAL_STATE_DIR: state }), JSON.stringify(name))
    }
  })
})

describe('a server that answers what it likes', () => {
  // This machine in words that nobody takes for this machine: a server elsewhere is asked although no cluster here has its port.
  const ELSEWHERE = '::ffff:127.0.0.1'
  const message = (type: string, body: Buffer | string): Buffer => {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body, 'latin1')
    const head = Buffer.alloc(5)
    head.write(type, 'latin1')
    head.writeInt32BE(bytes.length + 4, 1)
    return Buffer.concat([head, bytes])
  }
  const hello = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', 'I')])
  const row = (value: Buffer): Buffer => Buffer.concat([
    message('T', Buffer.concat([Buffer.from([0, 1]), Buffer.from('name\0'), Buffer.alloc(6), Buffer.from([0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0])])),
    message('D', Buffer.concat([Buffer.from([0, 1]), (() => { const length = Buffer.alloc(4); length.writeInt32BE(value.length); return length })(), value])),
    message('C', 'SELECT 1\0'), message('Z', 'I')])
  /** Goes on for as long as it is read. */
  const flood = (socket: net.Socket, bytes: Buffer): void => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(bytes)) { /* until the pipe is full */ }
    }
    socket.on('drain', more)
    more()
  }
  /** What each does with a connection after the start-up packet, and with what is sent later. */
  const servers: Readonly<Record<string, (socket: net.Socket, first: boolean) => void>> = {
    'noise': (socket) => socket.write(Buffer.from(Array.from({ length: 4096 }, (_one, at) => (at * 31) % 256))),
    'another protocol': (socket) => socket.end(`HTTP/1.1 400 ${ESCAPES}\r\n\r\n`),
    'an error full of escapes': (socket) => socket.end(message('E', `SFATAL\0C28000\0M${ESCAPES}\0F${ESCAPES}\0\0`)),
    'a length of 2 GB': (socket) => socket.write(Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3])),
    'a negative length': (socket) => socket.write(Buffer.from([0x52, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])),
    'rows that nobody asked for': (socket, first) => socket.write(Buffer.concat([first ? hello : Buffer.alloc(0), row(Buffer.from(ESCAPES, 'latin1'))])),
    'a row of 30 MB': (socket, first) => socket.write(first ? hello : row(Buffer.alloc(30 * MIB, 'x'))),
    'a good-bye at once': (socket) => socket.destroy(),
    'silence': () => undefined,
    'silence after the login': (socket, first) => first && socket.write(hello),
    'notices without end': (socket, first) => (first ? socket.write(hello) : flood(socket, message('N', `SNOTICE\0C00000\0M${'n'.repeat(60_000)}\0\0`))),
    'rows without end': (socket, first) => (first ? socket.write(hello) : flood(socket, row(Buffer.alloc(60_000, 'x')).subarray(0, -20))),
  }

  it.concurrent.each(Object.keys(servers))('%s', async (name) => {
    const sockets = new Set<net.Socket>()
    let connections = 0
    const listener = net.createServer((socket) => {
      sockets.add(socket)
      connections++
      let first = true
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        // No TLS, no GSS encryption: the client goes on in clear.
        if (bytes.length === 8 && bytes.readInt32BE(0) === 8) {
          socket.write('N')
          return
        }
        servers[name]!(socket, first)
        first = false
      })
    })
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as net.AddressInfo
    try {
      await Promise.all([['doctor', '--json'], ['doctor']].map(async (args) => { expectSane(await pgwal([...args, '-h', ELSEWHERE, '-p', String(port), '-U', 'x', '-d', 'x'], { ...env, PGCONNECT_TIMEOUT: '5' }), name) }))
      expect(connections, 'it was spoken to').toBeGreaterThan(1)
    } finally {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    }
  })
})
