/** Long runs look at many more generated cases (`npm run test:long`). */
export const LONG = process.env['PGWAL_LONG'] === '1'

/** The seed of all generated cases: the same in every ordinary run, another one in each long run; `PGWAL_SEED` repeats one. */
export const SEED = process.env['PGWAL_SEED'] === undefined ? LONG ? Date.now() & 0x7fffffff : 20_261_123 : Number(process.env['PGWAL_SEED'])
