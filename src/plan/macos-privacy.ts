/** Names below a home that macOS guards from programs without the user's consent, and those of iCloud and its likes. */
const GUARDED = /^(Documents|Desktop|Downloads|Library\/(Mobile Documents|CloudStorage))(\/|$)/i

/**
 * Whether macOS (TCC) refuses a place to what launchd starts, although a terminal may use it. Consent cannot be given to
 * launchd, and volumes under /Volumes (disks of others, network, images) are mounted without owners as well.
 * https://support.apple.com/guide/security/controlling-app-access-to-files-secddd1d86a6/web
 *
 * @param path without symbolic links
 * @param home of the account that runs the server
 */
export function guardedByMacOs(path: string, home: string | undefined): boolean {
  const plain = path.replace(/^\/System\/Volumes\/Data(?=\/)/i, '')
  if (/^\/Volumes(\/|$)/i.test(plain)) return true
  const below = [/^\/Users\/[^/]+\/(.*)$/i.exec(plain)?.[1], home !== undefined && home !== '/' && plain.startsWith(`${home}/`) ? plain.slice(home.length + 1) : undefined]
  return below.some((rest) => rest !== undefined && GUARDED.test(rest))
}
