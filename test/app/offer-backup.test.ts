import { describe, expect, it, vi } from 'vitest'
import type { EnableResult } from '../../src/app/enable.ts'
import { offerBackup } from '../../src/app/offer-backup.ts'
import type { Context } from '../../src/base-command.ts'
import { messages } from '../../src/messages/messages.ts'
import { Cancelled } from '../../src/terminal/prompts.ts'

const { backupOf } = vi.hoisted(() => ({ backupOf: vi.fn<(...all: readonly unknown[]) => Promise<unknown>>().mockResolvedValue('made') }))
vi.mock('../../src/app/backup.ts', () => ({ backupOf }))

const PROVED = { archivedUntil: '2026-11-23T10:00:00.000Z', notProved: ['restore', 'base-backup'] }

function context({ interactive = true, json = false, os = 'linux', answers = [] as readonly unknown[] } = {}) {
  const left = [...answers]
  const asked: unknown[] = []
  const answer = (question: unknown) => {
    asked.push(question)
    const next = left.shift()
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
  }
  return { asked, context: { host: { os }, json, ui: { interactive, words: messages('en'), confirm: answer, ask: answer } } as unknown as Context }
}

const enabled = (over: object = {}) => ({ outcome: 'applied', archiveDirectory: '/srv/wal', cluster: { id: '17' }, verify: { statement: PROVED }, ...over }) as unknown as EnableResult
const options = { yes: false, timeoutMs: 1, signal: new AbortController().signal }

describe('the last question of enable', () => {
  it.each([
    ['a run that was not applied', {}, enabled({ outcome: 'rolled-back' }), options],
    ['nobody to ask', { interactive: false }, enabled(), options],
    ['JSON', { json: true }, enabled(), options],
    ['--yes', {}, enabled(), { ...options, yes: true }],
    ['no proof of the archive', {}, enabled({ verify: { statement: { notProved: ['archiving', 'base-backup'] } } }), options],
    ['a backup that is known', {}, enabled({ verify: { statement: { ...PROVED, notProved: ['other-backups'] } } }), options],
    ['--no-restart', {}, enabled({ verify: undefined }), options],
  ])('is not asked with %s', async (_what, situation, result, given) => {
    const { asked, context: here } = context(situation)
    expect(await offerBackup(here, {}, result, given)).toBeUndefined()
    expect(asked).toEqual([])
  })

  it.each([['no', [false]], ['Ctrl-C', [new Cancelled()]], ['Ctrl-C at the directory', [true, new Cancelled()]]])('%s leaves it at that', async (_what, answers) => {
    const { context: here } = context({ answers })
    expect(await offerBackup(here, {}, enabled(), options)).toBeUndefined()
    expect(backupOf).not.toHaveBeenCalled()
  })

  it('yes takes one, beside the archive unless told otherwise, of that cluster, which runs now', async () => {
    const { asked, context: here } = context({ answers: [true, '/mnt/backups'] })
    expect(await offerBackup(here, { port: 5433 } as never, enabled(), options)).toBe('made')
    expect(asked[1]).toMatchObject({ default: '/srv/wal-backups' })
    expect(backupOf).toHaveBeenCalledWith(here, { id: '17', running: true }, { port: 5433 }, expect.objectContaining({ directory: '/mnt/backups' }))
    const { validate } = asked[1] as { validate: (answer: string) => unknown }
    expect([validate('relative'), validate('/absolute'), validate('D:\\backups')]).toEqual([expect.any(String), true, true])
  })
})
