// What enable and a drill write for cmd.exe, out of the sources.
import { build } from 'esbuild'
import path from 'node:path'

const source = path.resolve(import.meta.dirname, '../../../src/postgres/archive-command/writer-cmd.ts')
const { outputFiles } = await build({ entryPoints: [source], bundle: true, format: 'esm', write: false, logLevel: 'warning' })
const module = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)

export const { cmdArchiveScript, cmdRestoreCommand } = module
