import fs from 'node:fs/promises'
import { installServers } from '../support/install-servers.mjs'
import { load, PROGRAM } from './load.mjs'
import { archiveSegments, barmanFor, installed, own, pgbackrestFor, run } from './managed-server.mjs'
import { timeCommands } from './measure.mjs'

export const title = 'doctor with all checks on a live server with a day\'s archive, beside the checks of Barman and pgBackRest'

/** A segment a minute, all day. */
const SEGMENTS = 1440

/**
 * Each tool looks at the same server. pgwal looks through the archive that the server's command fills; `pgbackrest check` has to
 * switch and push a segment into its own, which is why the command stores into both.
 */
export async function bench() {
  // Barman and pgBackRest of Debian 12 know PostgreSQL up to 15.
  await installServers(['15'])
  const { TestServer } = await load("export { TestServer } from './test/support/server.ts'")
  const server = await TestServer.create(15)
  try {
    const archive = `${server.root}/archive`
    await fs.mkdir(archive)
    await own(server, archive)
    const conf = `${server.dataDir}/postgresql.conf`
    const before = await fs.readFile(conf, 'utf8')
    const set = (command) => fs.writeFile(conf, `${before}archive_mode = on\narchive_command = '${command}'\n`)
    const store = `test ! -f ${archive}/%f && cp %p ${archive}/%f`
    await set(store)
    await server.start()
    await archiveSegments(server, SEGMENTS)
    const commands = {
      node: { file: process.execPath, args: ['-e', '0'] },
      doctor: { file: process.execPath, args: [PROGRAM, 'doctor', '-D', server.dataDir], ok: [0, 1] },
    }
    if (installed('barman')) commands.barman = { ...(await barmanFor(server))('check', 'main'), ok: [0, 1] }
    if (installed('pgbackrest', 'version')) {
      const { call, archiveCommand } = await pgbackrestFor(server)
      await set(`${archiveCommand} && ${store}`)
      await server.pgCtl('reload')
      run(call('stanza-create'))
      commands.pgbackrest = call('check')
    }
    const ms = timeCommands(commands)
    const both = ms.barman === undefined || ms.pgbackrest === undefined ? undefined : ms.barman + ms.pgbackrest
    return [
      { what: 'node -e 0', value: ms.node, unit: 'ms' },
      ...(ms.barman === undefined ? [] : [{ what: 'barman check', value: ms.barman, unit: 'ms', ratio: ms.barman / ms.node, reference: 'node -e 0' }]),
      ...(ms.pgbackrest === undefined ? [] : [{ what: 'pgbackrest check', value: ms.pgbackrest, unit: 'ms', ratio: ms.pgbackrest / ms.node, reference: 'node -e 0' }]),
      { what: `pgwal doctor, ${SEGMENTS} segments archived`, value: ms.doctor, unit: 'ms', ratio: ms.doctor / ms.node, reference: 'node -e 0' },
      ...(ms.barman === undefined ? [] : [{ what: '', value: ms.doctor, unit: 'ms', ratio: ms.doctor / ms.barman, reference: 'barman check' }]),
      ...(both === undefined ? [] : [{ what: '', value: ms.doctor, unit: 'ms', ratio: ms.doctor / both, reference: 'barman check and pgbackrest check together' }]),
    ]
  } finally {
    await server.remove()
  }
}
