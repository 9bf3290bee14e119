import { Config, flush, run } from '@oclif/core'
import { reportError } from './base-command.ts'

const LINGER_MS = 2_000

/**
 * Runs one command line. Never throws: what goes wrong is printed (or, under `--json`, put on stdout as an error object)
 * and sets the exit code.
 *
 * @param entry path of the program that was started; the package is the one around it
 */
export async function main(argv: string[], entry: string): Promise<void> {
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
