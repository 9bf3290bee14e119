/** What all commands share: the flags, the language, the Host, how errors are told and which exit code they have. */
import { Command, Errors, Flags } from '@oclif/core'
import type { Interfaces } from '@oclif/core'
import { HostError, UserError } from './errors.ts'
import type { Host } from './host/host.ts'
import { errorTexts } from './messages/errors.ts'
import type { ErrorText } from './messages/errors.ts'
import { chooseLocale, fill } from './messages/locale.ts'
import type { Locale } from './messages/locale.ts'
import { problemWords } from './messages/messages.ts'
import { jsonText } from './report/json-text.ts'
import { NAGIOS_UNKNOWN, statusLine } from './report/nagios-line.ts'
import { printable } from './report/printable.ts'
import { redact } from './report/redact.ts'
import type { Style } from './report/style.ts'
import { size } from './report/words.ts'
import { styleOf } from './terminal/style.ts'
import { Cancelled, terminalUi } from './terminal/ui.ts'
import type { Ui } from './terminal/ui.ts'

/** Exit codes of the contract. */
export const EXIT = { ok: 0, findings: 1, couldNotRun: 2, cancelled: 130 } as const

const groups = { cluster: 'CLUSTER', connection: 'CONNECTION', output: 'OUTPUT' }

export const outputFlags = {
  json: Flags.boolean({ description: 'print the result as JSON', helpGroup: groups.output }),
  lang: Flags.string({ description: 'language: en or zh-TW (default: from the locale)', options: ['en', 'zh-TW'], helpGroup: groups.output }),
  color: Flags.boolean({ description: 'colour on a terminal', allowNo: true, default: true, helpGroup: groups.output }),
  quiet: Flags.boolean({ description: 'only the result', helpGroup: groups.output }),
  verbose: Flags.boolean({ description: 'every detail', helpGroup: groups.output }),
}

export const clusterFlags = {
  cluster: Flags.string({ description: 'cluster, as `pgwal clusters` prints it', helpValue: 'ID', helpGroup: groups.cluster }),
  'data-dir': Flags.string({ char: 'D', description: 'data directory', helpValue: 'DIR', helpGroup: groups.cluster }),
  'config-file': Flags.string({ description: 'postgresql.conf', helpValue: 'FILE', helpGroup: groups.cluster }),
}

export const connectionFlags = {
  host: Flags.string({ char: 'h', description: 'host or socket directory', helpGroup: groups.connection }),
  port: Flags.integer({ char: 'p', description: 'port', min: 1, max: 65535, helpGroup: groups.connection }),
  username: Flags.string({ char: 'U', description: 'role', helpGroup: groups.connection }),
  dbname: Flags.string({ char: 'd', description: 'database', helpGroup: groups.connection }),
}

/** For commands that read files without a server. */
export const serverVersionFlag = Flags.custom<number>({
  description: 'read the files as this major does, without asking a server',
  helpValue: 'N',
  helpGroup: groups.cluster,
  async parse(text) {
    if (!/^[1-9]\d?(?:\.\d+)*$/.test(text)) throw new Errors.CLIError(`--server-version takes a number such as 16, not ${text}`)
    return Number.parseInt(text, 10)
  },
})

export type OutputFlags = Interfaces.InferredFlags<typeof outputFlags>
type ClusterAndConnectionFlags = Partial<Interfaces.InferredFlags<typeof clusterFlags & typeof connectionFlags>>

/** What a use case needs of the command line: the machine, the terminal, the language. */
export interface Context {
  readonly host: Host
  /** The same machine with another environment. */
  readonly hostWith: (env: Readonly<Record<string, string | undefined>>) => Host
  readonly ui: Ui
  readonly style: Style
  readonly locale: Locale
  readonly json: boolean
  readonly verbose: boolean
  readonly quiet: boolean
}

export abstract class BaseCommand extends Command {
  static override baseFlags = outputFlags

  /** The context for a run. The Host is loaded here, so that `--help` does not pay for it. */
  protected async context(flags: OutputFlags): Promise<Context> {
    const { NodeHost } = await import('./host/node-host.ts')
    const locale = chooseLocale(flags.lang, process.env)
    const style = styleOf({ env: process.env, stream: process.stdout, locale, colour: flags.color })
    const ui = terminalUi({ style: styleOf({ env: process.env, stream: process.stderr, locale, colour: flags.color }), quiet: flags.quiet || flags.json, stdin: process.stdin, stderr: process.stderr })
    return { host: new NodeHost(), hostWith: (env) => new NodeHost(env), ui, style, locale, json: flags.json, verbose: flags.verbose, quiet: flags.quiet }
  }

