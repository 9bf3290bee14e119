// Names of settings as the server looks them up: ASCII letters fold, and a few old names still lead to the new ones.
// Source: guc_name_compare and map_old_guc_names in PostgreSQL's src/backend/utils/misc/guc.c

const OLD_NAMES: readonly { readonly old: string; readonly name: string; readonly since: number }[] = [
  { old: 'sort_mem', name: 'work_mem', since: 12 },
  { old: 'vacuum_mem', name: 'maintenance_work_mem', since: 12 },
  { old: 'ssl_ecdh_curve', name: 'ssl_groups', since: 18 },
]

/** The name under which the server of that major keeps a setting, in lower case; unknown names come back folded. */
export function settingName(name: string, major: number): string {
  const folded = /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase()) : name
  for (const { old, name: current, since } of OLD_NAMES) {
    if (old === folded && major >= since) return current
  }
  return folded
}
