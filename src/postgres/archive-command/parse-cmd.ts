// Reads what cmd.exe /c runs on Windows into the same tree.
// https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/cmd
import { type Node, type Redirect, ShellSyntaxError, type Word } from './syntax.ts'

type Token = { readonly operator: string; readonly descriptor: number } | { readonly word: string; readonly quoted: boolean }

function tokens(source: string): Token[] {
  const found: Token[] = []
  let at = 0
  while (at < source.length) {
    const rest = source.slice(at)
    const blank = /^[\s,;=]+/.exec(rest)
    if (blank !== null) {
      at += blank[0].length
      continue
    }
    const operator = /^(\d?)(&&|\|\||>>|>&|[&|()<>])/.exec(rest)
    if (operator !== null && (operator[1] === '' || /[<>]/.test(operator[2]!))) {
      found.push({ operator: operator[2]!, descriptor: operator[1] === '' ? (operator[2] === '<' ? 0 : 1) : Number(operator[1]) })
      at += operator[0].length
      continue
    }
    let word = ''
    let quoted = false
    while (at < source.length && !/[\s,;=&|()<>]/.test(source[at]!)) {
      if (source[at] === '"') {
        quoted = true
        const end = source.indexOf('"', at + 1)
        if (end < 0) throw new ShellSyntaxError('a quote is not closed')
        word += source.slice(at + 1, end)
        at = end + 1
      } else if (source[at] === '^') {
        word += source[at + 1] ?? ''
        at += 2
      } else {
        word += source[at]!
        at++
      }
    }
    found.push({ word, quoted })
    if (word.toLowerCase() === 'rem' && !quoted && (found.length === 1 || 'operator' in found.at(-2)!)) break
  }
  return found
}

/** @throws ShellSyntaxError where cmd.exe would complain as well. */
export function parseCmd(source: string): Node {
  const input = tokens(source.replace(/^\s*@/, ''))
  let at = 0
  const peekOperator = (): string | undefined => {
    const next = input[at]
    return next !== undefined && 'operator' in next ? next.operator : undefined
  }
  const peekWord = (): string | undefined => {
    const next = input[at]
    return next !== undefined && 'word' in next && !next.quoted ? next.word.toLowerCase() : undefined
  }
  const takeWord = (): Word => {
    const next = input[at]
    if (next === undefined || !('word' in next)) throw new ShellSyntaxError('a word is missing')
    at++
    return { plain: !next.quoted, parts: next.word === '' ? [] : [{ kind: 'text', text: next.word }] }
  }

  function sequence(): Node {
    const items: { node: Node; background: boolean }[] = []
    while (at < input.length && peekOperator() !== ')') {
      items.push({ node: andOr(), background: false })
      if (peekOperator() === '&') at++
      else break
    }
    return items.length === 1 ? items[0]!.node : { type: 'list', items }
  }

  function andOr(): Node {
    let left = pipeline()
    for (let operator = peekOperator(); operator === '&&' || operator === '||'; operator = peekOperator()) {
      at++
      left = { type: operator === '&&' ? 'and' : 'or', left, right: pipeline() }
    }
    return left
  }

  function pipeline(): Node {
    const stages = [command()]
    while (peekOperator() === '|') {
      at++
      stages.push(command())
    }
    return stages.length === 1 ? stages[0]! : { type: 'pipe', stages }
  }

  function command(): Node {
    if (peekOperator() === '(') {
      at++
      const body = sequence()
      if (peekOperator() !== ')') throw new ShellSyntaxError('expected )')
      at++
      return { type: 'group', body, subshell: false, redirects: redirects() }
    }
    if (peekWord() === 'if') {
      at++
      return condition()
    }
    const words: Word[] = []
    const found: Redirect[] = []
    for (;;) {
      found.push(...redirects())
      if (input[at] === undefined || 'operator' in input[at]! || (words.length > 0 && peekWord() === 'else')) break
      words.push(takeWord())
    }
    if (words.length === 0 && found.length === 0) throw new ShellSyntaxError('a command is missing')
    return { type: 'simple', assignments: [], words, redirects: found }
  }

  function condition(): Node {
    if (peekWord() === '/i') at++
    const negated = peekWord() === 'not'
    if (negated) at++
    let test: Node
    if (peekWord() === 'exist') {
      at++
      test = { type: 'exists', path: takeWord() }
    } else {
      // errorlevel N, defined X, a == b: how these turn out is not followed.
      const words: Word[] = [{ plain: true, parts: [{ kind: 'text', text: 'if-condition' }] }]
      words.push(takeWord(), takeWord())
      test = { type: 'simple', assignments: [], words, redirects: [] }
    }
    const then = andOr()
    let otherwise: Node | undefined
    if (peekWord() === 'else') {
      at++
      otherwise = andOr()
    }
    return { type: 'if', condition: negated ? { type: 'not', body: test } : test, then, otherwise }
  }

  function redirects(): Redirect[] {
    const found: Redirect[] = []
    for (let next = input[at]; next !== undefined && 'operator' in next && /[<>]/.test(next.operator); next = input[at]) {
      const { operator, descriptor } = next
      at++
      if (operator === '>&' && peekOperator() === undefined) {
        found.push({ operator, descriptor, target: takeWord() })
        continue
      }
      found.push({ operator, descriptor, target: takeWord() })
    }
    return found
  }

  const body = sequence()
  if (at < input.length) throw new ShellSyntaxError('something is left over')
  return body
}
