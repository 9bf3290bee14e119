// https://pgbackrest.org/configuration.html#section-archive/option-archive-push-queue-max
// https://pgbackrest.org/user-guide.html#async-archiving
import { archiveCommandFact } from '../facts/archive-command.ts'
import { archiveStatusFact } from '../facts/archive-status.ts'
import { logFact } from '../facts/log.ts'
import { pgbackrestFact } from '../facts/pgbackrest.ts'
import { CannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'
import { shellWord } from './support/shell-word.ts'

type Code = 'dropped' | 'queue-limit' | 'spool' | 'lock' | 'log'

export default defineCheck({
  id: 'pgbackrest',
  source: 'https://pgbackrest.org/configuration.html',
  needs: { command: archiveCommandFact },
  uses: { tool: pgbackrestFact, log: logFact, status: archiveStatusFact },
  appliesTo: ({ command }) => command.via === 'command' && /pgbackrest/.test(command.text),

  run(_facts, { tool, log, status }, { cluster }): Coded<Code>[] {
    // A backup that began after the gap does not need what is missing.
    const backup = status.ok ? status.value.newestBackup : undefined
    const dropped = (log.ok ? log.value.dropped ?? [] : []).filter((name) => backup === undefined || name.slice(8) >= backup.slice(8))
    const lost = log.ok && dropped.length > 0
      ? [finding<Code>('dropped', 'error', { count: dropped.length, first: dropped[0]!, last: dropped.at(-1)!, stanza: tool.ok ? tool.value.stanza : 'STANZA', owner: cluster.owner.name }, { at: { file: log.value.source } })]
      : []
    if (!tool.ok) {
      if (lost.length === 0) throw new CannotJudge(tool.why)
      return lost
    }
    const { file, queueMax, refused } = tool.value
    const at = file === undefined ? undefined : { file }
    return [
      ...lost,
      ...(queueMax === undefined ? [] : [finding<Code>('queue-limit', 'info', { limit: queueMax }, { at })]),
      ...refused.map(({ what, path, place, code }) => finding<Code>(what, what === 'log' ? 'warning' : 'error', { path, place, reason: code, word: shellWord(place), owner: cluster.owner.name }, { at: { file: place } })),
    ]
  },

  text: {
    en: {
      title: 'pgBackRest can work, and has dropped no WAL',
      about: 'pgBackRest may be told to drop WAL once too much of it waits (archive-push-queue-max); it then reports success, so that only its warning in the server\'s log tells of the gap. In asynchronous mode a second process does the work: where it may not write into its spool or take its lock nothing is archived, and what it says goes to a log of its own. Options are read from the command, the server\'s environment and pgBackRest\'s configuration files; the directories are tried as the server\'s account. A gap counts until a backup has begun after it.',
      findings: {
        dropped: {
          message: 'pgBackRest dropped {count} WAL {count|file|files} because its queue was full, {first} to {last}',
          why: 'The server was told that they are archived and has recycled them. No backup from before can be recovered past {first}.',
          remedy: 'take a backup now: sudo -u {owner} pgbackrest --stanza={stanza} --type=full backup; then find out why the queue was full, and raise archive-push-queue-max or remove it',
        },
        'queue-limit': {
          message: 'once {limit} of WAL wait, pgBackRest drops them and reports success (archive-push-queue-max)',
          why: 'The server lives on with a full queue, and the archive has a gap that only the log tells of.',
          remedy: 'watch the server\'s log for "dropped WAL file", or remove the option and watch the room for pg_wal instead',
        },
        spool: {
          message: 'pgBackRest cannot write into its spool {path} ({place}: {reason}): nothing is archived',
          why: 'The server\'s log only says that a segment was not pushed in time; the cause stands in pgBackRest\'s own log.',
          remedy: 'sudo chown -R {owner} {word}, or sudo install -d -o {owner} -m 0770 for the missing directory; or set spool-path to a directory of {owner}',
        },
        lock: {
          message: 'pgBackRest cannot take its lock in {path} ({place}: {reason}): nothing is archived',
          why: 'Each attempt fails with "unable to acquire lock"; as a rule pgBackRest was once run as root, which leaves files that only root may open.',
          remedy: 'sudo chown {owner} {word}; run pgBackRest as {owner} only',
        },
        log: {
          message: 'pgBackRest cannot write its log in {path} ({place}: {reason})',
          why: 'Why the asynchronous process fails stands in that log alone; without it there is no reason to be read.',
          remedy: 'sudo chown {owner} {word}, or sudo install -d -o {owner} -m 0770 for the missing directory; or set log-path to a directory of {owner}',
        },
      },
    },
    'zh-TW': {
      title: 'pgBackRest 能正常運作，且未丟棄任何 WAL',
      about: 'pgBackRest 可設定為在等待的 WAL 過多時將其丟棄（archive-push-queue-max），同時仍回報成功，因此只有伺服器記錄檔中的警告會提到缺口。在非同步模式下由第二個行程負責工作：若它無法寫入 spool 目錄或取得鎖定，就不會歸檔任何內容，而其訊息寫在自己的記錄檔中。選項取自命令、伺服器的環境變數與 pgBackRest 的設定檔；各目錄以伺服器帳號實際測試。缺口在其後開始的備份出現之前都算數。',
      findings: {
        dropped: {
          message: 'pgBackRest 因佇列已滿而丟棄了 {count} 個 WAL 檔案，從 {first} 到 {last}',
          why: '伺服器以為它們已歸檔，並已將其回收。任何更早的備份都無法復原到 {first} 之後。',
          remedy: '立即進行備份：sudo -u {owner} pgbackrest --stanza={stanza} --type=full backup；然後查明佇列為何滿載，並提高或移除 archive-push-queue-max',
        },
        'queue-limit': {
          message: '等待的 WAL 達到 {limit} 時，pgBackRest 會將其丟棄並回報成功（archive-push-queue-max）',
          why: '佇列滿載時伺服器仍可運作，但歸檔會出現缺口，而且只有記錄檔會提到。',
          remedy: '留意伺服器記錄檔中的「dropped WAL file」，或移除此選項並改為監看 pg_wal 的空間',
        },
        spool: {
          message: 'pgBackRest 無法寫入其 spool 目錄 {path}（{place}：{reason}）：沒有任何內容被歸檔',
          why: '伺服器的記錄檔只會說區段未能及時送出；原因寫在 pgBackRest 自己的記錄檔中。',
          remedy: 'sudo chown -R {owner} {word}，若目錄不存在則使用 sudo install -d -o {owner} -m 0770；或將 spool-path 設為 {owner} 的目錄',
        },
        lock: {
          message: 'pgBackRest 無法在 {path} 取得鎖定（{place}：{reason}）：沒有任何內容被歸檔',
          why: '每次嘗試都會以「unable to acquire lock」失敗；通常是 pgBackRest 曾以 root 執行，留下只有 root 能開啟的檔案。',
          remedy: 'sudo chown {owner} {word}；只以 {owner} 執行 pgBackRest',
        },
        log: {
          message: 'pgBackRest 無法在 {path} 寫入記錄檔（{place}：{reason}）',
          why: '非同步行程失敗的原因只寫在該記錄檔中；沒有它就無從得知原因。',
          remedy: 'sudo chown {owner} {word}，若目錄不存在則使用 sudo install -d -o {owner} -m 0770；或將 log-path 設為 {owner} 的目錄',
        },
      },
    },
  },
})
