// Adds up the runs' own reports: "N passed, N failed, N skipped", with the reason of each lab that was skipped above it.
import fs from 'node:fs'
import path from 'node:path'

const total = { passed: 0, failed: 0, skipped: 0 }
for (const name of fs.readdirSync(process.argv[2]).sort()) {
  const report = JSON.parse(fs.readFileSync(path.join(process.argv[2], name), 'utf8'))
  total.passed += report.numPassedTests
  total.failed += report.numFailedTests
  total.skipped += report.numPendingTests + (report.numTodoTests ?? 0)
  for (const reason of report.skippedReasons ?? []) console.log(`skipped: ${reason}`)
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