  /** Puts the result on stdout: the text, or under `--json` the object. */
  protected async result(context: Context, text: () => string | Promise<string>, json: () => object): Promise<void> {
    const body = context.json ? jsonText(json()) : await text()
    process.stdout.write(body.endsWith('\n') ? body : `${body}\n`)
  }

  override async catch(error: Error): Promise<void> {
    reportError(error, this.argv, this.id)
  }
}

/** Which cluster is meant, as the flags say it. */
export function selectionOf(flags: ClusterAndConnectionFlags) {
  return {
    ...(flags.cluster === undefined ? {} : { id: flags.cluster }),
    ...(flags['data-dir'] === undefined ? {} : { dataDir: flags['data-dir'] }),
    ...(flags['config-file'] === undefined ? {} : { configFile: flags['config-file'] }),
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.username === undefined ? {} : { user: flags.username }),
    ...(flags.dbname === undefined ? {} : { database: flags.dbname }),
  }
}

export type Selection = ReturnType<typeof selectionOf>

/**
 * Tells of an error and sets the exit code: 130 for a cancelled prompt, else 2. Under `--json` the error is an object on
 * stdout. Only a bug prints a stack.
 */
export function reportError(error: unknown, argv: readonly string[], command = argv[0] ?? ''): void {
  if (isExit(error)) {
    process.exitCode = error.oclif.exit
    return
  }
  if (error instanceof Cancelled) {
    process.stderr.write('\n')
    process.exitCode = EXIT.cancelled
    return
  }
  process.exitCode = EXIT.couldNotRun
  const format = optionOf(argv, 'format')
  if (format === 'nagios') {
    const { message } = describe(error, command, 'en')
    process.stdout.write(`${statusLine(NAGIOS_UNKNOWN, message)}\n`)
    process.exitCode = NAGIOS_UNKNOWN
    return
  }
  const { code, message, remedy, stack } = describe(error, command, chooseLocale(optionOf(argv, 'lang'), process.env))
  if (argv.includes('--json') || format === 'json') {
    process.stdout.write(`${jsonText({ schema: 1, command, error: { code, message, ...(remedy === undefined ? {} : { remedy }) } })}\n`)
    return
  }
  process.stderr.write(errorText({ message, remedy, stack }))
}

function errorText({ message, remedy, stack }: { readonly message: string; readonly remedy?: string | undefined; readonly stack?: string | undefined }): string {
  return [`pgwal: ${message}`, ...(remedy === undefined ? [] : [`  ${remedy}`]), ...(stack === undefined ? [] : [stack]), ''].join('\n')
}

/** What stands on stderr of an error that nobody waited for. */
export function bugText(error: unknown, argv: readonly string[]): string {
  return errorText(describe(error, argv[0] ?? '', chooseLocale(optionOf(argv, 'lang'), process.env)))
}

/** What follows `--name`, for a command line that may not have been parsed. */
function optionOf(argv: readonly string[], name: string): string | undefined {
  const joined = argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3)
  return joined ?? (argv.includes(`--${name}`) ? argv[argv.indexOf(`--${name}`) + 1] : undefined)
}

function shown(name: string, value: string | number, locale: Locale): string {
  if (typeof value === 'number' && name.endsWith('Bytes')) return size(value)
  return name === 'problem' ? problemWords(String(value), locale) : String(value)
}

function describe(error: unknown, command: string, locale: Locale): { code: string; message: string; remedy?: string; stack?: string } {
  if (error instanceof UserError) {
    const text: ErrorText = errorTexts[error.code][locale]
    const params = Object.fromEntries(Object.entries(error.params).map(([name, value]) => [name, clean(shown(name, value, locale))]))
    return { code: error.code, message: fill(text.message, params), remedy: fill(params['older'] === undefined ? text.remedy : text.remedyOlder ?? text.remedy, params) }
  }
  if (error instanceof HostError) return { code: error.code, message: clean(error.message) }
  if (isOclifError(error)) {
    const text = errorTexts.usage[locale]
    return { code: 'usage', message: clean(fill(text.message, { reason: error.message.replace(/\nSee more help with --help$/, '') })), remedy: fill(text.remedy, { command }) }
  }
  const thrown = error instanceof Error ? error : new Error(String(error))
  return { code: 'bug', message: clean(thrown.message), stack: clean(thrown.stack ?? '', true) }
}

function clean(text: string, lines = false): string {
  return lines ? text.split('\n').map((line) => printable(redact(line))).join('\n') : printable(redact(text))
}

function isOclifError(error: unknown): error is Error & { oclif: { exit?: number } } {
  return error instanceof Error && 'oclif' in error && typeof error.oclif === 'object'
}

/** oclif's way to end a run early, for `--help` and the like. */
function isExit(error: unknown): error is Error & { oclif: { exit: number } } {
  return isOclifError(error) && 'code' in error && error.code === 'EEXIT' && typeof error.oclif.exit === 'number'
}
