import fs from 'node:fs/promises'
import { installServers } from '../support/install-servers.mjs'
import { load, PROGRAM } from './load.mjs'
import { installed, own, pgbackrestFor, run } from './managed-server.mjs'
import { timeCommands } from './measure.mjs'

export const title = 'verify without a drill, beside pgbackrest check on the same server'


/** Both switch a segment and wait until it is archived, by the same command: once pgBackRest's alone, once into a directory as well. */
export async function bench() {
  await installServers(['15'])
  const { TestServer } = await load("export { TestServer } from './test/support/server.ts'")
  const server = await TestServer.create(15, { walSegmentMiB: 16, conf: 'archive_mode = on' })
  try {
    const archive = `${server.root}/archive`
    await fs.mkdir(archive)
    await own(server, archive)
    const conf = `${server.dataDir}/postgresql.conf`
    const before = await fs.readFile(conf, 'utf8')
    const set = (command) => fs.writeFile(conf, `${before}archive_command = '${command}'\n`)
    const store = `test ! -f ${archive}/%f && cp %p ${archive}/%f`
    const verify = { file: process.execPath, args: [PROGRAM, 'verify', '-D', server.dataDir], ok: [0, 1] }
    await set(store)
    await server.start()
    if (!installed('pgbackrest', 'version')) return [{ what: 'pgwal verify', value: timeCommands({ verify }).verify, unit: 'ms' }]
    const { call, archiveCommand } = await pgbackrestFor(server)
    const check = call('check')
    const rows = []
    for (const [what, command] of [['archive_command: pgbackrest', archiveCommand], ['archive_command: pgbackrest, and into a directory', `${archiveCommand} && ${store}`]]) {
      await set(command)
      await server.pgCtl('reload')
      if (rows.length === 0) run(call('stanza-create'))
      const ms = timeCommands({ verify, check })
      rows.push({ what: `pgbackrest check (${what})`, value: ms.check, unit: 'ms' }, { what: 'pgwal verify', value: ms.verify, unit: 'ms', ratio: ms.verify / ms.check, reference: 'pgbackrest check' })
    }
    return rows
  } finally {
    await server.remove()
  }
}
