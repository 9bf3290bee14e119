// https://www.postgresql.org/docs/current/release.html (in each major's notes: "Migration to Version")
// https://www.postgresql.org/docs/current/runtime-config.html
import { configurationFact } from '../facts/configuration.ts'
import { identityFact } from '../facts/identity.ts'
import { recoveryConfFact } from '../facts/recovery-conf.ts'
import { roleSettingsFact } from '../facts/role-settings.ts'
import type { RoleSetting } from '../facts/role-settings.ts'
import { PLACEHOLDERS, STRICT_PLACEHOLDERS, unknownPlaceholders } from '../postgres/archive-command/index.ts'
import { asMajor, checkLoads, quoteValue } from '../postgres/conf/index.ts'
import type { ClusterFacts, ConfError, Configuration, Effective } from '../postgres/conf/index.ts'
import { parseValue, settingInfo, settingName } from '../postgres/settings/index.ts'
import { cannotJudge, defineCheck } from './check.ts'
import type { Place } from './check.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'

type Code =
  | 'removed' | 'renamed' | 'wal-keep-segments' | 'promote-trigger-file' | 'vacuum-defer-cleanup-age'
  | 'value-refused' | 'conflict' | 'placeholder' | 'both-set' | 'recovery-conf' | 'default-changed' | 'role-setting'

/** From this major on the archiver takes a command beside a library for an error. */
const EITHER_COMMAND_OR_LIBRARY = 16
/** Settings that have words of their own for what takes their place. */
const OWN_WORDS: Readonly<Record<string, Code>> = { promote_trigger_file: 'promote-trigger-file', vacuum_defer_cleanup_age: 'vacuum-defer-cleanup-age' }
const OLD_AND_NEW: Readonly<Record<string, string>> = { force_parallel_mode: 'debug_parallel_query' }
/** Defaults that matter to WAL, to replication and to who may log in for it. */
const DEFAULTS = ['checkpoint_completion_target', 'password_encryption', 'ssl_min_protocol_version']

