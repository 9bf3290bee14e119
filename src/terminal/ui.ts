import { messages, type Messages } from '../messages/messages.ts'
import { outcomeText, type OutcomeLine } from '../report/outcome-text.ts'
import type { Style } from '../report/style.ts'
import { ProgressLine, type Progress } from './progress.ts'
import { terminalPrompts, type Prompts, type PromptStreams } from './prompts.ts'

export { Cancelled } from './prompts.ts'

/** How a use case talks to people. Everything goes to stderr; the result of a command goes to stdout and is none of its business. */
export interface Ui extends Prompts {
  readonly style: Style
  /** The words of the user's language. */
  readonly words: Messages
  /** A remark, of one or more lines. Nothing with --quiet or --json. */
  note(text: string): void
  /** Something that was done or went wrong, with its symbol. A failure is told with --quiet as well. */
  outcome(line: OutcomeLine): void
  /** Says what is being waited for until it is done. */
  progress(label: string): Progress
}

export interface TerminalUiOptions {
  /** Of stderr. */
  readonly style: Style
  readonly quiet: boolean
  readonly stdin: PromptStreams['input']
  readonly stderr: PromptStreams['output']
}

/** The Ui of a real run. */
export function terminalUi({ style, quiet, stdin, stderr }: TerminalUiOptions): Ui {
  const line = new ProgressLine(stderr, style, { quiet })
  const print = (text: string): void => {
    line.clear()
    stderr.write(text.endsWith('\n') ? text : `${text}\n`)
  }
  const prompts = terminalPrompts({ input: stdin, output: stderr }, style)
  /** A question must not be drawn over. */
  const asking = <T>(question: () => Promise<T>): Promise<T> => {
    line.stop()
    return question()
  }
  return {
    style,
    words: messages(style.locale),
    note: (text) => {
      if (!quiet) print(text)
    },
    outcome: (outcome) => {
      if (!quiet || outcome.status === 'failed') print(outcomeText(outcome, style))
    },
    progress: (label) => line.start(label),
    interactive: prompts.interactive,
    ask: (question) => asking(() => prompts.ask(question)),
    confirm: (question) => asking(() => prompts.confirm(question)),
    select: (question) => asking(() => prompts.select(question)),
    password: (question) => asking(() => prompts.password(question)),
  }
}
