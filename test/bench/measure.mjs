import { spawnSync } from 'node:child_process'

/** Median of some numbers. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * Times whole commands in turn (A B A B …, so that a machine whose speed drifts favours none), after one warm-up each.
 * @param {Record<string, {file: string, args: string[], env?: object, ok?: number[]}>} commands
 * @returns {Record<string, number>} median milliseconds a command
 */
export function timeCommands(commands, runs = 15) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let run = -1; run < runs; run++) {
    for (const [name, { file, args, env, ok = [0] }] of Object.entries(commands)) {
      const started = process.hrtime.bigint()
      const done = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
      const ms = Number(process.hrtime.bigint() - started) / 1e6
      if (!ok.includes(done.status)) throw new Error(`${file} ${args.join(' ')}: exit ${done.status}\n${done.stderr}`)
      if (run >= 0) times[name].push(ms)
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]))
}
