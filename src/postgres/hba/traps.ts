// What the server accepts without a word, or with a word that does not help, and what is not what its author meant.
// See https://www.postgresql.org/docs/current/auth-pg-hba-conf.html for the grammar.
import { parseIp } from './address.ts'
import { readable, toByteString } from './bytes.ts'
import type { LogicalLine, Token } from './lexer.ts'
import type { HbaFile, HbaLine, HbaSourceFile } from './read.ts'
import { ADDRESS_KEYWORDS, CONNECTION_TYPES, DATABASE_KEYWORDS, methodsOf } from './rule.ts'
import type { HbaRule } from './types.ts'

export const HBA_TRAPS = {
  'comment-continuation': 'a comment ends in a backslash and swallows the next line (14 and later)',
  'comment-continuation-later': 'a comment ends in a backslash: from 14 on it would swallow the next line',
  'backslash-then-blank': 'a backslash at the end of a line, followed by a blank, does not continue the line',
  'backslash-before-14': 'a backslash at the end of a line does not continue it before 14',
  'backslash-at-end': 'the file ends in a backslash: a line added below would be swallowed (14 and later)',
  'short-address': 'an abbreviated IPv4 address means something else than it seems: 10/8 is 0.0.0.10/8',
  'octal-address': 'an IPv4 number with a leading zero is octal',
  'host-bits': 'the address has bits outside its mask, which are ignored',
  'mask-with-holes': 'the mask is not contiguous',
  'star-address': '* is not a wildcard: it is taken for a host name and never matches',
  'odd-host-name': 'taken for a host name, though it cannot be one',
  'address-like-name': 'looks like an IP address but is none, so it is taken for a host name',
  'wrong-case': 'a keyword in the wrong case is an ordinary name',
  'wrong-case-error': 'types and methods are written in lower case',
  'quoted-keyword': 'in quotes a keyword is an ordinary name',
  'quoted-group': 'in quotes the plus sign is part of the name: no group',
  'quoted-file': 'in quotes the at sign is part of the name: no file is read',
  'star-name': '* is not a wildcard in the database and user fields: it is a name',
  'regex-before-16': 'regular expressions exist from 16 on: this is an ordinary name',
  'include-before-16': 'include directives exist from 16 on',
  'single-quotes': 'single quotes are part of the name; only double quotes quote',
  'include-list': 'only the first name of the list is included',
  'include-nothing': 'a directory is included as if it were a file: it counts as empty',
  'space-before-comma': 'a blank before a comma ends the list',
  'hash-in-word': 'a # right behind a word begins a comment: what follows is not part of the word',
  'unterminated-quote': 'the quote is not closed: everything to the end of the line belongs to the name',
  'method-as-mask': 'the address has no /length, so the next word is taken for its mask',
  'no-replication-rule': '"all" does not cover physical replication, and no rule has the keyword replication',
  'hostssl-ssl-off': 'this rule cannot match while ssl is off',
  'hostgssenc-not-built': 'this rule cannot match: the server was built without GSSAPI',
  'md5-deprecated': 'MD5 passwords are deprecated from 18 on',
  'clientcert-before-14': 'this value of clientcert is an error from 14 on',
  'ident-is-peer': 'ident on a local line means peer',
  'long-name': 'names have at most 63 bytes: this one never matches',
  'byte-order-mark': 'the file begins with a byte order mark, which becomes part of the first word',
  'cr-line-ends': 'lines end in CR alone: the server sees one single line',
  'zero-byte': 'a zero byte hides the rest of its line',
  'invisible-character': 'a no-break space, a typographic quote or the like, which is not what it looks like',
  'line-too-long': 'before 14 the length of a line is limited (20478 bytes; 8190 before 12.12 and 13.8)',
  'radius-server-name': 'the server looks this name up when it reads the file: if that fails, the whole file is refused',
  'file-circle': 'a file of names includes itself: servers before 16 crash on it',
} as const

export type HbaTrapCode = keyof typeof HBA_TRAPS

