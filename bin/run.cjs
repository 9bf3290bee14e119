#!/usr/bin/env node
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const [command, ...rest] = process.argv.slice(2)
if (command === '--version' && rest.length === 0) {
  // The commonest question must not cost the loading of the whole program.
  const { version } = require('../package.json')
  console.log(`pgwal ${version} ${process.platform}-${process.arch} node-${process.version}`)
} else {
  // Acting as the cluster's owner changes every thread in turn, and there is little work for threads. They are started with
  // the first module that is imported, which is why this file has none.
  process.env.UV_THREADPOOL_SIZE ??= '1'
  import(pathToFileURL(join(__dirname, '../dist/cli.js'))).then(({ main }) => main(process.argv.slice(2), __filename))
}
