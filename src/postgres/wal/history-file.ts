// TTTTTTTT.history: which timelines this one descends from, oldest first, and where each of them was left.
// src/backend/access/transam/timeline.c: readTimeLineHistory, writeTimeLineHistory. The number of a timeline is
// hexadecimal in file names and decimal in here.
import { type Lsn, lsnFromText } from './lsn.ts'

export interface HistoryEntry {
  readonly timeline: number
  /** Where the next timeline begins. */
  readonly switchLsn: Lsn
  readonly reason: string
}

export type HistoryProblem =
  | { readonly code: 'syntax'; readonly line: number }
  /** Timelines must increase from line to line and stay below that of the file. */
  | { readonly code: 'order'; readonly line: number }
  | { readonly code: 'empty' }

export interface History {
  /** Ancestors, oldest first; the last one is the parent. */
  readonly parents: readonly HistoryEntry[]
  readonly problems: readonly HistoryProblem[]
}

/** Whether what ended at `lsn` on an earlier timeline is a part of this history: that timeline was left only there, or later. */
export function isAncestor(parents: readonly HistoryEntry[], timeline: number, lsn: Lsn): boolean {
  return parents.some((parent) => parent.timeline === timeline && lsn <= parent.switchLsn)
}

/** Reads a history file. `timeline` is the one in its name. Lines that cannot be read are left out and listed. */
export function parseHistory(text: string, timeline?: number): History {
  const parents: HistoryEntry[] = []
  const problems: HistoryProblem[] = []
  for (const [index, content] of text.split('\n').entries()) {
    const line = content.trim()
    if (line === '' || line.startsWith('#')) continue
    const parts = /^(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)(?:\s+(.*))?$/.exec(line)
    const switchLsn = parts === null ? undefined : lsnFromText(parts[2]!)
    if (parts === null || switchLsn === undefined) {
      problems.push({ code: 'syntax', line: index + 1 })
      continue
    }
    const entry = { timeline: Number(parts[1]), switchLsn, reason: parts[3] ?? '' }
    if (entry.timeline <= (parents.at(-1)?.timeline ?? 0) || (timeline !== undefined && entry.timeline >= timeline)) {
      problems.push({ code: 'order', line: index + 1 })
      continue
    }
    parents.push(entry)
  }
  if (parents.length === 0 && problems.length === 0) problems.push({ code: 'empty' })
  return { parents, problems }
}