export interface HbaTrap {
  readonly code: HbaTrapCode
  /** `error`: the line is refused for it; `warning`: it does something else than it seems; `info`: good to know. */
  readonly severity: 'error' | 'warning' | 'info'
  readonly file: string
  readonly line: number
  /** The words concerned, and what they mean to the server. */
  readonly params: Readonly<Record<string, string | number>>
}

/** UTF-8 of a no-break space, zero-width characters, typographic dashes and quotes, a byte order mark. */
const INVISIBLE = /\xc2\xa0|\xe2\x80[\x80-\x9f]|\xef\xbb\xbf/

class Finder {
  readonly found: HbaTrap[] = []

  constructor(private readonly hba: HbaFile) {}

  report(at: { readonly file: string; readonly line: number }, code: HbaTrapCode, severity: HbaTrap['severity'], params: HbaTrap['params'] = {}): void {
    this.found.push({ code, severity, file: at.file, line: at.line, params })
  }

  file(source: HbaSourceFile): void {
    const content = toByteString(source.bytes)
    const first = { file: source.path, line: 1 }
    if (content.startsWith('\xef\xbb\xbf')) this.report(first, 'byte-order-mark', 'error')
    if (content.includes('\r') && !content.includes('\n') && content.trimEnd().includes('\r')) this.report(first, 'cr-line-ends', 'warning')
    for (const [index, line] of source.lines.entries()) this.physical(source, content, line, index === source.lines.length - 1)
  }

  private physical(source: HbaSourceFile, content: string, line: LogicalLine, last: boolean): void {
    const at = { file: source.path, line: line.line }
    if (line.error !== null) this.report(at, 'line-too-long', 'error')
    const bytes = content.slice(line.start, line.end)
    if (bytes.includes('\0')) this.report(at, 'zero-byte', 'warning')
    if (line.continuations > 0) this.continuation(at, bytes, last)
    if (!/\\[ \t\r]*\n?$/.test(bytes)) return
    const comment = scan(line.text).inComment
    if (this.hba.major < 14) {
      if (comment) this.report(at, 'comment-continuation-later', 'info')
      else if (/\\[\r\n]*$/.test(bytes)) this.report(at, 'backslash-before-14', 'warning')
    } else if (!comment && /\\[\r]*[ \t][ \t\r]*\n?$/.test(bytes) && !last) this.report(at, 'backslash-then-blank', 'warning')
  }

