// The labs: each boots a whole machine, does the main job on it by the built program as a user would, and cleans up.
// A lab that cannot run here is skipped with its reason. `node test/labs/run.mjs [NAME…]`; PGWAL_REPORT names a JSON file for CI.
import fs from 'node:fs/promises'
import path from 'node:path'
import { removeAll } from './support/machine.mjs'

const here = import.meta.dirname
const asked = process.argv.slice(2)
const names = (await fs.readdir(here)).filter((name) => name.endsWith('.lab.mjs')).sort()
const total = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, skippedReasons: [] }

// Broken off: nothing stays mounted, and no machine runs on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    await removeAll()
    process.exit(130)
  })
}

for (const file of names) {
  const name = file.slice(0, -'.lab.mjs'.length)
  if (asked.length > 0 && !asked.includes(name)) continue
  const lab = (await import(path.join(here, file))).default
  const reason = await lab.whyNot()
  if (reason !== undefined) {
    console.log(`○ ${name}: skipped: ${reason}`)
    total.numPendingTests++
    total.skippedReasons.push(`${name}: ${reason}`)
    continue
  }
  const started = Date.now()
  console.log(`# ${name}: ${lab.title}`)
  const test = async (title, body) => {
    try {
      await body()
      total.numPassedTests++
      console.log(`  ✔ ${title}`)
    } catch (error) {
      total.numFailedTests++
      console.log(`  ✖ ${title}\n${String(error.stack ?? error).replace(/^/gm, '      ')}`)
      throw error
    }
  }
  try {
    await lab.run(test)
  } catch (error) {
    if (total.numFailedTests === 0) {
      total.numFailedTests++
      console.log(`  ✖ ${error.stack ?? error}`)
    }
  }
  console.log(`  ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

console.log(`${total.numPassedTests} passed, ${total.numFailedTests} failed, ${total.numPendingTests} skipped`)
if (process.env.PGWAL_REPORT !== undefined) await fs.writeFile(process.env.PGWAL_REPORT, JSON.stringify(total))
process.exitCode = total.numFailedTests > 0 ? 1 : 0
