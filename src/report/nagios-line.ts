/** The first line of a Nagios plugin; apart from the rest, because every start of the program loads it. */
const STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const
/** The exit code is the state's. */
export const NAGIOS_UNKNOWN = 3

/** A line without performance data; also what stands there when pgwal could not run. */
export function statusLine(exitCode: number, text: string): string {
  return `PGWAL ${STATES[exitCode] ?? 'UNKNOWN'} - ${withoutBar(text)}`
}

/** A bar begins the performance data, wherever it stands. */
export function withoutBar(text: string): string {
  return text.replaceAll('|', '¦')
}
