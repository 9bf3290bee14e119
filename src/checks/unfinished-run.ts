// The journal of enable is written ahead, so that a run that was killed is found by the next one: src/plan/journal.ts.
import { openRunsFact } from '../facts/open-runs.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'unfinished-run',
  source: 'src/plan/journal.ts',
  needs: { runs: openRunsFact },

  run({ runs }) {
    return runs.map(({ run, at }) => finding('unfinished', 'error', { run, at }))
  },

  text: {
    en: {
      title: 'no run of pgwal was left half done',
      about: 'enable and undo write down each step before they take it. A run that was killed, or whose undo failed, is found here and can be put back.',
      findings: {
        unfinished: {
          message: 'run {run} of {at} was interrupted: some of its steps may have been done',
          why: 'The files may say what no one has proved, and the next restart would use them.',
          remedy: 'pgwal undo {run}',
        },
      },
    },
    'zh-TW': {
      title: '沒有執行到一半的 pgwal 工作',
      about: 'enable 與 undo 在執行每個步驟之前都會先記錄。被中止或復原失敗的工作可在這裡發現並還原。',
      findings: {
        unfinished: {
          message: '{at} 的工作 {run} 遭到中斷：部分步驟可能已經完成',
          why: '設定檔的內容可能未經驗證，而下次重新啟動就會採用。',
          remedy: 'pgwal undo {run}',
        },
      },
    },
  },
})