export default defineCheck<{ readonly configuration: typeof configurationFact }, { readonly identity: typeof identityFact; readonly recoveryConf: typeof recoveryConfFact; readonly roleSettings: typeof roleSettingsFact }, Code>({
  id: 'upgrade-settings',
  source: 'https://www.postgresql.org/docs/current/upgrading.html',
  needs: { configuration: configurationFact },
  uses: { identity: identityFact, recoveryConf: recoveryConfFact, roleSettings: roleSettingsFact },
  upgrade: true,
  appliesTo: (_facts, { cluster, forVersion }) => forVersion !== undefined && cluster.major < forVersion,

  run({ configuration: { configuration, complete, unreadable } }, { identity, recoveryConf, roleSettings }, { cluster, forVersion }) {
    if (cluster.major === 0) throw cannotJudge('not-readable', { target: `${cluster.dataDir}/PG_VERSION` })
    const major = forVersion!
    const then = asMajor(configuration, major)
    const facts: ClusterFacts = identity.ok ? { walSegmentSize: identity.value.segmentSize } : {}
    const found = [
      ...newErrors(configuration, then, facts).map((error) => refusal(error, configuration, major, facts)),
      ...(cluster.major < STRICT_PLACEHOLDERS && major >= STRICT_PLACEHOLDERS ? placeholders(then) : []),
      ...(cluster.major < EITHER_COMMAND_OR_LIBRARY && major >= EITHER_COMMAND_OR_LIBRARY ? bothSet(then) : []),
      ...(recoveryConf.ok && recoveryConf.value.file !== undefined ? [finding<Code>('recovery-conf', 'error', {}, { at: { file: recoveryConf.value.file } })] : []),
      ...(roleSettings.ok ? roleSettings.value.flatMap((setting) => ofRole(setting, cluster.major, major)) : []),
      ...(complete ? DEFAULTS.flatMap((name) => changedDefault(name, configuration, major)) : []),
    ]
    if (found.length > 0) return found
    if (!complete) throw cannotJudge('not-readable', { target: unreadable[0]! })
    if (!recoveryConf.ok) throw cannotJudge(recoveryConf.why.code, recoveryConf.why.params)
    return []
  },

  text: {
    en: {
      title: 'a newer major starts with these settings, and means the same by them',
      about: 'Only with `pgwal doctor --for-version N`. The configuration files are read as a server of major N would read them. Settings come and go between majors: one that N does not have, or a value that it refuses, keeps it from starting; from 16 on it also stops at a percent sign that is no placeholder, and at a command beside a library. What ALTER ROLE and ALTER DATABASE have set is looked at where the server can be asked.',
      findings: {
        removed: {
          message: 'PostgreSQL {major} does not start with {name}: it has no such setting any more',
          why: 'A name that a server does not know is an error. With these files taken over, the upgraded server stays down.',
          remedy: 'nothing takes its place: leave the line out of the files that the new server gets (out of postgresql.auto.conf with ALTER SYSTEM RESET {name})',
        },
        renamed: {
          message: 'PostgreSQL {major} does not start with {name}: {successor} has taken its place',
          why: 'A name that a server does not know is an error. With these files taken over, the upgraded server stays down.',
          remedy: 'in the files that the new server gets, write {successor} = {value} in place of that line',
        },
        'wal-keep-segments': {
          message: 'PostgreSQL {major} does not start with {name}: wal_keep_size has taken its place',
          why: 'A name that a server does not know is an error. With these files taken over, the upgraded server stays down.',
          remedy: 'in the files that the new server gets, write wal_keep_size in place of that line: {value} times the size of a segment, which is 16MB unless initdb was given another',
        },
        'promote-trigger-file': {
          message: 'PostgreSQL {major} does not start with {name}: a file no longer promotes a standby',
          why: 'With the line the upgraded server stays down. Without it, whatever makes that file at a failover waits for a promotion that does not come.',
          remedy: 'leave the line out of the files that the new server gets, and have the failover run `pg_ctl promote` or SELECT pg_promote() in place of making {value}',
        },
        'vacuum-defer-cleanup-age': {
          message: 'PostgreSQL {major} does not start with {name}: it has no such setting any more',
          why: 'With the line the upgraded server stays down. Without it, VACUUM may remove rows that queries on a standby still need, and these are cancelled.',
          remedy: 'leave the line out of the files that the new server gets; on standbys with long queries set hot_standby_feedback = on, best with a replication slot',
        },
        'value-refused': {
          message: 'PostgreSQL {major} does not start with this value: {reason}',
          why: 'The present major takes the value; the upgraded server stays down with it.',
          remedy: 'give {name} a value that both majors take',
        },
        conflict: {
          message: 'PostgreSQL {major} does not start with these settings: {reason}',
          why: 'The present major takes them together; the upgraded server stays down with them.',
          remedy: 'change one of the settings named',
        },
        placeholder: {
          message: 'PostgreSQL {major} does not run {name}: {detail} in it is no placeholder',
          why: 'Up to 15 it is passed to the shell as it stands. From 16 on it is an error: nothing is archived with such an archive_command, and a recovery ends at such a restore_command.',
          remedy: 'write %% for each % that is meant as such; the present major understands that too',
        },
        'both-set': {
          message: 'PostgreSQL {major} archives nothing while archive_command and archive_library ({library}) are both set',
          why: '15 takes the library without a word. From 16 on the archiver ends with an error each time it starts, while the server runs on.',
          remedy: 'set archive_command = \'\': the library is what archives now',
        },
        'recovery-conf': {
          message: 'recovery.conf lies in the data directory: no server from 12 on starts with it',
          why: 'Its settings belong into postgresql.conf since 12; the file itself keeps the server down.',
          remedy: 'move its settings into postgresql.conf, make an empty standby.signal (or recovery.signal) where it was in use, and remove the file',
        },
        'default-changed': {
          message: 'nothing sets {name}: it is {before} now, and {after} in PostgreSQL {major}',
          why: 'The default changes with the major.',
          remedy: 'where the present value is meant, set it: {name} = {value}',
        },
        'role-setting': {
          message: 'PostgreSQL {major} refuses what ALTER ROLE or ALTER DATABASE has set: {reason}',
          why: 'pg_upgrade and pg_dumpall carry these values over as statements, and the statement fails on the new server.',
          remedy: 'before the upgrade: {statement}',
        },
      },
    },
    'zh-TW': {
      title: '較新的主要版本能以這些設定啟動，且意義相同',
      about: '僅在使用 `pgwal doctor --for-version N` 時執行。這裡依照主要版本 N 的伺服器讀取設定檔的方式來讀取。各主要版本的設定會有增減：N 沒有的設定或不接受的值會讓它無法啟動；自 16 版起，不是佔位符的百分號，以及同時設定命令與程式庫，也會使它停擺。可以詢問伺服器時，也會查看 ALTER ROLE 與 ALTER DATABASE 所設定的值。',
      findings: {
        removed: {
          message: 'PostgreSQL {major} 無法在有 {name} 時啟動：已經沒有這項設定',
          why: '伺服器不認得的名稱即為錯誤。若沿用這些檔案，升級後的伺服器將無法啟動。',
          remedy: '沒有取代它的設定：新伺服器使用的檔案請去掉這一行（若在 postgresql.auto.conf 中，請用 ALTER SYSTEM RESET {name}）',
        },
        renamed: {
          message: 'PostgreSQL {major} 無法在有 {name} 時啟動：已由 {successor} 取代',
          why: '伺服器不認得的名稱即為錯誤。若沿用這些檔案，升級後的伺服器將無法啟動。',
          remedy: '在新伺服器使用的檔案中，將該行改為 {successor} = {value}',
        },
        'wal-keep-segments': {
          message: 'PostgreSQL {major} 無法在有 {name} 時啟動：已由 wal_keep_size 取代',
          why: '伺服器不認得的名稱即為錯誤。若沿用這些檔案，升級後的伺服器將無法啟動。',
          remedy: '在新伺服器使用的檔案中，將該行改為 wal_keep_size：{value} 乘以區段大小，除非 initdb 另有指定，否則為 16MB',
        },
        'promote-trigger-file': {
          message: 'PostgreSQL {major} 無法在有 {name} 時啟動：已不能再以檔案觸發備援伺服器升格',
          why: '留著這一行，升級後的伺服器將無法啟動。去掉之後，容錯移轉時建立該檔案的程式會等不到升格。',
          remedy: '新伺服器使用的檔案請去掉這一行，並讓容錯移轉改為執行 `pg_ctl promote` 或 SELECT pg_promote()，而不是建立 {value}',
        },
        'vacuum-defer-cleanup-age': {
          message: 'PostgreSQL {major} 無法在有 {name} 時啟動：已經沒有這項設定',
          why: '留著這一行，升級後的伺服器將無法啟動。去掉之後，VACUUM 可能移除備援伺服器上的查詢仍需要的資料列，這些查詢會被取消。',
          remedy: '新伺服器使用的檔案請去掉這一行；有長時間查詢的備援伺服器請設定 hot_standby_feedback = on，最好搭配複寫槽',
        },
        'value-refused': {
          message: 'PostgreSQL {major} 無法以這個值啟動：{reason}',
          why: '目前的主要版本接受這個值；升級後的伺服器則無法啟動。',
          remedy: '將 {name} 設為兩個主要版本都接受的值',
        },
        conflict: {
          message: 'PostgreSQL {major} 無法以這些設定啟動：{reason}',
          why: '目前的主要版本接受這個組合；升級後的伺服器則無法啟動。',
          remedy: '變更上述設定之一',
        },
        placeholder: {
          message: 'PostgreSQL {major} 不會執行 {name}：其中的 {detail} 不是佔位符',
          why: '15 版以前會原樣傳給 shell。自 16 版起即為錯誤：這樣的 archive_command 不會歸檔任何區段，這樣的 restore_command 會讓復原中止。',
          remedy: '將每個代表 % 本身的字元寫成 %%；目前的主要版本也能理解',
        },
        'both-set': {
          message: '同時設定 archive_command 與 archive_library（{library}）時，PostgreSQL {major} 不會歸檔',
          why: '15 版會直接採用程式庫。自 16 版起，歸檔程序每次啟動都會因錯誤而結束，而伺服器仍繼續執行。',
          remedy: '請設定 archive_command = \'\'：目前負責歸檔的是程式庫',
        },
        'recovery-conf': {
          message: '資料目錄中有 recovery.conf：自 12 版起，伺服器無法在有它時啟動',
          why: '自 12 版起，其中的設定應寫在 postgresql.conf；這個檔案本身會讓伺服器無法啟動。',
          remedy: '將其中的設定移到 postgresql.conf，若它仍在使用則建立空的 standby.signal（或 recovery.signal），然後移除該檔案',
        },
        'default-changed': {
          message: '沒有任何地方設定 {name}：目前是 {before}，在 PostgreSQL {major} 是 {after}',
          why: '預設值會隨主要版本改變。',
          remedy: '若要保留目前的值，請設定 {name} = {value}',
        },
        'role-setting': {
          message: 'PostgreSQL {major} 不接受 ALTER ROLE 或 ALTER DATABASE 所設定的值：{reason}',
          why: 'pg_upgrade 與 pg_dumpall 會以陳述式帶過這些值，而該陳述式在新伺服器上會失敗。',
          remedy: '升級前執行：{statement}',
        },
      },
    },
  },
})