  /** From 14 on: what a backslash inside or behind a comment swallows. */
  private continuation(at: { file: string; line: number }, bytes: string, last: boolean): void {
    const physical = bytes.split('\n')
    if (last && /\\\r*\n?$/.test(bytes)) this.report({ file: at.file, line: at.line + physical.length - (bytes.endsWith('\n') ? 2 : 1) }, 'backslash-at-end', 'warning')
    let joined = ''
    for (const [index, text] of physical.entries()) {
      const { inComment } = scan(joined)
      if (inComment && /^[ \t]*[^#\s]/.test(text)) {
        this.report({ file: at.file, line: at.line + index }, 'comment-continuation', 'warning', { swallowed: readable(text.trim()), comment: at.line })
      }
      joined += text.replace(/[\r]*$/, '').replace(/\\$/, '')
    }
  }

  line(line: HbaLine): void {
    this.words(line)
    if (line.rule === null) this.refused(line)
    else this.rule(line, line.rule)
  }

  private words(line: HbaLine): void {
    const { bare, inComment, openQuote } = scan(line.text)
    const hashed = inComment && !/^(?:#*$|#*[ \t\r])/.test(line.text.slice(bare.length))
    const severity = line.error?.fatal === true ? 'error' : 'warning'
    if (INVISIBLE.test(line.line === 1 ? bare.replace(/^\xef\xbb\xbf/, '') : bare)) this.report(line, 'invisible-character', severity)
    const word = hashed ? /[^ \t\r,]+$/.exec(bare) : null
    if (word !== null) this.report(line, 'hash-in-word', 'warning', { word: readable(word[0]) })
    if (openQuote) this.report(line, 'unterminated-quote', severity)
    if (line.rule === null && /[^,\s][ \t]+,/.test(bare)) this.report(line, 'space-before-comma', 'error')
  }

  private refused(line: HbaLine): void {
    const fields = line.fields
    const first = fields[0]?.[0]?.raw ?? ''
    if (/^include(_if_exists|_dir)?$/.test(first) && this.hba.major < 16) this.report(line, 'include-before-16', 'error', { directive: first })
    if (/^\s*include(_if_exists|_dir)?[ \t]+'/.test(line.text) && this.hba.major >= 16) this.report(line, 'single-quotes', 'error', { word: readable(line.text.trim()) })
    if (!CONNECTION_TYPES.includes(first) && CONNECTION_TYPES.includes(first.toLowerCase())) this.report(line, 'wrong-case-error', 'error', { word: first, meant: first.toLowerCase() })
    const method = fields.flat().find((token) => !methodsOf(this.hba.major).includes(token.raw) && /[A-Z]/.test(token.raw) && methodsOf(this.hba.major).includes(token.raw.toLowerCase()))
    if (method !== undefined && line.error?.message.startsWith('invalid authentication method') === true) this.report(line, 'wrong-case-error', 'error', { word: method.raw, meant: method.raw.toLowerCase() })
    if (line.error?.message.startsWith('invalid IP mask') === true) this.report(line, 'method-as-mask', 'error', { word: fields[4]?.[0]?.raw ?? '', address: fields[3]?.[0]?.raw ?? '' })
  }

  private rule(line: HbaLine, rule: HbaRule): void {
    const [, databases = [], users = [], address = []] = line.fields
    for (const token of databases) this.name(line, token, 'database', DATABASE_KEYWORDS)
    for (const token of users) this.name(line, token, 'user', ['all'])
    const peerToken = address[0]
    if (rule.type !== 'local' && peerToken !== undefined) this.address(line, rule, peerToken)
    if (rule.warning !== null && rule.type === 'hostssl') this.report(line, 'hostssl-ssl-off', 'warning')
    if (rule.warning !== null && rule.type === 'hostgssenc') this.report(line, 'hostgssenc-not-built', 'warning')
    if (rule.method === 'md5' && this.hba.major >= 18) this.report(line, 'md5-deprecated', 'info')
    const words = line.fields.slice(rule.type === 'local' ? 3 : 4).flat().map((token) => token.raw)
    if (rule.type === 'local' && words[0] === 'ident') this.report(line, 'ident-is-peer', 'info')
    const clientcert = words.find((word) => /^clientcert=(?:0|1|no-verify)$/.test(word))
    if (clientcert !== undefined && this.hba.major < 14) this.report(line, 'clientcert-before-14', 'info', { word: clientcert })
  }

  private name(line: HbaLine, token: Token, field: 'database' | 'user', keywords: readonly string[]): void {
    const word = readable(token.raw)
    const params = { field, word }
    if (token.quoted) {
      if (keywords.includes(token.raw)) this.report(line, 'quoted-keyword', 'info', params)
      else if (field === 'user' && token.raw.length > 1 && token.raw.startsWith('+')) this.report(line, 'quoted-group', 'info', params)
      else if (token.raw.length > 1 && token.raw.startsWith('@')) this.report(line, 'quoted-file', 'info', params)
    } else if (token.raw === '*') this.report(line, 'star-name', 'warning', params)
    else if (!keywords.includes(token.raw) && keywords.includes(token.raw.toLowerCase())) this.report(line, 'wrong-case', 'warning', { ...params, meant: token.raw.toLowerCase() })
    if (/^'.*'$/.test(token.raw)) this.report(line, 'single-quotes', 'warning', params)
    if (token.raw.startsWith('/') && this.hba.major < 16) this.report(line, 'regex-before-16', 'warning', params)
    const isName = !token.raw.startsWith('/') || this.hba.major < 16
    if (isName && (token.raw.startsWith('+') && !token.quoted ? token.raw.length - 1 : token.raw.length) > 63) this.report(line, 'long-name', 'warning', params)
  }

  private address(line: HbaLine, rule: HbaRule, token: Token): void {
    const text = readable(token.raw)
    const peer = rule.peer!
    if (peer.kind === 'name') {
      if (text === '*') this.report(line, 'star-address', 'warning')
      else if (ADDRESS_KEYWORDS.includes(text.toLowerCase())) {
        this.report(line, token.quoted ? 'quoted-keyword' : 'wrong-case', 'warning', { field: 'address', word: text, meant: text.toLowerCase() })
      } else if (/^[0-9.*x]+$/i.test(text) || (text.includes(':') && /^[0-9a-f:.]+$/i.test(text))) this.report(line, 'address-like-name', 'warning', { word: text })
      else if (!/^\.?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$/.test(text)) this.report(line, 'odd-host-name', 'warning', { word: text })
      return
    }
    if (peer.kind !== 'net') return
    const written = text.split('/')[0]!
    const meaning = `${rule.address!}/${peer.net.length ?? rule.mask!}`
    if (peer.net.family === 4) {
      if (written.split('.').length < 4) this.report(line, 'short-address', 'warning', { word: text, meaning })
      else if (/^[0-9.]+$/.test(written) && written.split('.').some((part) => /^0[0-9]/.test(part))) this.report(line, 'octal-address', 'warning', { word: text, meaning })
    }
    if (peer.net.length === null) this.report(line, 'mask-with-holes', 'warning', { word: rule.mask! })
    else if (parseIp(rule.address!)!.value !== peer.net.base) this.report(line, 'host-bits', 'info', { word: text, meaning: `${rule.address!}/${peer.net.length}` })
  }

  whole(): void {
    const { rules, includes, files, major } = this.hba
    const everybody = rules.find((rule) => rule.databases.some((name) => name.kind === 'all'))
    if (everybody !== undefined && !rules.some((rule) => rule.databases.some((name) => name.kind === 'replication'))) {
      this.report(everybody, 'no-replication-rule', 'info')
    }
    for (const { kind, file, line, word } of this.hba.uncertain) if (kind === 'radius-server') this.report({ file, line }, 'radius-server-name', 'warning', { word })
    if (major < 16) {
      for (const error of this.hba.errors) if (error.message.endsWith('maximum nesting depth exceeded')) this.report(error, 'file-circle', 'error')
      return
    }
    for (const include of includes) {
      if (include.directive === 'include_dir') continue
      const source = files.find((file) => file.path === include.file)
      const text = source?.lines.find((line) => line.line === include.line)?.text ?? ''
      if (/^\s*"?include(_if_exists)?"?\s+[^#]*,/.test(text)) this.report(include, 'include-list', 'warning', { target: include.target })
      if (include.files.some((path) => !files.some((file) => file.path === path))) this.report(include, 'include-nothing', 'warning', { target: include.target })
    }
  }
}

interface Scan {
  /** The text before a comment, with what stands in quotes replaced by `q`. */
  readonly bare: string
  readonly inComment: boolean
  readonly openQuote: boolean
}

function scan(text: string): Scan {
  let bare = ''
  let inQuote = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') inQuote = !inQuote
    else if (character === '#' && !inQuote) return { bare, inComment: true, openQuote: false }
    bare += inQuote || character === '"' ? 'q' : character
  }
  return { bare, inComment: false, openQuote: inQuote }
}

/** The traps of the files, each with its place, in the order of the files and lines. */
export function traps(hba: HbaFile): HbaTrap[] {
  const finder = new Finder(hba)
  for (const source of hba.files) finder.file(source)
  for (const line of hba.lines) finder.line(line)
  finder.whole()
  const order = new Map(hba.files.map((file, index) => [file.path, index]))
  return finder.found.sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line)
}
