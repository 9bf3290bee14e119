import fs from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'

const root = path.join(import.meta.dirname, '..', '..')

/** What users start; `npm run bench` builds it first. */
export const PROGRAM = path.join(root, 'bin/run.cjs')

/** Imports TypeScript of this checkout as it stands. */
export async function load(contents) {
  const directory = await fs.mkdtemp(path.join(root, 'node_modules', '.pgwal-bench-'))
  try {
    const outfile = path.join(directory, 'loaded.mjs')
    await build({ stdin: { contents, resolveDir: root, loader: 'ts' }, bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile, logLevel: 'error' })
    return await import(outfile)
  } finally {
    await fs.rm(directory, { recursive: true, force: true })
  }
}
