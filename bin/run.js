#!/usr/bin/env node
import { readFileSync } from 'node:fs'

// The commonest questions must not cost the loading of the whole program.
if (process.argv.length === 3 && process.argv[2] === '--version') {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  console.log(`pgwal ${version} ${process.platform}-${process.arch} node-${process.version}`)
} else {
  const { main } = await import('../dist/cli.js')
  await main(process.argv.slice(2), import.meta.url)
}
