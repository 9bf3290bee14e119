import { spawnSync } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { installServers } from '../support/install-servers.mjs'
import { load } from './load.mjs'
import { timeCommands } from './measure.mjs'

export const title = 'doctor on a live local cluster'

const program = path.resolve(import.meta.dirname, '../../bin/run.js')

export async function bench() {
  await installServers(['17'])
  const scratch = await fs.mkdtemp('/tmp/pgwal-bench-')
  const { TestServer } = await load("export { TestServer } from './test/support/server.ts'")
  const server = await TestServer.create(17)
  try {
    await server.start()
    const barman = await barmanServer(server, scratch)
    const commands = {
      node: { file: process.execPath, args: ['-e', '0'] },
      doctor: { file: process.execPath, args: [program, 'doctor', '-D', server.dataDir], ok: [0, 1] },
      ...(barman === undefined ? {} : { barman: { file: 'barman', args: ['-c', barman, 'check', 'bench'], ok: [0, 1] } }),
    }
    const ms = timeCommands(commands)
    return [
      { what: 'node -e 0', value: ms.node, unit: 'ms' },
      ...(barman === undefined ? [] : [{ what: 'barman check', value: ms.barman, unit: 'ms', ratio: ms.barman / ms.node, reference: 'node -e 0' }]),
      { what: 'pgwal doctor', value: ms.doctor, unit: 'ms', ratio: ms.doctor / ms.node, reference: 'node -e 0' },
      ...(barman === undefined ? [] : [{ what: '', value: ms.doctor, unit: 'ms', ratio: ms.doctor / ms.barman, reference: 'barman check' }]),
    ]
  } finally {
    await server.remove()
    await fs.rm(scratch, { recursive: true, force: true })
  }
}

/** A barman configuration for the server, where barman is installed; its user must not be root's. */
async function barmanServer(server, scratch) {
  if (spawnSync('barman', ['--version']).status !== 0) return undefined
  await fs.mkdir(`${scratch}/barman`)
  const file = `${scratch}/barman.conf`
  await fs.writeFile(file, `[barman]\nbarman_user = ${process.getuid() === 0 ? 'root' : process.env.USER}\nbarman_home = ${scratch}/barman\nconfiguration_files_directory = ${scratch}/none\nlog_file = ${scratch}/barman.log\n[bench]\ndescription = bench\nconninfo = host=${server.socketDir} port=${server.port} user=${server.superuser} dbname=postgres\nbackup_method = postgres\narchiver = on\n`)
  return file
}
