import tseslint from 'typescript-eslint'

const outside = ['node:*', 'fs', 'child_process', 'os', 'net', 'path', 'execa', 'pg', 'ini', 'chalk', '@oclif/*', '@inquirer/*']

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**'] },
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      eqeqeq: 'error',
    },
  },
  {
    // The one file that must not be a module: see there.
    files: ['bin/run.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // What decides never touches the machine.
    files: ['src/postgres/**', 'src/checks/**', 'src/messages/**', 'src/plan/planner.ts', 'src/plan/goal.ts', 'src/report/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: outside.filter((name) => name !== 'chalk').map((group) => ({ group: [group], message: 'pure code: ask through facts and the Host' })) }] },
  },
  {
    // Only host/ opens files, starts processes and talks SQL.
    files: ['src/app/**', 'src/platforms/**', 'src/facts/**', 'src/plan/**', 'src/probes/**', 'src/recover/**', 'src/backup/**', 'src/commands/**', 'src/base-command.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['node:fs', 'node:fs/*', 'node:child_process', 'node:os', 'node:net', 'execa', 'pg'].map((group) => ({ group: [group], message: 'only src/host may: go through the Host' })) }],
      'no-restricted-globals': ['off'],
    },
  },
)
