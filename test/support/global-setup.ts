import { execFileSync } from 'node:child_process'
import { installServers } from './install-servers.mjs'

/** Before any test: the program is built as users get it, and the seven servers are in the cache. */
export default async function setup(): Promise<void> {
  execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' })
  await installServers()
}
