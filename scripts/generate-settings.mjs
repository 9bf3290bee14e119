// Writes src/postgres/settings/table.ts: every setting of every supported major, asked of the real servers (pg_settings,
// SHOW for those that pg_settings hides, `postgres -C` for the enum words that it hides). Run: node scripts/generate-settings.mjs
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { SERVER_VERSIONS, binDirectory, installServers } from '../test/support/install-servers.mjs'

const run = promisify(execFile)
const MAJORS = Object.keys(SERVER_VERSIONS).map(Number)

// Left out of pg_settings; type, context and limits as in PostgreSQL's guc.c and guc_tables.c. A major has those that SHOW finds.
const UNLISTED = [
  { name: 'default_with_oids', vartype: 'bool', context: 'user', boot: 'off' },
  { name: 'is_superuser', vartype: 'bool', context: 'internal', boot: '' },
  { name: 'role', vartype: 'string', context: 'user', boot: 'none' },
  { name: 'seed', vartype: 'real', context: 'user', min: '-1', max: '1', boot: '0' },
  { name: 'session_authorization', vartype: 'string', context: 'user', boot: '' },
  { name: 'ssl_renegotiation_limit', vartype: 'integer', context: 'user', min: '0', max: '0', boot: '0' },
]
// Words that some enum settings take and no list shows, or that mean another one.
const HIDDEN_WORDS = ['true', 'false', 'yes', 'no', '1', '0', 'on', 'off', 'debug', 'info', 'archive', 'hot_standby']
// Set by whoever built the server, so no default of PostgreSQL's.
const BUILD_DEFAULTS = new Set(['krb_server_keyfile', 'unix_socket_directories', 'ssl_ciphers'])

async function account() {
  if (process.getuid() !== 0) return {}
  const line = (await fs.readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('postgres:') || entry.startsWith('nobody:'))
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

async function describe(major, identity) {
  const bin = binDirectory(major)
  const root = await fs.mkdtemp(path.join(os.tmpdir(), `pgwal-settings-${major}-`))
  if (identity.uid !== undefined) await fs.chown(root, identity.uid, identity.gid)
  const data = path.join(root, 'data')
  const options = { cwd: root, ...identity, env: { PATH: process.env.PATH, LC_ALL: 'C' } }
  await run(path.join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C'], options)
  await run(path.join(bin, 'pg_ctl'), ['-D', data, '-w', '-l', path.join(root, 'log'), '-o', `-c listen_addresses= -c unix_socket_directories=${root} -p 5432`, 'start'], options)
  const client = new pg.Client({ host: root, port: 5432, user: 'postgres', database: 'postgres' })
  try {
    await client.connect()
    const { rows } = await client.query("select name, vartype, unit, context, min_val as min, max_val as max, enumvals, boot_val as boot from pg_settings where name not like '%.%'")
    for (const extra of UNLISTED) {
      if (await client.query(`show ${extra.name}`).then(() => true, () => false)) rows.push(extra)
    }
    // transaction_isolation always shows the present transaction's.
    for (const row of rows.filter(({ name, vartype, context }) => vartype === 'enum' && context !== 'internal' && name !== 'transaction_isolation')) {
      row.hidden = {}
      for (const word of new Set([...row.enumvals, ...HIDDEN_WORDS])) {
        const asked = await run(path.join(bin, 'postgres'), ['-C', row.name, '-D', data, '-c', `${row.name}=${word}`], options).catch(() => undefined)
        // Some words that the list shows are but other words for one that the server prints.
        if (asked !== undefined && (asked.stdout.trim() !== word || !row.enumvals.includes(word))) row.hidden[word] = asked.stdout.trim()
      }
    }
    return rows
  } finally {
    await client.end()
    await run(path.join(bin, 'pg_ctl'), ['-D', data, '-w', '-m', 'immediate', 'stop'], options)
    await fs.rm(root, { recursive: true })
  }
}

function columns({ name, vartype, unit, context, min, max, enumvals, hidden, boot }) {
  const fixed = context === 'internal' || BUILD_DEFAULTS.has(name)
  const words = enumvals === undefined || enumvals === null ? '' : [...enumvals.filter((word) => hidden?.[word] === undefined), ...Object.entries(hidden ?? {}).map((pair) => pair.join('='))].join(',')
  const limits = vartype === 'integer' || vartype === 'real' ? [min, max] : ['', '']
  return [vartype, context, unit ?? '', ...limits, words, fixed ? '' : boot ?? '']
}

if (!await installServers()) throw new Error('no servers for this platform')
const identity = await account()
const table = new Map()
for (const major of MAJORS) {
  for (const row of await describe(major, identity)) {
    const text = columns(row).join('|')
    if (/[\n`\\]|\$\{/.test(text) || row.boot?.includes('|')) throw new Error(`${row.name}: ${text} needs escaping`)
    const ranges = table.get(row.name) ?? []
    if (ranges.at(-1)?.text === text && ranges.at(-1).to === major - 1) ranges.at(-1).to = major
    else ranges.push({ from: major, to: major, text })
    table.set(row.name, ranges)
  }
}
const newest = MAJORS.at(-1)
const compare = (a, b) => a.toLowerCase() < b.toLowerCase() ? -1 : 1
const lines = [...table.keys()].sort(compare).flatMap((name) => table.get(name).map(({ from, to, text }) => `${name}|${from}|${to === newest ? '' : to}|${text}`))
await fs.writeFile(path.join(import.meta.dirname, '..', 'src', 'postgres', 'settings', 'table.ts'), `// Generated by scripts/generate-settings.mjs from servers ${Object.values(SERVER_VERSIONS).map((version) => version.replace(/-.*/, '')).join(', ')}. Do not edit.

/** name | first major | last major, empty: still there | type | context | unit | min | max | words of an enum, hidden=canonical last | default */
export const TABLE = \`
${lines.join('\n')}
\`
`)
console.log(`${lines.length} rows for ${table.size} settings`)
