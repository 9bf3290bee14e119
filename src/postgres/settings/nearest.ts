// Which name was meant: the nearest by single letters that were added, left out, exchanged or swapped.

/** Edits between two words (Damerau's, without overlapping swaps). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[b.length]!
}

/** The names nearest to a word, best first; a name that begins with the word, or holds it, is near however long it is. */
export function nearestNames(word: string, names: readonly string[], count: number): string[] {
  const folded = word.toLowerCase()
  const score = (name: string): number => {
    const edits = distance(folded, name)
    return folded.length > 2 && name.includes(folded) ? Math.min(edits, name.startsWith(folded) ? 2 : 3) : edits
  }
  return names
    .map((name) => ({ name, far: score(name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name)
}
