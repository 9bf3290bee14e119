import { installServers } from './install-servers.mjs'

/** Before any test: the seven servers are in the cache. */
export default async function setup(): Promise<void> {
  await installServers()
}
