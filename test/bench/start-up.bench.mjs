import { PROGRAM } from './load.mjs'
import { timeCommands } from './measure.mjs'

export const title = 'how long until the program answers'

export async function bench() {
  const node = process.execPath
  const ms = timeCommands({
    node: { file: node, args: ['-e', '0'] },
    version: { file: node, args: [PROGRAM, '--version'] },
    help: { file: node, args: [PROGRAM, 'doctor', '--help'] },
  })
  return [
    { what: 'node -e 0', value: ms.node, unit: 'ms' },
    { what: 'pgwal --version', value: ms.version, unit: 'ms', ratio: ms.version / ms.node, reference: 'node -e 0' },
    { what: 'pgwal doctor --help', value: ms.help, unit: 'ms', ratio: ms.help / ms.node, reference: 'node -e 0' },
  ]
}
