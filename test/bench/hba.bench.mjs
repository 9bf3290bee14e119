// pg_hba.conf of 2,000, 20,000 and 200,000 rules: read, who decides for one connection, and every rule that never does;
// beside Augeas' parse of the same file where it is installed. The pure part runs inside this process, as it does inside the program.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { median } from './measure.mjs'

export const title = 'pg_hba.conf: read, decide, every rule that is out of reach'

/** Rules of the usual shapes, one in eight of them out of reach; the last one decides what is asked. */
function text(rules) {
  const shapes = [
    (at) => `host    db${at}       user${at}       10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}/32       scram-sha-256`,
    (at) => `hostssl all           user${at}       192.168.${at & 255}.0/24        scram-sha-256`,
    (at) => `host    db${at},db${at + 1}  +group${at}   172.16.${at & 255}.0        255.255.255.0   md5`,
    (at) => `local   db${at}       user${at}                                    peer`,
    (at) => `hostssl db${at}       all             2001:db8:${(at & 65535).toString(16)}::/48    cert`,
    (at) => `host    replication   user${at}       10.0.0.0/8              scram-sha-256`,
    (at) => `host    sameuser      all             host${at}.example.com   reject`,
    (at) => `host    db${at - 7}       user${at - 7}       10.${((at - 7) >> 16) & 255}.${((at - 7) >> 8) & 255}.${(at - 7) & 255}/32       reject`,
  ]
  return `${Array.from({ length: rules - 1 }, (_, at) => shapes[at % shapes.length](at)).join('\n')}\nhost    replication   backup          127.0.0.1/32            trust\n`
}

const installed = (program) => spawnSync('which', [program]).status === 0

function timed(program, args) {
  const started = performance.now()
  spawnSync(program, args, { stdio: 'ignore' })
  return performance.now() - started
}

export async function bench() {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-bench-hba-'))
  try {
    const bundle = path.join(directory, 'hba.mjs')
    await build({ entryPoints: [path.resolve(import.meta.dirname, '../../src/postgres/hba/index.ts')], bundle: true, format: 'esm', platform: 'node', outfile: bundle, logLevel: 'error' })
    const { decide, PHYSICAL_REPLICATION, readHba, unreachable } = await import(bundle)
    const source = { read: (file) => fs.readFile(file), list: async () => [] }
    const results = []
    for (const rules of [2_000, 20_000, 200_000]) {
      const file = path.join(directory, `${rules}`, 'pg_hba.conf')
      await fs.mkdir(path.dirname(file))
      await fs.writeFile(file, text(rules))
      const read = ['-A', '-t', `Pg_Hba incl ${file}`, 'get', `/files${file}/${rules}/method`]
      const beside = installed('augtool') && rules <= 20_000
      if (beside && !spawnSync('augtool', read, { encoding: 'utf8' }).stdout.includes('= trust')) throw new Error('Augeas cannot read the file')
      const [ours, augeas, nothing] = [[], [], []]
      // In turn, so that a machine whose speed drifts favours none.
      for (let run = -2; run < 9; run++) {
        const started = performance.now()
        const hba = await readHba(source, { hbaFile: file, major: 17 })
        const { rule } = decide(hba, { user: 'backup', database: PHYSICAL_REPLICATION, address: '127.0.0.1', tls: true })
        const shadowed = unreachable(hba)
        const ms = performance.now() - started
        if (!hba.loads || rule.line !== rules || shadowed.length < rules / 8 - 1) throw new Error('not what the file says')
        if (run < 0) continue
        ours.push(ms)
        if (!beside) continue
        augeas.push(timed('augtool', read))
        nothing.push(timed('augtool', ['-A', 'quit']))
      }
      results.push({ what: `pgwal, ${rules} rules: read, decide, all out of reach`, value: median(ours), unit: 'ms' })
      if (beside) {
        const parse = median(augeas) - median(nothing)
        results.push({ what: `Augeas, ${rules} rules: the parse alone, without its start`, value: parse, unit: 'ms', ratio: parse / median(ours), reference: 'pgwal' })
      }
    }
    return results
  } finally {
    await fs.rm(directory, { recursive: true, force: true })
  }
}
