import { principalOf } from '../../host/icacls.ts'
import type { Cluster } from '../../platforms/platform.ts'

/** A path as one word of a command that a person copies: bare where that is safe, else in single quotes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** The same for the machine of a cluster: in Windows' command prompt slashes begin options, and only double quotes count. */
export function wordOn({ platform }: Pick<Cluster, 'platform'>, path: string): string {
  return platform === 'windows' ? `"${path.replaceAll('/', '\\')}"` : shellWord(path)
}

/** Whom `icacls` grants something; nothing elsewhere. */
export function granteeOn({ platform, owner }: Pick<Cluster, 'platform' | 'owner'>): { readonly grantee?: string } {
  return platform === 'windows' ? { grantee: principalOf(owner) } : {}
}
