// A race in a test is tried once more by the runner itself ("retry x1"), one in a set-up is not: the files of a run that failed
// in nothing but that, a line each. Ends with 1 where a test failed as well.
import fs from 'node:fs'

const report = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))
const files = report.testResults.filter((file) => file.status === 'failed').map((file) => file.name.slice(file.name.lastIndexOf('/test/') + 1))
if (report.numFailedTests > 0 || files.length === 0) process.exit(1)
for (const file of files) console.log(file)
