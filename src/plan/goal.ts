/**
 * What should be true, as data: doctor's findings carry goals, enable asks for a set of them, and one planner turns
 * goals into steps. No goal knows a platform.
 */
export type Goal =
  /** The setting has this value, or a better one (`wal_level` logical beats replica, a higher max_wal_senders stays). */
  | { readonly kind: 'setting'; readonly name: string; readonly value: string; readonly atLeast?: boolean }
  /** Archiving into this directory: it exists with the right owner and mode, and the archive command serves it. */
  | { readonly kind: 'archive'; readonly directory: string }
  /** A physical replication login of this role from these networks (CIDR) is allowed. */
  | { readonly kind: 'replication-rule'; readonly user: string; readonly addresses: readonly string[] }
  /** The role exists with LOGIN and REPLICATION. */
  | { readonly kind: 'replication-role'; readonly user: string }
  /** What the files say is what the server runs with. */
  | { readonly kind: 'in-force' }
