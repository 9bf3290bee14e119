// The tree that both shells are read into. It keeps what decides about archiving: what runs when, with which words.

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  /** `$NAME`, `$1`, `${NAME##NAME%…}`; `operator` is everything after the name within the braces. */
  | { readonly kind: 'parameter'; readonly name: string; readonly operator: string }
  /** `$(…)` and backquotes. */
  | { readonly kind: 'output'; readonly source: string }

/** One word before expansion. `plain`: nothing in it was quoted, so that it can be a reserved word. */
export interface Word { readonly parts: readonly Part[]; readonly plain: boolean }

export interface Redirect { readonly operator: string; readonly descriptor: number; readonly target: Word }

export type Node =
  | { readonly type: 'simple'; readonly assignments: readonly (readonly [string, Word])[]; readonly words: readonly Word[]; readonly redirects: readonly Redirect[] }
  | { readonly type: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly type: 'pipe'; readonly stages: readonly Node[] }
  | { readonly type: 'not'; readonly body: Node }
  | { readonly type: 'list'; readonly items: readonly { readonly node: Node; readonly background: boolean }[] }
  | { readonly type: 'if'; readonly condition: Node; readonly then: Node; readonly otherwise: Node | undefined }
  | { readonly type: 'loop'; readonly until: boolean; readonly condition: Node; readonly body: Node }
  /** cmd.exe's `if exist`. */
  | { readonly type: 'exists'; readonly path: Word }
  | { readonly type: 'group'; readonly body: Node; readonly subshell: boolean; readonly redirects: readonly Redirect[] }
  /** Any of these may run, or none. */
  | { readonly type: 'choice'; readonly branches: readonly Node[] }
  | { readonly type: 'function'; readonly name: string; readonly body: Node }

/** The text is no command that this shell would run. */
export class ShellSyntaxError extends Error {
  override readonly name = 'ShellSyntaxError'
}

export const EMPTY: Node = { type: 'list', items: [] }

/** The text of a word that holds neither parameters nor output of commands. */
export function literal(word: Word): string | undefined {
  return word.parts.every((part) => part.kind === 'text') ? word.parts.map((part) => part.kind === 'text' ? part.text : '').join('') : undefined
}