/** What keeps the newer server from starting and not this one; what concerns both is told by `configuration-loads`. */
function newErrors(now: Configuration, then: Configuration, facts: ClusterFacts): ConfError[] {
  const key = ({ file, line, name }: ConfError): string => JSON.stringify([file, line, name])
  const known = new Set(checkLoads(now, facts).errors.map(key))
  return checkLoads(then, facts).errors.filter((error) => !known.has(key(error)))
}

function refusal({ file, line, message, code, name = '' }: ConfError, now: Configuration, major: number, { walSegmentSize }: ClusterFacts): Coded<Code> {
  const at: Place = line > 0 ? { file, line } : { file }
  if (code === 'bad-value') return finding('value-refused', 'error', { major, name, reason: message }, { at })
  if (code !== 'unknown-name') return finding('conflict', 'error', { major, name, reason: message }, { at })
  const key = settingName(name, major)
  const value = now.lines.find((one) => one.file === file && one.line === line)?.value ?? now.get(name)?.value ?? ''
  if (key === 'wal_keep_segments') {
    const segments = parseValue(key, value, now.major)
    if (walSegmentSize === undefined || !segments.ok) return finding('wal-keep-segments', 'error', { major, name, value }, { at })
    return finding('renamed', 'error', { major, name, successor: 'wal_keep_size', value: `${(Number(segments.value) * walSegmentSize) / 2 ** 20}MB` }, { at })
  }
  const successor = OLD_AND_NEW[key]
  if (successor !== undefined) return finding('renamed', 'error', { major, name, successor, value: quoteValue(value) }, { at })
  return finding(OWN_WORDS[key] ?? 'removed', 'error', { major, name, value }, { at })
}

