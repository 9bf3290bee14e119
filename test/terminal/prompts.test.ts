import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { PLAIN, type Style } from '../../src/report/style.ts'
import { Cancelled } from '../../src/terminal/prompts.ts'
import { terminalUi } from '../../src/terminal/ui.ts'

const DOWN = '\u001b[B'

/** A person at a terminal: types once the question is there. */
function person(style: Style = PLAIN, isTTY = true) {
  const stdin = Object.assign(new PassThrough(), { isTTY })
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 80 })
  // The library ends what it wrote to, which process.stderr shrugs off.
  stderr.end = () => stderr
  let shown = ''
  stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  const ui = terminalUi({ style, quiet: false, stdin, stderr })
  const plain = () => shown.replace(/\u001b\[[\d;?]*[A-Za-z]/g, '')
  const when = async (text: string, ...keys: string[]): Promise<void> => {
    while (!plain().includes(text)) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const key of keys) stdin.write(key)
  }
  return { ui, stdin, when, plain, raw: () => shown }
}

describe('prompts', () => {
  it('take the default with Enter', async () => {
    const { ui, when, plain } = person()
    const [answer] = await Promise.all([ui.ask({ message: 'Where to?', default: '/var/lib/wal' }), when('(/var/lib/wal)', '\r')])
    expect(answer).toBe('/var/lib/wal')
    expect(plain()).toContain('✔ Where to? /var/lib/wal')
  })

  it('say what is wrong with an answer, and ask on', async () => {
    const { ui, when } = person()
    const answering = ui.ask({ message: 'Where to?', validate: (text) => text.startsWith('/') || ui.words.prompts.absolutePath })
    await when('Where to?', 'x', '\r')
    await when('absolute path', '\u007f', '/y', '\r')
    expect(await answering).toBe('/y')
  })

  it.each([['\r', true, true], ['\r', false, false], ['y\r', false, true], ['n\r', true, false]])('confirm: %j with default %s is %s', async (keys, preset, expected) => {
    const { ui, when } = person()
    const [answer] = await Promise.all([ui.confirm({ message: 'Apply?', default: preset }), when(preset ? '(Y/n)' : '(y/N)', keys)])
    expect(answer).toBe(expected)
  })

  it('speak Chinese', async () => {
    const { ui, when, plain } = person({ ...PLAIN, locale: 'zh-TW' })
    const [answer] = await Promise.all([ui.confirm({ message: ui.words.prompts.apply }), when('要套用嗎？', '\r')])
    expect(answer).toBe(true)
    expect(plain()).toContain('要套用嗎？ 是')
  })

  it('let one choose, with names that cannot draw', async () => {
    const { ui, when, plain, raw } = person()
    const choices = [{ value: 1, name: '15/main' }, { value: 2, name: 'x\u001b]0;title\u0007' }]
    const [answer] = await Promise.all([ui.select({ message: 'Which?', choices }), when('15/main', DOWN, '\r')])
    expect(answer).toBe(2)
    expect(plain()).toContain('x\\x1b]0;title\\x07')
    expect(raw()).not.toContain('\u001b]0;')
  })

  it('show nothing of a password', async () => {
    const { ui, when, plain } = person()
    const [answer] = await Promise.all([ui.password({ message: 'Password' }), when('[not shown]', 'hunter2', '\r')])
    expect(answer).toBe('hunter2')
    expect(plain()).not.toContain('hunter2')
  })

  it.each([['Ctrl-C', '\u0003'], ['Ctrl-D', '\u0004']])('%s cancels', async (_name, key) => {
    const { ui, when } = person()
    const asking = ui.ask({ message: 'Where to?' }).catch((error: unknown) => error)
    await when('Where to?', key)
    expect(await asking).toBeInstanceOf(Cancelled)
  })

  it('a closed input cancels', async () => {
    const { ui, when, stdin } = person()
    const asking = ui.confirm({ message: 'Apply?' }).catch((error: unknown) => error)
    await when('Apply?')
    stdin.end()
    expect(await asking).toBeInstanceOf(Cancelled)
  })

  it('two questions in a row work on one terminal', async () => {
    const { ui, when } = person()
    const [first] = await Promise.all([ui.ask({ message: 'First?' }), when('First?', 'a', '\r')])
    const [second] = await Promise.all([ui.ask({ message: 'Second?' }), when('Second?', 'b', '\r')])
    expect([first, second]).toEqual(['a', 'b'])
  })

  it('colour nothing without colour', async () => {
    const { ui, when, raw } = person()
    await Promise.all([ui.select({ message: 'Which?', choices: [{ value: 1, name: 'one' }] }), when('one', '\r')])
    expect(raw()).not.toMatch(/\u001b\[\d*m/)
  })

  it('are refused where nobody can answer', async () => {
    const { ui } = person(PLAIN, false)
    expect(ui.interactive).toBe(false)
    await expect(ui.confirm({ message: 'Apply?' })).rejects.toMatchObject({ code: 'needs-confirmation' })
  })
})

describe('the rest of the Ui', () => {
  it('notes and outcomes go to the terminal, unless quiet; a failure always does', async () => {
    const written: string[] = []
    const stderr = { isTTY: false, write: (text: string) => written.push(text) }
    const ui = (quiet: boolean) => terminalUi({ style: PLAIN, quiet, stdin: new PassThrough(), stderr: stderr as unknown as NodeJS.WritableStream })
    const loud = ui(false)
    loud.note('remark')
    loud.outcome({ status: 'done', code: 'files-restored', params: { count: 1 } })
    expect(written).toEqual(['remark\n', '  ✔ 1 file put back, byte for byte\n'])
    written.length = 0
    const quiet = ui(true)
    quiet.note('remark')
    quiet.outcome({ status: 'done', code: 'files-restored', params: { count: 1 } })
    quiet.outcome({ status: 'failed', code: 'start-failed' })
    expect(written).toEqual(['✖ the server did not start with the new configuration\n'])
  })
})
