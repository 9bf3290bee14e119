// Base backups for tests, by the low-level interface: the servers of the tests come without pg_basebackup.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { CRC32C_START, crc32cText, updateCrc32c } from '../../src/postgres/backup/crc32c.ts'
import { readManifest, writeManifest } from '../../src/postgres/backup/manifest.ts'
import { lsnFromText } from '../../src/postgres/wal/index.ts'
import { runAs } from './server.ts'
import type { TestServer } from './server.ts'

const LEFT_OUT = /^(?:postmaster\.(?:pid|opts)|pgwal\.lock|pg_wal\/.+|pg_replslot\/.+|pg_notify\/.+|pg_stat_tmp\/.+|pg_dynshmem\/.+|pg_serial\/.+|pg_snapshots\/.+|pg_subtrans\/.+)$/

function filesBelow(directory: string, prefix = ''): string[] {
  return fs.readdirSync(path.join(directory, prefix), { withFileTypes: true }).flatMap((entry) => {
    const name = `${prefix}${entry.name}`
    const isDirectory = entry.isDirectory() || (entry.isSymbolicLink() && fs.statSync(path.join(directory, name)).isDirectory())
    return isDirectory ? filesBelow(directory, `${name}/`) : [name]
  })
}

function own(server: TestServer, ...paths: string[]): void {
  if (process.getuid?.() === 0) for (const one of paths) fs.lchownSync(one, server.account.uid, server.account.gid)
}

/** What goes away while it is copied is replayed from the WAL, and so no fault of the copy. */
async function copyOfLive(server: TestServer, from: string, to: string): Promise<void> {
  const { code, stderr } = await runAs(server.account, 'cp', ['-a', from, to])
  const faults = stderr.split('\n').filter((line) => line !== '' && !/^cp: cannot (?:stat|open|access) .*: No such file or directory$/.test(line))
  if (faults.length > 0 || (code !== 0 && stderr === '')) throw new Error(`cp ended with ${code}: ${stderr}`)
}

/** A plain backup, with a manifest: its WAL is left to the archive. Tablespaces go into `<directory>.ts/OID`, as --tablespace-mapping has it. */
export async function takePlainBackup(server: TestServer, directory: string): Promise<void> {
  const client: pg.Client = server.client()
  await client.connect()
  try {
    const modern = server.major >= 15
    const { rows: [begun] } = await client.query<{ lsn: string }>(modern ? "SELECT pg_backup_start('test', true)::text AS lsn" : "SELECT pg_start_backup('test', true, false)::text AS lsn")
    await copyOfLive(server, server.dataDir, directory)
    for (const name of filesBelow(directory).filter((one) => LEFT_OUT.test(one))) fs.rmSync(path.join(directory, name))
    // A tablespace within the data directory is no link, and came along.
    const links = fs.readdirSync(`${directory}/pg_tblspc`, { withFileTypes: true }).flatMap((entry) => (entry.isSymbolicLink() ? [entry.name] : []))
    if (links.length > 0) await runAs(server.account, 'mkdir', [`${directory}.ts`])
    for (const oid of links) {
      const place = fs.readlinkSync(`${directory}/pg_tblspc/${oid}`)
      await copyOfLive(server, place, `${directory}.ts/${oid}`)
      fs.rmSync(`${directory}/pg_tblspc/${oid}`)
      fs.symlinkSync(`${directory}.ts/${oid}`, `${directory}/pg_tblspc/${oid}`)
      own(server, `${directory}/pg_tblspc/${oid}`)
    }
    const { rows: [ended] } = await client.query<{ lsn: string; label: string }>(modern ? 'SELECT lsn::text, labelfile AS label FROM pg_backup_stop(true)' : 'SELECT lsn::text, labelfile AS label FROM pg_stop_backup(false, true)')
    fs.writeFileSync(`${directory}/backup_label`, ended!.label, { mode: 0o600 })
    const files = filesBelow(directory).map((name) => {
      const bytes = fs.readFileSync(path.join(directory, name))
      const modified = fs.statSync(path.join(directory, name)).mtime.toISOString()
      return { path: name, size: bytes.length, modified, checksum: { algorithm: 'CRC32C' as const, hex: crc32cText(updateCrc32c(CRC32C_START, bytes)) } }
    })
    const timeline = Number(/START TIMELINE: (\d+)/.exec(ended!.label)?.[1] ?? 1)
    const manifest = writeManifest(files, [{ timeline, start: lsnFromText(begun!.lsn)!, end: lsnFromText(ended!.lsn)! }], (bytes) => createHash('sha256').update(bytes).digest('hex'))
    fs.writeFileSync(`${directory}/backup_manifest`, manifest, { mode: 0o600 })
    own(server, `${directory}/backup_label`, `${directory}/backup_manifest`)
  } finally {
    await client.end()
  }
}

/** The same backup as pg_basebackup's tar format has it: base.tar, a tar for each tablespace, the manifest beside them. */
export async function packBackup(server: TestServer, plain: string, directory: string, compress: '' | 'z' = ''): Promise<void> {
  const must = async (file: string, ...args: string[]): Promise<void> => {
    const done = await runAs(server.account, file, args)
    if (done.code !== 0) throw new Error(`${file}: ${done.stderr}`)
  }
  const suffix = compress === 'z' ? '.gz' : ''
  await must('mkdir', directory)
  const oids = fs.readdirSync(`${plain}/pg_tblspc`)
  const map = `${directory}/tablespace_map`
  fs.writeFileSync(map, oids.map((oid) => `${oid} ${server.root}/space\n`).join(''))
  own(server, map)
  await must('tar', `-c${compress}f`, `${directory}/base.tar${suffix}`, '-C', plain, 'backup_label', ...(oids.length === 0 ? [] : ['-C', directory, 'tablespace_map', '-C', plain]),
    '--exclude=./backup_label', '--exclude=./backup_manifest', ...oids.map((oid) => `--exclude=./pg_tblspc/${oid}`), '.')
  // It is one of the files that the server lists.
  const manifest = readManifest(fs.readFileSync(`${plain}/backup_manifest`))
  if ('problem' in manifest) throw new Error(manifest.problem)
  const mapped = { path: 'tablespace_map', size: fs.statSync(map).size, modified: new Date().toISOString(), checksum: { algorithm: 'CRC32C' as const, hex: crc32cText(updateCrc32c(CRC32C_START, fs.readFileSync(map))) } }
  const files = [...manifest.files.map((file) => ({ ...file, modified: file.modified!, checksum: file.checksum! })), ...(oids.length === 0 ? [] : [mapped])]
  fs.writeFileSync(`${directory}/backup_manifest`, writeManifest(files, manifest.wal, (bytes) => createHash('sha256').update(bytes).digest('hex')), { mode: 0o600 })
  own(server, `${directory}/backup_manifest`)
  fs.rmSync(map)
  for (const oid of oids) await must('tar', `-c${compress}f`, `${directory}/${oid}.tar${suffix}`, '-C', `${plain}.ts/${oid}`, '.')
}
