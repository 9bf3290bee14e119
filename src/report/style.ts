import { Chalk, type ChalkInstance } from 'chalk'
import { eastAsianWidth } from 'get-east-asian-width'
import type { Locale } from '../messages/locale.ts'
import { printable } from './printable.ts'
import { redact } from './redact.ts'

/** How to draw: decided once by whoever knows the terminal, a value for everybody else. */
export interface Style {
  /** As chalk counts them: 0 none, 1 sixteen, 2 256, 3 true colour. */
  readonly colour: 0 | 1 | 2 | 3
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean
  /** Columns. */
  readonly width: number
  readonly locale: Locale
}

/** For files, pipes and tests. */
export const PLAIN: Style = { colour: 0, unicode: true, width: 80, locale: 'en' }

export interface Symbols {
  readonly error: string
  readonly warning: string
  readonly info: string
  readonly pass: string
  readonly skip: string
  /** Between the parts of a heading. */
  readonly dot: string
  readonly ellipsis: string
}

const FANCY: Symbols = { error: '✖', warning: '▲', info: '·', pass: '✔', skip: '○', dot: '·', ellipsis: '…' }
const ASCII: Symbols = { error: 'x', warning: '!', info: '-', pass: '+', skip: 'o', dot: '-', ellipsis: '...' }

export function symbolsOf(style: Style): Symbols {
  return style.unicode ? FANCY : ASCII
}

const chalks = new Map<number, ChalkInstance>()

/** chalk at the style's level, which never asks the environment itself. */
export function paint(style: Style): ChalkInstance {
  let chalk = chalks.get(style.colour)
  if (chalk === undefined) chalks.set(style.colour, (chalk = new Chalk({ level: style.colour })))
  return chalk
}

/** The symbol of a severity or verdict, in its colour. */
export function mark(style: Style, kind: 'error' | 'warning' | 'info' | 'pass' | 'skip'): string {
  const chalk = paint(style)
  const colours = { error: chalk.red, warning: chalk.yellow, info: chalk.dim, pass: chalk.green, skip: chalk.dim }
  return colours[kind](symbolsOf(style)[kind])
}

/** Commands between backticks stand out; without colour the backticks do it. */
export function emphasise(text: string, style: Style): string {
  return style.colour === 0 ? text : text.replace(/`([^`]+)`/g, (_, command: string) => paint(style).cyan(command))
}

/** The one way for text from outside into a report: without secrets, without control characters, not endless. */
export function safe(text: string, limit?: number): string {
  return printable(redact(text), limit)
}

/** Columns that a text takes on a terminal; colours take none. */
export function columns(text: string): number {
  const plain = text.replace(COLOURS, '')
  if (ASCII_TEXT.test(plain)) return plain.length
  let width = 0
  for (const character of plain) if (!WITHOUT_WIDTH.test(character)) width += eastAsianWidth(character.codePointAt(0)!)
  return width
}

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
const ASCII_TEXT = /^[\x20-\x7e]*$/
/** Combining marks, and what is not drawn at all. */
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\p{Cf}\p{Cc}]/u

/** The text with blanks behind it up to a number of columns. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columns(text)))
}
