import type { FilePlace } from './settings-report.ts'
import { safe } from './style.ts'

/** `file:line` for a report whose heading names the files in full: the last part alone, where no other file has the same. */
export type FileNames = (place: FilePlace) => string

export function fileNames(files: readonly string[]): FileNames {
  const last = (path: string) => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const counts = new Map<string, number>()
  for (const path of new Set(files)) counts.set(last(path), (counts.get(last(path)) ?? 0) + 1)
  return ({ file, line }) => safe(counts.get(last(file)) === 1 ? last(file) : file) + (line > 0 ? `:${line}` : '')
}
