import { describe, expect, it } from 'vitest'
import { nearestNames, settingNames } from '../../../src/postgres/settings/index.ts'

describe('the name that was meant', () => {
  it.each([
    ['archiv_mode', 'archive_mode'], ['ARCHIVE_COMAND', 'archive_command'], ['wal_levle', 'wal_level'], ['shared_bufers', 'shared_buffers'],
    ['max_wal_sender', 'max_wal_senders'], ['archive_tim', 'archive_timeout'],
  ])('%s', (word, meant) => expect(nearestNames(word, settingNames(17), 3)[0]).toBe(meant))
})
