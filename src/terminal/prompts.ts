import { UserError } from '../errors.ts'
import { messages } from '../messages/messages.ts'
import { paint, safe, symbolsOf, type Style } from '../report/style.ts'

/** Somebody pressed Ctrl-C at a question, or closed the input: no error, exit code 130. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled'
}

interface Question {
  readonly message: string
  /** What Enter gives. */
  readonly default?: string
  /** True, or what is wrong with the answer. */
  readonly validate?: (answer: string) => true | string | Promise<true | string>
}

interface Choice<T> {
  readonly value: T
  readonly name: string
}

/** Asks. Every method throws {@link Cancelled} on Ctrl-C, and `needs-confirmation` where nobody can answer. */
export interface Prompts {
  /** Whether there is a terminal to ask on. */
  readonly interactive: boolean
  ask(question: Question): Promise<string>
  confirm(question: { readonly message: string; readonly default?: boolean }): Promise<boolean>
  select<T>(question: { readonly message: string; readonly choices: readonly Choice<T>[]; readonly default?: T }): Promise<T>
  /** Shows nothing of what is typed. */
  password(question: { readonly message: string }): Promise<string>
}

export interface PromptStreams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

/** Prompts on a terminal; the library is loaded with the first question. */
export function terminalPrompts({ input, output }: PromptStreams, style: Style): Prompts {
  const interactive = input.isTTY === true && output.isTTY === true
  const words = messages(style.locale).prompts
  const chalk = paint(style)
  const theme = {
    prefix: { idle: chalk.blue('?'), done: chalk.green(symbolsOf(style).pass) },
    style: {
      answer: (text: string) => chalk.cyan(safe(text)),
      message: (text: string) => chalk.bold(text),
      error: (text: string) => chalk.red(`> ${text}`),
      defaultAnswer: (text: string) => chalk.dim(`(${safe(text)})`),
      help: (text: string) => chalk.dim(text),
      highlight: (text: string) => chalk.cyan(text),
      key: (text: string) => chalk.cyan(`<${text}>`),
    },
  }

  /** Runs one prompt. Ctrl-D closes the input without an answer, and the library would wait for ever. */
  async function run<T>(start: (library: typeof import('@inquirer/prompts'), context: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream; signal: AbortSignal }) => Promise<T>): Promise<T> {
    if (!interactive) throw new UserError('needs-confirmation')
    const library = await import('@inquirer/prompts')
    const closed = new AbortController()
    const onClose = () => setImmediate(() => { closed.abort() })
    const events = ['pause', 'end', 'close'] as const
    for (const event of events) input.once(event, onClose)
    try {
      return await start(library, { input, output, signal: closed.signal })
    } catch (error) {
      if (error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError')) throw new Cancelled(words.cancelled)
      throw error
    } finally {
      for (const event of events) input.removeListener(event, onClose)
    }
  }

  return {
    interactive,
    ask: ({ message, default: preset, validate }) =>
      run(({ input: prompt }, context) => prompt({ message, theme, ...(preset === undefined ? {} : { default: preset }), ...(validate === undefined ? {} : { validate }) }, context)),
    confirm: ({ message, default: preset = true }) =>
      run(({ confirm }, context) => {
        // The hint is Latin in every language, because those are the keys to press.
        const hint = preset ? 'Y/n' : 'y/N'
        const keywords = { yes: words.yes, no: words.no, error: () => words.yesOrNo }
        return confirm({ message, default: preset, theme: { ...theme, keywords, style: { ...theme.style, defaultAnswer: () => chalk.dim(`(${hint})`) } } }, context)
      }),
    select: ({ message, choices, default: preset }) =>
      run(({ select }, context) => {
        const keysHelpTip = () => chalk.dim(`↑↓ ${words.selectHelp.move} · ⏎ ${words.selectHelp.choose}`)
        return select({ message, choices: choices.map(({ value, name }) => ({ value, name: safe(name) })), ...(preset === undefined ? {} : { default: preset }), theme: { ...theme, style: { ...theme.style, keysHelpTip } } }, context)
      }),
    password: ({ message }) =>
      run(({ password }, context) => password({ message, toggleMask: false, theme: { ...theme, style: { ...theme.style, maskedText: words.hidden } } }, context)),
  }
}
