// Which file system a path lies on, from the kernel's table of mounts.
// https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html

export interface Mount {
  /** `ext4`, `nfs4`, `cifs`, `fuse.s3fs` … */
  readonly type: string
  /** A device, or `server:/path`. */
  readonly source: string
}

/**
 * @param mountinfo the text of /proc/PID/mountinfo
 * @param path without symbolic links
 */
export function mountOf(mountinfo: string, path: string): Mount | undefined {
  let found: (Mount & { readonly point: string }) | undefined
  for (const line of mountinfo.split('\n')) {
    const [, point, type, source] = /^\d+ \d+ \S+ \S+ (\S+) .*? - (\S+) (\S+)/.exec(line) ?? []
    if (point === undefined || type === undefined || source === undefined) continue
    const place = unescaped(point)
    const holds = place === '/' || path === place || path.startsWith(`${place}/`)
    // Of two mounts in one place the later one is seen.
    if (holds && (found === undefined || place.length >= found.point.length)) found = { point: place, type, source: unescaped(source) }
  }
  return found === undefined ? undefined : { type: found.type, source: found.source }
}

/** Whether a file system, or a part of one, is mounted at the very path. */
export function isMountPoint(mountinfo: string, path: string): boolean {
  return mountinfo.split('\n').some((line) => unescaped(/^\d+ \d+ \S+ \S+ (\S+) /.exec(line)?.[1] ?? '') === path)
}

/** Blanks and the like are octal there: `\040`. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
}
