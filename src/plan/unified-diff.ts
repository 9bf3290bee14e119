import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff'
import { decode } from '../postgres/conf/text.ts'

/** Lines around a change: enough to see where it stands. */
const CONTEXT = 1

/** A unified diff of two contents of a file, as `diff -u` prints it; null stands for a file that does not exist. */
export function unifiedDiff(path: string, before: Uint8Array | null, after: Uint8Array | null): string {
  const text = (bytes: Uint8Array | null): string => (bytes === null ? '' : decode(bytes))
  const patch = structuredPatch(before === null ? '/dev/null' : path, after === null ? '/dev/null' : path, text(before), text(after), undefined, undefined, { context: CONTEXT })
  return formatPatch(patch, FILE_HEADERS_ONLY)
}
