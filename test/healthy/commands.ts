/** An archive command to which nobody objects, as text between the quotes of postgresql.conf: compares, copies beside, flushes, publishes by a link. */
export function guarded(directory: string): string {
  return `/bin/sh -c ''test ! -e "$1/$3" || { cmp -s "$2" "$1/$3"; exit; }; cp "$2" "$1/.$3.$$" && sync "$1/.$3.$$" && ln "$1/.$3.$$" "$1/$3" && rm "$1/.$3.$$" && sync "$1"'' sh ${directory} "%p" "%f" || exit 1`
}
