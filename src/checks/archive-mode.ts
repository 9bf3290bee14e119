// https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-ARCHIVE-MODE
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { replicationFact } from '../facts/replication.ts'
import { serverFact } from '../facts/server.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { afterRestart, inForce } from './support/settings.ts'

export default defineCheck({
  id: 'archive-mode',
  source: 'https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-ARCHIVE-MODE',
  needs: { settings: effectiveSettingsFact },
  uses: { server: serverFact, replication: replicationFact },

  run({ settings }, { server, replication }) {
    const mode = inForce(settings, 'archive_mode')
    const setting = settings.get('archive_mode')
    if (mode === 'off') {
      const next = afterRestart(setting)
      if (next !== undefined && next !== 'off') return [finding('off-until-restart', 'error', { value: next }, { at: setting?.at, fix: { kind: 'in-force' } })]
      if (server.ok && server.value.inRecovery) return [finding('standby-off', 'info', {}, { at: setting?.at })]
      const programs = replication.ok ? [...new Set(replication.value.walPrograms.map(({ name }) => name))] : []
      if (programs.length > 0) return [finding('streamed', 'info', { programs: programs.join(', ') }, { at: setting?.at })]
      return [finding('off', 'error', {}, { at: setting?.at, fix: { kind: 'setting', name: 'archive_mode', value: 'on', atLeast: true } })]
    }
    if (mode === 'on' && server.ok && server.value.inRecovery) return [finding('standby', 'info', {}, { at: setting?.at })]
    return []
  },

  text: {
    en: {
      title: 'archive_mode is on',
      about: 'With archive_mode off the server recycles each WAL segment as soon as it needs it no more, and nothing is kept that a base backup could be rolled forward with. The setting counts from the start of the server on: after an edit a reload is not enough.',
      findings: {
        off: {
          message: 'WAL is not archived: archive_mode is off',
          why: 'If this disk died now, everything since the last backup would be lost; no recovery to a point in time is possible.',
          remedy: '`pgwal enable` sets up archiving (needs a restart)',
        },
        'off-until-restart': {
          message: 'WAL is not archived: archive_mode is {value} in the files, but the server still runs with off; it was not restarted',
          why: 'archive_mode "cannot be changed without restarting the server": a reload reads the line and leaves it aside.',
          remedy: '`pgwal enable` restarts the server and proves that it archives',
        },
        standby: {
          message: 'this standby archives nothing: archive_mode is on, which counts on the primary only',
          why: 'With on, a standby begins to archive when it is promoted; always would archive now as well.',
          remedy: 'nothing to do if the primary archives',
        },
        'standby-off': {
          message: 'archive_mode is off on this standby: after a promotion nothing would be archived',
          why: 'A standby needs no archiving of its own while its primary archives; the primary that it may become does.',
          remedy: 'if it may be promoted, set archive_mode = on here as well: it counts from the promotion on',
        },
        streamed: {
          message: 'archive_mode is off; WAL is taken by streaming: {programs}',
          why: 'What streams through a replication slot keeps every segment as well, and with the newest records. pgwal cannot see where it is stored.',
          remedy: 'nothing to do if that is meant; the tool that receives has checks of its own',
        },
      },
    },
    'zh-TW': {
      title: 'archive_mode 已開啟',
      about: 'archive_mode 為 off 時，伺服器一旦不再需要某個 WAL 區段就會回收，不會留下任何可讓基礎備份向前重播的內容。此設定只在伺服器啟動時生效：修改後僅重新載入是不夠的。',
      findings: {
        off: {
          message: 'WAL 未歸檔：archive_mode 為 off',
          why: '如果磁碟現在損壞，自上次備份以來的一切都會遺失；也無法復原至任何時間點。',
          remedy: '`pgwal enable` 會設定歸檔（需要重新啟動）',
        },
        'off-until-restart': {
          message: 'WAL 未歸檔：設定檔中的 archive_mode 為 {value}，但伺服器仍以 off 執行；尚未重新啟動',
          why: 'archive_mode「不重新啟動伺服器就無法變更」：重新載入只會讀到該行，不會套用。',
          remedy: '`pgwal enable` 會重新啟動伺服器，並證明歸檔確實運作',
        },
        standby: {
          message: '此備援伺服器不會歸檔：archive_mode 為 on，只在主要伺服器上生效',
          why: '設為 on 時，備援伺服器要在升格後才開始歸檔；設為 always 則現在就會歸檔。',
          remedy: '若主要伺服器有歸檔，則無須處理',
        },
        'standby-off': {
          message: '此備援伺服器的 archive_mode 為 off：升格之後將不會有任何歸檔',
          why: '主要伺服器有歸檔時，備援伺服器不必自行歸檔；但它升格成為主要伺服器之後就需要。',
          remedy: '若它可能升格，請在此也設定 archive_mode = on：自升格起生效',
        },
        streamed: {
          message: 'archive_mode 為 off；WAL 以串流方式接收：{programs}',
          why: '經由複寫槽串流同樣能保存每個區段，而且包含最新的記錄。pgwal 無法得知它存放在何處。',
          remedy: '若是刻意如此，則無須處理；接收端的工具有自己的檢查',
        },
      },
    },
  },
})
