// postgresql.conf of 2,000, 20,000 and 200,000 lines: read, one value changed, written; beside Augeas' parse of the same file
// and pg_conftool where they are installed. The pure part runs inside this process, as it does inside the program.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { median, timeCommands } from './measure.mjs'

export const title = 'postgresql.conf: read, change one value, write'

/** A file with the shapes of a real one, as far as Augeas can read them: it knows neither dotted names nor quotes in quotes. */
function text(lines) {
  const shapes = [
    (at) => `# comment ${at}, it's about nothing`,
    (at) => `#setting_${at} = off\t\t\t# (change requires restart)`,
    (at) => `my_setting_${at} = 'text of ${at}'\t# trailing`,
    (at) => `work_mem = ${64 + at % 1000}kB`,
    () => '',
  ]
  return `${Array.from({ length: lines - 1 }, (_, at) => shapes[at % shapes.length](at)).join('\n')}\narchive_mode = off # the one that changes\n`
}

const installed = (program) => spawnSync('which', [program]).status === 0

export async function bench() {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-bench-conf-'))
  try {
    const bundle = path.join(directory, 'conf.mjs')
    await build({ entryPoints: [path.resolve(import.meta.dirname, '../../src/postgres/conf/index.ts')], bundle: true, format: 'esm', platform: 'node', outfile: bundle, logLevel: 'error' })
    const conf = await import(bundle)
    const source = { read: (file) => fs.readFile(file), list: async () => [] }
    const results = []
    for (const lines of [2_000, 20_000, 200_000]) {
      const file = path.join(directory, `${lines}`, 'postgresql.conf')
      await fs.mkdir(path.dirname(file))
      await fs.writeFile(file, text(lines))
      const times = []
      for (let run = -1; run < 9; run++) {
        const started = performance.now()
        const configuration = await conf.readConfiguration(source, { configFile: file, major: 17 })
        const [before] = configuration.files
        const changed = conf.applyChange(configuration, conf.planSetting(configuration, 'archive_mode', 'on'))
        await fs.writeFile(`${file}.new`, changed.files[0].bytes)
        if (run >= 0) times.push(performance.now() - started)
        if (changed.files[0].bytes.length !== before.bytes.length - 1) throw new Error('more than one value changed')
      }
      const ours = median(times)
      results.push({ what: `pgwal, ${lines} lines: read, plan, prove, write`, value: ours, unit: 'ms' })
      if (installed('augtool') && lines <= 20_000) {
        const read = ['-A', '-t', `Postgresql incl ${file}`, 'get', `/files${file}/archive_mode`]
        if (!spawnSync('augtool', read, { encoding: 'utf8' }).stdout.includes('= off')) throw new Error('Augeas cannot read the file')
        const augeas = timeCommands({ augeas: { file: 'augtool', args: read }, nothing: { file: 'augtool', args: ['-A', 'quit'] } }, 3)
        const parse = augeas.augeas - augeas.nothing
        results.push({ what: `Augeas, ${lines} lines: the parse alone, without its start`, value: parse, unit: 'ms', ratio: parse / ours, reference: 'pgwal' })
      }
      if (installed('pg_conftool')) {
        const { tool } = timeCommands({ tool: { file: 'pg_conftool', args: [file, 'set', 'archive_mode', 'on'] } }, 3)
        results.push({ what: `pg_conftool set, ${lines} lines, with its start`, value: tool, unit: 'ms', ratio: tool / ours, reference: 'pgwal' })
      }
    }
    return results
  } finally {
    await fs.rm(directory, { recursive: true, force: true })
  }
}
