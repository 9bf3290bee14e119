// WAL of a library that is preloaded: the restored server has none, and says so; whoever reads what pgwal says knows what to do.
import fs from 'node:fs'
import { expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { changeCommits } from '../support/commits.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal } from '../support/pgwal.ts'
import { Recoverable, typed } from '../support/recoverable.ts'

it('a record of a resource manager that is not there: the drill says what is missing, the guide where it goes', async () => {
  const one = await Recoverable.prepare(17)
  try {
    await one.make(`${one.server.root}/scratch`)
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/first`)
    await one.archived()
    changeCommits(`${one.archive}/${await one.archived()}`, (record) => { record.writeUInt8(128, 17) })
    const args = ['verify', '-D', one.server.dataDir, '--json', '--drill', '--drill-dir', `${one.server.root}/scratch`]
    const verified = await pgwal([...args, '--from-backup', one.backups], { PGWAL_STATE_DIR: one.state })
    const [cluster] = verified.json().clusters
    expect(cluster.checks.find(({ id }: { id: string }) => id === 'backup-drill')).toMatchObject({ verdict: 'fail', findings: [{ code: 'library-needed', remedy: expect.stringContaining('shared_preload_libraries') }] })
    // Which says nothing about the backup.
    expect(cluster.statement.failedBackup).toBeUndefined()

    const run = await one.recover('--json', '--to', 'latest')
    // It may be ready for reading before it comes to that.
    await typed(run.json().commands.start).catch(() => undefined)
    await eventually(async () => /resource manager with ID 128 not registered[^]*database system is shut down/.test(fs.readFileSync(`${one.into}/server.log`, 'utf8')))
    expect(fs.readFileSync(`${one.into}/GUIDE.txt`, 'utf8').replace(/\s+/g, ' ')).toMatch(/restored\/postgresql\.conf\. .*"resource manager … not registered".* shared_preload_libraries there/)
  } finally {
    await one.remove()
  }
})
