// A module of the sources, for labs that need what the program itself would write.
import { build } from 'esbuild'
import path from 'node:path'

const sources = path.resolve(import.meta.dirname, '../../../src')

export async function fromSource(file) {
  const { outputFiles } = await build({ entryPoints: [path.join(sources, file)], bundle: true, format: 'esm', write: false, logLevel: 'warning' })
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
}
