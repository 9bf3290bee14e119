// Reads POSIX shell (and the `[[`, `function` and `&>` of bash) into a tree.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
import { EMPTY, literal, type Node, type Part, type Redirect, ShellSyntaxError, type Word } from './syntax.ts'

const OPERATORS = ['&&', '||', ';;&', ';;', ';&', ';', '&>>', '&>', '&', '|&', '|', '(', ')', '\n']
const REDIRECTS = ['<<<', '<<-', '<<', '<>', '<&', '<', '>>', '>|', '>&', '>']
const META = new Set([' ', '\t', '\n', ';', '&', '|', '(', ')', '<', '>'])

/** @throws ShellSyntaxError where the shell would complain as well. */
export function parseSh(source: string): Node {
  const parser = new Parser(source)
  const body = parser.list(new Set())
  parser.end()
  return body
}

class Parser {
  #at = 0
  #heredocs: { delimiter: string; strip: boolean }[] = []

  constructor(readonly source: string) {}

  end(): void {
    this.#blank()
    if (this.#at < this.source.length) throw new ShellSyntaxError(`unexpected ${JSON.stringify(this.source[this.#at])}`)
  }

  #blank(): void {
    for (;;) {
      const next = this.source[this.#at]
      if (next === ' ' || next === '\t' || next === '\r') this.#at++
      else if (next === '\\' && this.source[this.#at + 1] === '\n') this.#at += 2
      else if (next === '#' && (this.#at === 0 || META.has(this.source[this.#at - 1]!))) {
        while (this.#at < this.source.length && this.source[this.#at] !== '\n') this.#at++
      } else return
    }
  }

  #operator(): string | undefined {
    this.#blank()
    return OPERATORS.find((operator) => this.source.startsWith(operator, this.#at))
  }

  #take(operator: string): void {
    this.#at += operator.length
    if (operator !== '\n') return
    for (const { delimiter, strip } of this.#heredocs.splice(0)) {
      for (;;) {
        if (this.#at >= this.source.length) break
        const end = this.source.indexOf('\n', this.#at)
        const line = this.source.slice(this.#at, end < 0 ? undefined : end)
        this.#at = end < 0 ? this.source.length : end + 1
        if ((strip ? line.replace(/^\t+/, '') : line) === delimiter) break
      }
    }
  }

  #newlines(): void {
    while (this.#operator() === '\n') this.#take('\n')
  }

  /** The next word if it is one of these reserved words, without taking it. */
  #reserved(words: ReadonlySet<string>): string | undefined {
    this.#blank()
    const found = /^(?:[a-z]+|[{}!]|\[\[)(?=$|[\s;&|()<>])/.exec(this.source.slice(this.#at, this.#at + 12))
    return found !== null && words.has(found[0]) ? found[0] : undefined
  }

  #expect(word: string): void {
    this.#newlines()
    if (this.#reserved(new Set([word])) === undefined) throw new ShellSyntaxError(`expected ${word}`)
    this.#at += word.length
  }

  /** Commands up to one of these reserved words, a closing parenthesis, `;;` or the end; none of them is taken. */
  list(until: ReadonlySet<string>): Node {
    const items: { node: Node; background: boolean }[] = []
    for (;;) {
      this.#newlines()
      if (this.#at >= this.source.length || this.#reserved(until) !== undefined) break
      const stop = this.#operator()
      if (stop === ')' || stop === ';;' || stop === ';&' || stop === ';;&') break
      const node = this.#andOr()
      const after = this.#operator()
      if (after === ';' || after === '&' || after === '\n') this.#take(after)
      items.push({ node, background: after === '&' })
      if (after === undefined && this.#at < this.source.length && this.#reserved(until) === undefined) throw new ShellSyntaxError('expected an operator')
    }
    return items.length === 1 && !items[0]!.background ? items[0]!.node : { type: 'list', items }
  }

  #andOr(): Node {
    let left = this.#pipeline()
    for (;;) {
      const operator = this.#operator()
      if (operator !== '&&' && operator !== '||') return left
      this.#take(operator)
      this.#newlines()
      left = { type: operator === '&&' ? 'and' : 'or', left, right: this.#pipeline() }
    }
  }

  #pipeline(): Node {
    if (this.#reserved(new Set(['!'])) !== undefined) {
      this.#at++
      return { type: 'not', body: this.#pipeline() }
    }
    const stages = [this.#command()]
    for (;;) {
      const operator = this.#operator()
      if (operator !== '|' && operator !== '|&') break
      this.#take(operator)
      this.#newlines()
      stages.push(this.#command())
    }
    return stages.length === 1 ? stages[0]! : { type: 'pipe', stages }
  }

  #command(): Node {
    if (this.#operator() === '(') {
      this.#take('(')
      const body = this.list(new Set())
      if (this.#operator() !== ')') throw new ShellSyntaxError('expected )')
      this.#take(')')
      return { type: 'group', body, subshell: true, redirects: this.#redirects() }
    }
    const keyword = this.#reserved(new Set(['if', 'while', 'until', 'for', 'case', '{', '[[', 'function', 'then', 'else', 'elif', 'fi', 'do', 'done', 'esac', '}', 'select']))
    if (keyword === undefined) return this.#simple()
    this.#at += keyword.length
    switch (keyword) {
      case '{': {
        const body = this.list(new Set(['}']))
        this.#expect('}')
        return { type: 'group', body, subshell: false, redirects: this.#redirects() }
      }
      case 'if': {
        const node = this.#rest()
        this.#redirects()
        return node
      }
      case 'while':
      case 'until': {
        const condition = this.list(new Set(['do']))
        return { type: 'loop', until: keyword === 'until', condition, body: this.#doGroup() }
      }
      case 'for':
      case 'select':
        while (this.#at < this.source.length && this.#reserved(new Set(['do'])) === undefined) {
          const operator = this.#operator()
          if (operator !== undefined) this.#take(operator)
          else this.#wordHere()
        }
        return { type: 'choice', branches: [this.#doGroup()] }
      case 'case':
        return this.#case()
      case '[[':
        return this.#doubleBracket()
      case 'function': {
        this.#blank()
        const name = literal(this.#wordHere()) ?? ''
        if (this.#operator() === '(') {
          this.#take('(')
          this.#expectOperator(')')
        }
        this.#newlines()
        return { type: 'function', name, body: this.#command() }
      }
      default:
        throw new ShellSyntaxError(`unexpected ${keyword}`)
    }
  }

  #expectOperator(operator: string): void {
    if (this.#operator() !== operator) throw new ShellSyntaxError(`expected ${operator}`)
    this.#take(operator)
  }

  #doGroup(): Node {
    this.#expect('do')
    const body = this.list(new Set(['done']))
    this.#expect('done')
    return { type: 'group', body, subshell: false, redirects: this.#redirects() }
  }

  /** From behind `if` or `elif` to behind `fi`. */
  #rest(): Node {
    const condition = this.list(new Set(['then']))
    this.#expect('then')
    const then = this.list(new Set(['elif', 'else', 'fi']))
    const next = this.#reserved(new Set(['elif', 'else', 'fi']))
    if (next === undefined) throw new ShellSyntaxError('expected fi')
    this.#at += next.length
    if (next === 'fi') return { type: 'if', condition, then, otherwise: undefined }
    if (next === 'elif') return { type: 'if', condition, then, otherwise: this.#rest() }
    const otherwise = this.list(new Set(['fi']))
    this.#expect('fi')
    return { type: 'if', condition, then, otherwise }
  }

  #case(): Node {
    this.#wordHere()
    this.#expect('in')
    const branches: Node[] = []
    let all = false
    for (;;) {
      this.#newlines()
      if (this.#reserved(new Set(['esac'])) !== undefined) break
      if (this.#operator() === '(') this.#take('(')
      for (;;) {
        this.#blank()
        const pattern = this.#wordHere()
        if (pattern.plain && literal(pattern) === '*') all = true
        const operator = this.#operator()
        if (operator !== '|' && operator !== ')') throw new ShellSyntaxError('expected ) in case')
        this.#take(operator)
        if (operator === ')') break
      }
      branches.push(this.list(new Set(['esac'])))
      const stop = this.#operator()
      if (stop === ';;' || stop === ';&' || stop === ';;&') this.#take(stop)
      else if (this.#reserved(new Set(['esac'])) === undefined) throw new ShellSyntaxError('expected esac')
    }
    this.#at += 'esac'.length
    this.#redirects()
    // Without a catch-all branch, the one that does nothing is possible as well.
    return { type: 'choice', branches: all ? [...branches, ...(branches.length === 0 ? [EMPTY] : [])] : [...branches, EMPTY] }
  }

  #doubleBracket(): Node {
    const words: Word[] = [{ plain: true, parts: [{ kind: 'text', text: '[[' }] }]
    for (;;) {
      this.#blank()
      if (this.#at >= this.source.length) throw new ShellSyntaxError('expected ]]')
      const operator = ['&&', '||', '<', '>', '(', ')', '\n', '|'].find((text) => this.source.startsWith(text, this.#at))
      if (operator !== undefined) {
        this.#at += operator.length
        words.push({ plain: true, parts: [{ kind: 'text', text: operator === '&&' ? '-a' : operator === '||' ? '-o' : operator }] })
        continue
      }
      const word = this.#wordHere()
      words.push(word)
      if (word.plain && literal(word) === ']]') return { type: 'simple', assignments: [], words, redirects: this.#redirects() }
    }
  }

  #redirects(): Redirect[] {
    const redirects: Redirect[] = []
    for (let redirect = this.#redirect(); redirect !== undefined; redirect = this.#redirect()) redirects.push(redirect)
    return redirects
  }

  #redirect(): Redirect | undefined {
    this.#blank()
    const digits = /^\d+(?=[<>])/.exec(this.source.slice(this.#at, this.#at + 4))?.[0] ?? ''
    const from = this.#at + digits.length
    const operator = this.source.startsWith('&>', from) ? '&>' : REDIRECTS.find((text) => this.source.startsWith(text, from))
    if (operator === undefined) return undefined
    this.#at = from + operator.length
    this.#blank()
    const target = this.#word()
    if (target.parts.length === 0 && target.plain) throw new ShellSyntaxError('a redirection without a target')
    if (operator === '<<' || operator === '<<-') this.#heredocs.push({ delimiter: literal(target) ?? '', strip: operator === '<<-' })
    return { operator, descriptor: digits === '' ? (operator.startsWith('<') ? 0 : 1) : Number(digits), target }
  }

  #simple(): Node {
    const assignments: [string, Word][] = []
    const words: Word[] = []
    const redirects: Redirect[] = []
    for (;;) {
      const redirect = this.#redirect()
      if (redirect !== undefined) {
        redirects.push(redirect)
        continue
      }
      if (this.#at >= this.source.length) break
      const operator = this.#operator()
      if (operator === '(' && words.length === 1 && assignments.length === 0) {
        this.#take('(')
        this.#expectOperator(')')
        this.#newlines()
        return { type: 'function', name: literal(words[0]!) ?? '', body: this.#command() }
      }
      if (operator !== undefined) break
      const assignment = words.length === 0 ? /^([A-Za-z_]\w*)\+?=/.exec(this.source.slice(this.#at, this.#at + 80)) : null
      if (assignment !== null) {
        this.#at += assignment[0].length
        assignments.push([assignment[1]!, this.#word()])
      } else {
        words.push(this.#wordHere())
      }
    }
    if (words.length === 0 && assignments.length === 0 && redirects.length === 0) throw new ShellSyntaxError(`unexpected ${JSON.stringify(this.source[this.#at] ?? 'end')}`)
    return { type: 'simple', assignments, words, redirects }
  }

  /** A word that must be there. */
  #wordHere(): Word {
    this.#blank()
    const before = this.#at
    const word = this.#word()
    if (this.#at === before) throw new ShellSyntaxError(`unexpected ${JSON.stringify(this.source[this.#at] ?? 'end')}`)
    return word
  }

  #word(): Word {
    const parts: Part[] = []
    let text = ''
    let plain = true
    const flush = (): void => {
      if (text !== '') parts.push({ kind: 'text', text })
      text = ''
    }
    for (;;) {
      const next = this.source[this.#at]
      if (next === undefined || META.has(next)) break
      if (next === '\\') {
        plain = false
        if (this.source[this.#at + 1] !== '\n') text += this.source[this.#at + 1] ?? ''
        this.#at += 2
      } else if (next === "'") {
        plain = false
        const end = this.source.indexOf("'", this.#at + 1)
        if (end < 0) throw new ShellSyntaxError('a quote is not closed')
        text += this.source.slice(this.#at + 1, end)
        this.#at = end + 1
      } else if (next === '"') {
        plain = false
        this.#at++
        for (;;) {
          const inner = this.source[this.#at]
          if (inner === undefined) throw new ShellSyntaxError('a quote is not closed')
          if (inner === '"') {
            this.#at++
            break
          }
          if (inner === '\\' && '$`"\\\n'.includes(this.source[this.#at + 1] ?? ' ')) {
            if (this.source[this.#at + 1] !== '\n') text += this.source[this.#at + 1]!
            this.#at += 2
          } else if (inner === '$' || inner === '`') {
            const part = this.#expansion()
            if (part === undefined) {
              text += '$'
            } else {
              flush()
              parts.push(part)
            }
          } else {
            text += inner
            this.#at++
          }
        }
      } else if (next === '$' || next === '`') {
        if (next === '$' && this.source[this.#at + 1] === "'") {
          this.#at++
          continue
        }
        plain = false
        const part = this.#expansion()
        if (part === undefined) {
          text += '$'
        } else {
          flush()
          parts.push(part)
        }
      } else {
        text += next
        this.#at++
      }
    }
    flush()
    return { parts, plain }
  }

  /** At `$` or a backquote; undefined (one character taken) where the dollar stands for itself. */
  #expansion(): Part | undefined {
    if (this.source[this.#at] === '`') {
      const end = this.#closing('`', '`')
      return { kind: 'output', source: end }
    }
    this.#at++
    const next = this.source[this.#at] ?? ''
    if (next === '(') return { kind: 'output', source: this.#closing('(', ')') }
    if (next === '{') {
      const inner = this.#closing('{', '}')
      const name = /^#?(?:\w+|[@*#?$!-])/.exec(inner)?.[0] ?? ''
      return { kind: 'parameter', name, operator: inner.slice(name.length) }
    }
    const name = /^(?:[A-Za-z_]\w*|\d|[@*#?$!-])/.exec(this.source.slice(this.#at, this.#at + 80))?.[0]
    if (name === undefined) return undefined
    this.#at += name.length
    return { kind: 'parameter', name, operator: '' }
  }

  /** What stands between two brackets that nest, minding quotes; ends behind the closing one. */
  #closing(open: string, close: string): string {
    const begin = this.#at + 1
    let depth = 1
    for (let at = begin; at < this.source.length; at++) {
      const next = this.source[at]!
      if (next === '\\') at++
      else if (next === "'" && open !== '`') {
        const end = this.source.indexOf("'", at + 1)
        if (end < 0) break
        at = end
      } else if (next === close && --depth === 0) {
        this.#at = at + 1
        return this.source.slice(begin, at)
      } else if (next === open) depth++
    }
    throw new ShellSyntaxError(`expected ${close}`)
  }
}
