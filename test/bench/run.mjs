// `npm run bench [NAME…]`: what pgwal costs, as ratios against a reference measured in the same run. Nothing is asserted here.
import fs from 'node:fs/promises'
import path from 'node:path'

const asked = process.argv.slice(2)
const files = (await fs.readdir(import.meta.dirname)).filter((name) => name.endsWith('.bench.mjs')).sort()
for (const file of files) {
  const name = file.slice(0, -'.bench.mjs'.length)
  if (asked.length > 0 && !asked.includes(name)) continue
  const { title, bench } = await import(path.join(import.meta.dirname, file))
  console.log(`\n# ${name}: ${title}`)
  for (const { what, value, unit, ratio, reference } of await bench()) {
    const shown = value >= 100 ? value.toFixed(0) : value.toFixed(1)
    console.log(`${what.padEnd(58)} ${shown.padStart(9)} ${unit.padEnd(5)} ${ratio === undefined ? '' : `${ratio.toFixed(2)} × ${reference}`}`)
  }
}