function placeOf(effective: Effective | undefined): { at?: Place } {
  return effective === undefined || effective.source === 'command line' ? {} : { at: effective.source }
}

function placeholders(then: Configuration): Coded<Code>[] {
  const mode = parseValue('archive_mode', then.get('archive_mode')?.value ?? 'off', then.major)
  const archives = mode.ok && mode.canonical !== 'off'
  return Object.entries(PLACEHOLDERS).flatMap(([name, letters]) => {
    const command = then.get(name)
    return unknownPlaceholders(command?.value ?? '', letters)
      .map((detail) => finding<Code>('placeholder', name === 'archive_command' && archives ? 'error' : 'warning', { major: then.major, name, detail }, placeOf(command)))
  })
}

function bothSet(then: Configuration): Coded<Code>[] {
  const [command, library] = [then.get('archive_command'), then.get('archive_library')]
  if ((command?.value ?? '') === '' || library === undefined || library.value === '') return []
  return [finding<Code>('both-set', 'error', { major: then.major, library: library.value }, placeOf(command))]
}

function changedDefault(name: string, now: Configuration, major: number): Coded<Code>[] {
  const [before, after] = [settingInfo(name, now.major)?.default, settingInfo(name, major)?.default]
  if (now.get(name) !== undefined || before === undefined || after === undefined || before === after) return []
  return [finding<Code>('default-changed', 'info', { major, name, before, after, value: quoteValue(before) })]
}

function ofRole({ name, value, role, database }: RoleSetting, before: number, major: number): Coded<Code>[] {
  const info = settingInfo(name, major)
  if (name.includes('.') || settingInfo(name, before) === undefined) return []
  // What a text means may depend on the database: the statement then only brings a notice.
  const read = info === undefined || info.type === 'string' ? undefined : parseValue(name, value, major)
  if (info !== undefined && read?.ok !== false) return []
  const reason = read?.ok === false ? read.error : `unrecognized configuration parameter "${name}"`
  const whose = role === null ? (database === null ? 'ROLE ALL' : `DATABASE ${quoted(database)}`) : `ROLE ${quoted(role)}${database === null ? '' : ` IN DATABASE ${quoted(database)}`}`
  return [finding<Code>('role-setting', 'error', { major, reason, statement: `ALTER ${whose} RESET ${name}` })]
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
