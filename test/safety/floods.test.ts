// Programs that write more than there is room for: what was cut off is not taken for the whole answer, and nobody waits for the rest.
import { spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { processExists } from '../../src/host/processes.ts'
import type { Host } from '../../src/host/host.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { detectClusters } from '../../src/platforms/index.ts'
import { actingFor } from '../../src/platforms/reading.ts'
import { makePlace, removeLeftovers } from '../../src/probes/drill/place.ts'
import type { Working } from '../../src/probes/drill/place.ts'
import { hostWith } from '../support/archived.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let tools: string

beforeAll(async () => {
  server = await TestServer.create(15)
  tools = await stateDirectory()
})
afterAll(async () => {
  await server.remove()
  await fs.rm(tools, { recursive: true, force: true })
})

/** What comes after a beginning that is well formed, and is more than the 4 MiB that are read. */
const FLOODS: readonly (readonly [string, string])[] = [
  ['ends by itself', 'head -c 6000000 /dev/zero | tr "\\0" "#"; echo'],
  ['never ends', 'exec yes "#"'],
  ['complains without end', 'exec yes "#" >&2'],
]

/** A program of that name that answers, and then floods; says its number in `pid`. */
async function floods(name: string, answer: string, flood: string): Promise<() => Promise<void>> {
  const directory = await fs.mkdtemp(path.join(tools, 'bin-'))
  await fs.writeFile(path.join(directory, 'answer'), answer)
  await fs.writeFile(path.join(directory, name), `#!/bin/sh\necho $$ >>'${directory}/pids'\ncat '${directory}/answer'\n${flood}\n`, { mode: 0o755 })
  process.env['PATH'] = `${directory}:${process.env['PATH']!}`
  return async () => {
    process.env['PATH'] = process.env['PATH']!.slice(directory.length + 1)
    const pids = (await fs.readFile(path.join(directory, 'pids'), 'utf8')).trim().split('\n').map(Number)
    await eventually(() => Promise.resolve(!pids.some((pid) => processExists(pid))), 'the end of the program')
  }
}

describe.each(FLOODS)('a program that %s', (_label, flood) => {
  it('pg_lsclusters: its clusters are taken from their files instead', async () => {
    const etc = await fs.mkdtemp(path.join(server.root, 'etc-'))
    await fs.chmod(etc, 0o755)
    const conf = path.join(etc, '15', 'main', 'postgresql.conf')
    await fs.mkdir(path.dirname(conf), { recursive: true })
    await fs.writeFile(conf, `data_directory = '${server.dataDir}'\nport = ${server.port}\n`)
    const gone = await floods('pg_lsclusters', '15 main 1 online postgres /nowhere /nowhere/log\n', flood)
    const done = await pgwal(['clusters', '--json'], { PG_CLUSTER_CONF_ROOT: etc, PATH: process.env['PATH']! })
    await gone()
    const main = done.json().clusters.find(({ id }: { id: string }) => id === '15/main')
    expect(main, done.stdout + done.stderr).toMatchObject({ dataDir: server.dataDir, port: server.port, running: false })
    expect(JSON.stringify(main)).not.toContain('nowhere')
    await fs.rm(etc, { recursive: true })
  })

  it('systemctl: no unit is believed to be the cluster\'s', async () => {
    const unit = 'postgresql-flood.service'
    const answer = [`Id=${unit}`, `Names=${unit}`, 'LoadState=loaded', `ExecStart={ path=/usr/bin/postgres ; argv[]=/usr/bin/postgres -D ${server.dataDir} ; ignore_errors=no ; }`, 'ActiveState=active', '', ''].join('\n')
    const whole = await floods('systemctl', answer, 'exit 0')
    const asked = () => detectClusters(booted(new NodeHost(), unit), { dataDir: server.dataDir })
    expect((await asked()).map(({ service }) => service)).toEqual([{ kind: 'systemd', name: 'postgresql-flood' }])
    await whole()
    const gone = await floods('systemctl', answer, flood)
    expect((await asked()).map(({ service }) => service)).toEqual([{ kind: 'pg_ctl', name: server.dataDir }])
    await gone()
  })

  it.skipIf(process.platform === 'win32')('ps, where nothing else tells of processes: the copy of a drill that may still run stays', async () => {
    const host = hostWith(new NodeHost(), { os: 'darwin' })
    const [cluster] = await detectClusters(new NodeHost(), { dataDir: server.dataDir })
    const self = await host.self()
    const working: Working = { host, cluster: cluster!, self, as: actingFor(self, cluster!.owner) }
    const parent = await fs.mkdtemp(path.join(server.root, 'drills-'))
    await fs.chown(parent, cluster!.owner.uid, cluster!.owner.gid)
    const { root, dataDir } = await makePlace(working, parent)
    // Of a pgwal that is gone.
    await fs.writeFile(path.join(root, 'pgwal-drill.json'), JSON.stringify({ process: { pid: 2 ** 22 + 1, started: '' }, cluster: server.dataDir }))
    const copy = spawn('sh', ['-c', 'while :; do sleep 1; done', 'postgres', '-D', dataDir], { stdio: 'ignore', ...(self.privileged ? { uid: cluster!.owner.uid, gid: cluster!.owner.gid } : {}) })
    const ended = new Promise((resolve) => copy.once('exit', resolve))
    const gone = await floods('ps', `${process.pid} node\n`, flood)
    await removeLeftovers(working, parent)
    await gone()
    expect(processExists(copy.pid!)).toBe(true)
    expect(await fs.readdir(parent)).toEqual([path.basename(root)])
    await removeLeftovers(working, parent)
    await ended
    expect(await fs.readdir(parent)).toEqual([])
  })
})

/** A machine whose init is systemd, with one unit. */
function booted(host: NodeHost, unit: string): Host {
  return hostWith(host, {
    stat: (file, options) => host.stat(file === '/run/systemd/system' ? '/' : file, options),
    list: (directory, options) => (directory === '/etc/systemd/system' ? Promise.resolve([{ name: unit, kind: 'file' }]) : host.list(directory, options)),
  })
}
