// https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-RECOVERY-TARGET-TIME
import { clockFact } from '../facts/clock.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

/** Clocks that are kept by NTP jump by less. */
const TOLERATED_MS = 5 * 60_000

export default defineCheck({
  id: 'clock',
  source: 'https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-RECOVERY-TARGET-TIME',
  needs: { clock: clockFact },

  run({ clock: { marks } }, _uses, { now }) {
    const latest = marks.reduce((one, other) => (other.at > one.at ? other : one), marks[0]!)
    const aheadMs = latest.at.getTime() - now.getTime()
    return aheadMs <= TOLERATED_MS ? [] : [finding('future', 'warning', { what: latest.what, when: latest.at.toISOString(), now: now.toISOString(), aheadMs })]
  },

  text: {
    en: {
      title: 'the clock has not gone back',
      about: 'Each commit bears the time of the machine\'s clock, and a recovery to a time looks for it there. Whether a clock is right it cannot say itself; but what it has put down cannot lie in the future. Looked at are the times of the server\'s start, of its last checkpoint, of the last attempts to archive, and of the control file. A clock that runs ahead and was never corrected is not seen.',
      findings: {
        future: {
          message: '{what} is {aheadMs} in the future ({when}, and now it is {now}): the clock was set back, or is wrong now',
          why: 'A recovery to a time may stop too early or too late, because the same times come twice in the WAL; the age of whatever waits or was stored is wrong as well.',
          remedy: 'see whether the clock is right and kept so (`timedatectl`, `chronyc tracking`; Windows: `w32tm /query /status`); then restart the server, and take a new base backup; for a moment in between recover to an LSN or a name, not to a time',
        },
      },
    },
    'zh-TW': {
      title: '時鐘沒有倒退',
      about: '每筆提交都帶有機器時鐘的時間，而復原至某個時間點正是以此為準。時鐘是否正確，它自己無法得知；但它記下的時間不可能在未來。這裡查看伺服器啟動、最近的檢查點、最近的歸檔嘗試，以及控制檔的時間。若時鐘超前且從未修正，則無法察覺。',
      findings: {
        future: {
          message: '{what} 位於 {aheadMs} 之後的未來（{when}，而現在是 {now}）：時鐘曾被調回，或目前不正確',
          why: '復原至某個時間點可能太早或太晚停止，因為相同的時間在 WAL 中出現兩次；等待或保存的時間長度也會不正確。',
          remedy: '確認時鐘正確且持續同步（`timedatectl`、`chronyc tracking`；Windows：`w32tm /query /status`）；然後重新啟動伺服器，並重新製作基礎備份；若要復原到這段期間，請使用 LSN 或名稱，而非時間',
        },
      },
    },
  },
})
