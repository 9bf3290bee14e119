// Servers whose WAL goes through WAL-G's interface. The program here has that interface: it takes `wal-push PATH`, finds its
// place in WALG_FILE_PREFIX, stores the segment compressed, and refuses to replace one.
import fs from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'
import { configure, directoryOf, drained, expectNoAlarm, load, majorsOf, switchWal } from './support.ts'

const WAL_G = `#!/bin/sh
[ "$1" = wal-push ] && [ -n "$2" ] && [ -n "$WALG_FILE_PREFIX" ] || { echo "usage: wal-g wal-push PATH" >&2; exit 1; }
name=$(basename "$2")
mkdir -p "$WALG_FILE_PREFIX/wal_005" || exit 1
target="$WALG_FILE_PREFIX/wal_005/$name.gz"
echo "INFO: FILE PATH: $name.gz"
gzip -c "$2" > "$target.$$" && sync "$target.$$" && mv -n "$target.$$" "$target" && sync "$WALG_FILE_PREFIX/wal_005"
`
/** The part of daemontools' envdir that matters: a file a variable. */
const ENVDIR = `#!/bin/sh
for file in "$1"/*; do export "$(basename "$file")=$(head -n 1 "$file")"; done
shift
exec "$@"
`

describe.each(majorsOf(13, 18))('PostgreSQL %i under WAL-G', (major) => {
  let server: TestServer
  const commands = () => [
    `WALG_FILE_PREFIX=${server.root}/store wal-g wal-push %p`,
    `envdir ${server.root}/env wal-g wal-push %p`,
    `envdir ${server.root}/env ${server.root}/bin/wal-g wal-push "%p" >> ${server.root}/wal-g.log 2>&1`,
  ]

  beforeAll(async () => {
    server = await TestServer.create(major)
    for (const name of ['bin', 'env', 'store']) await directoryOf(server, name, 0o755)
    await fs.writeFile(`${server.root}/bin/wal-g`, WAL_G, { mode: 0o755 })
    await fs.writeFile(`${server.root}/bin/envdir`, ENVDIR, { mode: 0o755 })
    await fs.writeFile(`${server.root}/env/WALG_FILE_PREFIX`, `${server.root}/store\n`)
    // The server's archiver finds them through the PATH that it is started with.
    process.env['PATH'] = `${server.root}/bin:${process.env['PATH']}`
    await configure(server, 'archive_mode = on')
    await server.start()
  })
  afterAll(() => server?.remove())

  it('each way to call it: under load and at rest', async () => {
    for (const command of commands()) {
      await configure(server, `archive_command = '${command}'`)
      await server.pgCtl('reload')
      await eventually(async () => (await server.query<{ value: string }>("SELECT current_setting('archive_command') AS value"))[0]!.value === command)
      const busy = await load(server, 2)
      try {
        await expectNoAlarm(server, `${command}, under load`)
      } finally {
        await busy.stop()
      }
      const before = (await fs.readdir(`${server.root}/store/wal_005`).catch(() => [])).length
      await switchWal(server)
      await drained(server)
      expect((await fs.readdir(`${server.root}/store/wal_005`)).length).toBeGreaterThan(before)
      await expectNoAlarm(server, `${command}, at rest`)
    }
  })
})
