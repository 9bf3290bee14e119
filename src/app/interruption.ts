/** Ctrl-C and its kin. */
import type { Context } from '../base-command.ts'
import { stoppableHost } from '../host/stoppable-host.ts'
import { Cancelled } from '../terminal/prompts.ts'

/** Aborted by Ctrl-C, by a request to end and when the terminal goes away. None of them ends the program any more. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { interrupted.abort() })
  return interrupted.signal
}

/**
 * Looks and asks, until it is through or `signal` is aborted: then what it started is ended, and nothing more is begun. Not for what changes something.
 *
 * @throws Cancelled once the signal is aborted
 */
export async function interruptibly<T>(context: Context, signal: AbortSignal | undefined, look: (context: Context) => Promise<T>): Promise<T> {
  if (signal === undefined) return look(context)
  const refusal = (): Error => new Cancelled()
  const given = new Promise<never>((_resolve, reject) => {
    const give = (): void => { reject(refusal()) }
    if (signal.aborted) give()
    else signal.addEventListener('abort', give, { once: true })
  })
  return Promise.race([given, look({ ...context, host: stoppableHost(context.host, signal, refusal) })])
}
