export type { Answer, Judgement, JudgementKind, Problem, ProblemCode } from './judgement.ts'
export * from './reader.ts'
export * from './writer.ts'
