import { Config, flush, run } from '@oclif/core'
import { bugText, EXIT, reportError } from './base-command.ts'
import { codeOf } from './errors.ts'

const LINGER_MS = 2_000

/**
 * Runs one command line. Never throws: what goes wrong is printed (or, under `--json`, put on stdout as an error object)
 * and sets the exit code.
 *
 * @param entry path of the program that was started; the package is the one around it
 */
export async function main(argv: string[], entry: string): Promise<void> {
  outliveListeners()
  outliveStrays(argv)
  try {
    const config = await Config.load(entry)
    await run(argv, config)
  } catch (error) {
    reportError(error, argv)
  } finally {
    await flush().catch(() => undefined)
    // Whatever is still open (a connection, a pipe of somebody's) must not hold up an answer that is given; with nothing open we end at once.
    setTimeout(() => process.exit(), LINGER_MS).unref()
  }
}

/**
 * Whoever listened may be gone (`| head -1`, a closed terminal), or the disk that is written to full: nothing that was begun ends half-way
 * for it. A result that could not be told counts as none; one that nobody wanted to the end counts.
 */
function outliveListeners(): void {
  let told = true
  // oclif's own listener throws anything but EPIPE.
  process.stdout.removeAllListeners('error').on('error', (error) => {
    if (codeOf(error) === 'EPIPE' || !told) return
    told = false
    process.stderr.write(`pgwal: stdout: ${error.message}\n`)
  })
  process.stderr.on('error', () => undefined)
  process.once('exit', () => {
    if (!told) process.exitCode = EXIT.couldNotRun
  })
}

/**
 * A promise that failed while nobody waited for it is a bug of ours, but nothing that was begun ends half-way for it, as the process
 * otherwise would. It is told at the end, and the command counts as one that could not be run to its end.
 */
function outliveStrays(argv: readonly string[]): void {
  const strays = new Map<Promise<unknown>, unknown>()
  process.on('unhandledRejection', (reason, promise) => strays.set(promise, reason))
  // Somebody did wait, only later.
  process.on('rejectionHandled', (promise) => strays.delete(promise))
  process.once('exit', (code) => {
    for (const reason of strays.values()) process.stderr.write(bugText(reason, argv))
    if (strays.size > 0 && code === EXIT.ok) process.exitCode = EXIT.couldNotRun
  })
}
