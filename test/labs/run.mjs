// The labs: each boots a whole machine, does the main job on it by the built program as a user would, and cleans up.
// A lab that cannot run here is skipped with its reason. `node test/labs/run.mjs [NAME…]`; PGWAL_REPORT names a JSON file for CI.
import fs from 'node:fs/promises'
import path from 'node:path'
import { removeAll } from './support/machine.mjs'

const here = import.meta.dirname
const asked = process.argv.slice(2)
const names = (await fs.readdir(here)).filter((name) => name.endsWith('.lab.mjs')).sort()
const AT_ONCE = 2
const total = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, skippedReasons: [] }

// Broken off: nothing stays mounted, and no machine runs on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    await removeAll()
    process.exit(130)
  })
}

/** One lab; what it has to say comes in one piece, for another one runs at the same time. */
async function run(file) {
  const name = file.slice(0, -'.lab.mjs'.length)
  const lab = (await import(path.join(here, file))).default
  const reason = await lab.whyNot()
  if (reason !== undefined) {
    console.log(`○ ${name}: skipped: ${reason}`)
    total.numPendingTests++
    total.skippedReasons.push(`${name}: ${reason}`)
    return
  }
  const lines = [`# ${name}: ${lab.title}`]
  const started = Date.now()
  let failed = false
  const fail = (what, error) => {
    failed = true
    total.numFailedTests++
    lines.push(`  ✖ ${what}\n${String(error.stack ?? error).replace(/^/gm, '      ')}`)
  }
  const test = async (title, body) => {
    try {
      await body()
      total.numPassedTests++
      lines.push(`  ✔ ${title}`)
    } catch (error) {
      fail(title, error)
      throw error
    }
  }
  try {
    await lab.run(test)
  } catch (error) {
    if (!failed) fail('outside of its tests', error)
  }
  console.log(`${lines.join('\n')}\n  ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

// Most of a lab is waiting: for a boot, a restart, an archiver. The longest begins.
const waiting = names.filter((file) => asked.length === 0 || asked.includes(file.slice(0, -'.lab.mjs'.length))).reverse()
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await run(file)
}))

console.log(`${total.numPassedTests} passed, ${total.numFailedTests} failed, ${total.numPendingTests} skipped`)
if (process.env.PGWAL_REPORT !== undefined) await fs.writeFile(process.env.PGWAL_REPORT, JSON.stringify(total))
process.exitCode = total.numFailedTests > 0 ? 1 : 0
