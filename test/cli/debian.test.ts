// The main job on a real Debian cluster without systemd: pg_ctlcluster, peer authentication, configuration outside the data directory.
import fs from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DebianCluster, whyNoDebianCluster } from '../support/debian-cluster.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'

const reason = await whyNoDebianCluster()

describe.skipIf(reason !== undefined)(`a Debian cluster${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let cluster: DebianCluster
  let state: string
  let before: { conf: Buffer; hba: Buffer; modes: number[]; owners: number[] }
  const look = async () => {
    const stats = await Promise.all([cluster.configFile, cluster.hbaFile].map((file) => fs.stat(file)))
    return {
      conf: await fs.readFile(cluster.configFile), hba: await fs.readFile(cluster.hbaFile),
      modes: stats.map(({ mode }) => mode & 0o7777), owners: stats.flatMap(({ uid, gid }) => [uid, gid]),
    }
  }
  const run = (...args: string[]) => pgwal([args[0]!, '--cluster', cluster.id, ...args.slice(1)], { ...cluster.env, PGWAL_STATE_DIR: state })

  beforeAll(async () => {
    cluster = await DebianCluster.create('pgwal-test')
    await cluster.ctl('start')
    state = await stateDirectory()
    before = await look()
  })
  afterAll(async () => {
    await cluster.remove()
    await fs.rm(state, { recursive: true, force: true })
  })

  it('is found as Debian\'s, and is not mixed up with any other', async () => {
    const { clusters } = (await run('clusters', '--json')).json()
    expect(clusters).toHaveLength(1)
    expect(clusters[0]).toMatchObject({
      id: cluster.id, platform: 'linux-apt', dataDir: cluster.dataDir, configFile: cluster.configFile, hbaFile: cluster.hbaFile,
      port: cluster.port, running: true, service: { kind: 'pg_ctlcluster' },
    })
  })

  it('enable writes into Debian\'s files, restarts with pg_ctlcluster and proves a segment', async () => {
    const done = await run('enable', '--yes', '--json', '--archive-dir', `${cluster.root}/archive`)
    expect(done.code, done.stdout + done.stderr).toBe(0)
    const result = done.json()
    expect(result.outcome).toBe('applied')
    expect(result.verify.checks.find(({ id }: { id: string }) => id === 'archive-round-trip').verdict).toBe('pass')
    const now = await look()
    expect(now.conf.toString()).toMatch(/^archive_mode = on$/m)
    expect(now.modes).toEqual(before.modes)
    expect(now.owners).toEqual(before.owners)
    expect((await cluster.run('pg_lsclusters', '-h')).stdout).toContain('online')
  })

  it('undo puts every byte, owner and mode back', async () => {
    const done = await run('undo', '--yes', '--json')
    expect(done.code, done.stdout + done.stderr).toBe(0)
    expect(await look()).toEqual(before)
    expect((await cluster.run('pg_lsclusters', '-h')).stdout).toContain('online')
  })

  it('a value in conf.d that wins is edited where it wins', async () => {
    const file = `${cluster.configDir}/conf.d/zz.conf`
    await fs.writeFile(file, 'archive_mode = off # ours\n')
    if (process.getuid?.() === 0) await fs.chown(file, cluster.account.uid, cluster.account.gid)
    const { plan } = (await run('enable', '--dry-run', '--json', '--archive-dir', `${cluster.root}/archive2`)).json()
    const edited = plan.steps.find(({ path }: { path: string }) => path === file)
    expect(edited.diff).toContain('+archive_mode = on # ours')
    await fs.rm(file)
  })
})
